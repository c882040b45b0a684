#include "fleet/api/http_stream.h"

#include <algorithm>
#include <utility>

namespace espalier::fleet::api {

void Stream::wake() {
  if (std::exchange(asleep_, false) && wake_) wake_();
}

bool Stream::send(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  if (detached_ || state_ != State::kOpen) return false;
  if (waiting_.size() - taken_ + bytes.size() > limit_) {
    state_ = State::kOverrun;
    std::exchange(waiting_, {});
    taken_ = 0;
    asleep_ = true;  // whoever is in the middle of a write has to know, too
  } else {
    waiting_ += bytes;
  }
  wake();
  return state_ == State::kOpen;
}

void Stream::finish() {
  const std::lock_guard lock(mutex_);
  if (detached_ || state_ != State::kOpen) return;
  state_ = State::kFinished;
  wake();
}

bool Stream::open() const {
  const std::lock_guard lock(mutex_);
  return !detached_ && state_ == State::kOpen;
}

bool Stream::overrun() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kOverrun;
}

void Stream::keep(std::shared_ptr<void> what) {
  const std::lock_guard lock(mutex_);
  if (!detached_) kept_.push_back(std::move(what));
  // Else `what` ends behind the lock: its end may wait for a send().
}

void Stream::attach(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
}

Stream::Taken Stream::take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  Taken taken;
  const std::size_t size = std::min(most, waiting_.size() - taken_);
  taken.bytes = waiting_.substr(taken_, size);
  taken_ += size;
  if (taken_ == waiting_.size()) {
    // A burst's memory is given back.
    if (waiting_.capacity() > 65536) std::exchange(waiting_, {});
    waiting_.clear();
    taken_ = 0;
  } else if (taken_ > waiting_.size() / 2) {
    waiting_.erase(0, std::exchange(taken_, 0));
  }
  // The end is told behind the last byte.
  if (waiting_.empty()) taken.state = state_;
  asleep_ = taken.bytes.empty() && taken.state == State::kOpen;
  return taken;
}

void Stream::detach() {
  std::vector<std::shared_ptr<void>> kept;
  {
    const std::lock_guard lock(mutex_);
    detached_ = true;
    wake_ = nullptr;
    std::exchange(waiting_, {});
    taken_ = 0;
    kept.swap(kept_);
  }
  // Subscriptions end here, without the lock: their ends wait for a callback that may be in send().
}

}  // namespace espalier::fleet::api
