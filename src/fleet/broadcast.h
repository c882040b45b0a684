// News for whoever has asked for it: what consoles and the event log hand out.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "fleet/control.h"

namespace espalier::fleet {

// One lock guards what is told and who is told of it, so that a follower that first gets what there is and
// then what comes has no gap in between. Callbacks run under the lock: one at a time, and none after its
// Subscription is gone.
template <class... Args>
class Broadcast {
 public:
  using Callback = std::function<void(Args...)>;

  // Runs `update` under the lock; followers are told of `args` if it returns true.
  template <class Update>
  void publish(Update update, Args... args) {
    const std::lock_guard lock(state_->mutex);
    if (!update()) return;
    for (const auto& follower : state_->followers) (*follower)(args...);
  }
  // Runs `look` under the lock.
  template <class Look>
  auto locked(Look look) const {
    const std::lock_guard lock(state_->mutex);
    return look();
  }
  // Runs `first` under the lock, which may call the callback itself, and follows from there on.
  template <class First>
  Subscription follow(Callback callback, First first) {
    auto follower = std::make_shared<Callback>(std::move(callback));
    {
      const std::lock_guard lock(state_->mutex);
      first(*follower);
      state_->followers.push_back(follower);
    }
    return {follower.get(), [state = state_, follower](void*) {
              const std::lock_guard lock(state->mutex);
              std::erase(state->followers, follower);
            }};
  }

 private:
  struct State {
    std::mutex mutex;
    std::vector<std::shared_ptr<Callback>> followers;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace espalier::fleet
