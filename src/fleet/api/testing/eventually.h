// What another thread does soon, for tests.
#pragma once

#include <chrono>
#include <thread>

namespace espalier::fleet::api::testing {

// True as soon as `condition` is, false if it is not within ten seconds.
template <class Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace espalier::fleet::api::testing
