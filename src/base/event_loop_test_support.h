// Waiting in tests.
#pragma once

#include <cstdint>
#include <functional>

#include "base/event_loop.h"

namespace espalier::base::testing_support {

// Runs the loop until `done`; false if that has not come after 5 s.
inline bool run_until(EventLoop& loop, const std::function<bool()>& done) {
  const std::uint64_t end = EventLoop::now_ns() + 5'000'000'000;
  while (!done()) {
    if (EventLoop::now_ns() >= end) return false;
    loop.poll(10'000'000);
  }
  return true;
}

}  // namespace espalier::base::testing_support
