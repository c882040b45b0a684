// Has another thread's event loop look at something.
#pragma once

#include <atomic>
#include <functional>

#include "base/event_loop.h"

namespace espalier::base {

// Belongs to the loop's thread; others only ring. What they have to say they leave where `answer` finds it,
// under a lock, before they ring. Unlike EventLoop::wake() it comes from inside poll(), as a descriptor does,
// so that whoever waits there for work sees what `answer` has made of it.
class Doorbell {
 public:
  // Throws std::system_error when the process has no descriptors left.
  Doorbell(EventLoop& loop, std::function<void()> answer);
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // Any thread: `answer` runs in the loop's thread, once for all that rang since it last began.
  void ring();

 private:
  std::function<void()> answer_;
  int fd_;
  std::atomic<bool> ringing_{false};
  EventLoop::Watch watch_;
};

}  // namespace espalier::base
