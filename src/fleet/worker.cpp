#include "fleet/worker.h"

#include <pthread.h>

#include <algorithm>
#include <ctime>

namespace espalier::fleet {
namespace {

// How long runnables get their turns before the host's descriptors are looked at again.
constexpr std::uint64_t kHostInterval = 100'000;
// After so many turns of those that were woken one of those that go on has its turn.
constexpr unsigned kMostInARow = 3;
// What a limited runnable may save up.
constexpr double kBurst = 20e6;

std::uint64_t thread_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

Runnable::Runnable(Worker& worker)
    : worker_(worker), timer_(worker.loop_, [this] {
        throttled_ = false;
        if (where_ == Where::kAsleep) worker_.enqueue(*this, Where::kWoken);
      }) {
  ++worker_.runnables_;
}

Runnable::~Runnable() {
  --worker_.runnables_;
  if (where_ == Where::kWoken) std::erase(worker_.woken_, this);
  if (where_ == Where::kBusy) std::erase(worker_.busy_, this);
}

void Runnable::wake() {
  noticed_ = true;
  if (running_ || throttled_ || where_ != Where::kAsleep) return;
  worker_.enqueue(*this, Where::kWoken);
}

// A bucket that fills at the rate of the share. With nothing in it the runnable waits until it has filled.
std::uint64_t Runnable::throttle(std::uint64_t wait, std::uint64_t used) {
  const std::uint64_t now = base::EventLoop::now_ns();
  allowance_ns_ += share_ * static_cast<double>(now - allowance_at_ns_);
  allowance_ns_ = std::min(allowance_ns_, kBurst * share_) - static_cast<double>(used);
  allowance_at_ns_ = now;
  if (allowance_ns_ >= 0) return wait;
  throttled_ = true;  // an early turn more, if `wait` is longer, tells the rest of it
  return static_cast<std::uint64_t>(-allowance_ns_ / share_) + 1;
}

bool StartGate::enter(Runnable& runnable) {
  if (inside_ == nullptr) inside_ = &runnable;
  if (inside_ == &runnable) return true;
  if (std::ranges::find(waiting_, &runnable) == waiting_.end()) waiting_.push_back(&runnable);
  return false;
}

void StartGate::leave(Runnable& runnable) {
  std::erase(waiting_, &runnable);
  if (inside_ != &runnable) return;
  inside_ = nullptr;
  if (waiting_.empty()) return;
  inside_ = waiting_.front();
  waiting_.pop_front();
  inside_->wake();
}

Worker::Worker() : thread_([this] { main(); }) {}

Worker::~Worker() {
  ending_ = true;
  loop_.wake();
  thread_.join();
}

void Worker::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  loop_.wake();
}

bool Worker::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
  return !tasks.empty();
}

WorkerStats Worker::stats() const {
  return {.devices = runnables_, .cpu_ns = thread_cpu_ns(), .polls = polls_, .advances = advances_};
}

void Worker::enqueue(Runnable& runnable, Runnable::Where where) {
  runnable.where_ = where;
  (where == Runnable::Where::kWoken ? woken_ : busy_).push_back(&runnable);
}

Runnable* Worker::next() {
  const bool from_woken = !woken_.empty() && (busy_.empty() || woken_in_a_row_ < kMostInARow);
  auto& queue = from_woken ? woken_ : busy_;
  if (queue.empty()) return nullptr;
  woken_in_a_row_ = from_woken ? woken_in_a_row_ + 1 : 0;
  Runnable* const runnable = queue.front();
  queue.pop_front();
  runnable->where_ = Runnable::Where::kAsleep;
  return runnable;
}

void Worker::turn(Runnable& runnable) {
  const bool quiet = !std::exchange(runnable.noticed_, false) && runnable.polls_ != polls_;
  runnable.polls_ = polls_;
  runnable.timer_.cancel();
  runnable.running_ = true;
  std::uint64_t wait = runnable.advance(quiet);
  runnable.running_ = false;
  ++advances_;
  const std::uint64_t now = thread_cpu_ns();
  const std::uint64_t used = now - cpu_now_ns_;
  cpu_now_ns_ = now;
  runnable.cpu_ns_ += used;
  if (runnable.noticed_) wait = 0;
  if (runnable.share_ > 0) wait = runnable.throttle(wait, used);
  if (wait == 0)  // who starts does not wait for a round of all that are busy
    enqueue(runnable, start_gate_.holds(runnable) ? Runnable::Where::kWoken : Runnable::Where::kBusy);
  else if (wait != base::EventLoop::kForever)
    runnable.timer_.arm(base::EventLoop::now_ns() + wait);
}

void Worker::main() {
  pthread_setname_np(pthread_self(), "fleet-worker");
  while (!ending_) {
    run_posted();
    const std::uint64_t began = base::EventLoop::now_ns();
    cpu_now_ns_ = thread_cpu_ns();
    // Nobody has a second turn before the host has been looked at: in warp that is what an idle guest waits
    // for.
    for (std::size_t left = woken_.size() + busy_.size(); left != 0; --left) {
      Runnable& runnable = *next();
      turn(runnable);
      if (start_gate_.holds(runnable) || base::EventLoop::now_ns() - began >= kHostInterval) break;
    }
    ++polls_;
    loop_.poll(woken_.empty() && busy_.empty() && !ending_ ? base::EventLoop::kForever : 0);
  }
  while (run_posted()) {
  }
}

}  // namespace espalier::fleet
