// SIGINT and SIGTERM as a request to stop, instead of an end in the middle of things.
#pragma once

#include <csignal>

#include "base/event_loop.h"

namespace espalier::host {

// While one lives, the first SIGINT, SIGTERM or SIGHUP is noted and wakes the loop; the second ends the
// process at once. Needed as PID 1 of a container above all, where signals without a handler are ignored. One
// at a time.
class SignalWatch {
 public:
  explicit SignalWatch(base::EventLoop& loop);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // The signal that came; 0 for none.
  int signal() const;
};

}  // namespace espalier::host
