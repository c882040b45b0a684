// Virtual time's event queue: every timer of a machine's devices and cores lies in one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/time.h"

namespace espalier::base {

class EventQueue;

// One alarm. Belongs to a device, is armed for an absolute virtual time, and calls back once when the queue
// reaches it. Neither copied nor moved: the queue keeps its address.
class Timer {
 public:
  Timer(EventQueue& queue, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Arms (or re-arms) for `deadline`. A deadline that has passed fires at the next run_due().
  void arm(Ticks deadline);
  void cancel();
  bool armed() const { return deadline_ != kNever; }
  // kNever while not armed.
  Ticks deadline() const { return deadline_; }

 private:
  friend class EventQueue;
  EventQueue& queue_;
  const std::uint64_t rank_;  // by which ties are settled
  std::function<void()> callback_;
  Ticks deadline_ = kNever;
  std::uint64_t order_ = 0;  // of arming
  std::size_t slot_ = 0;
};

// Tells the queue what time it is. The machine sets it: in `warp` from instructions executed, in `realtime`
// from the host's monotonic clock.
class TimeSource {
 public:
  virtual Ticks now() = 0;

 protected:
  ~TimeSource() = default;
};

// A binary heap of armed timers, earliest first, ties in the order in which the timers were made: runs repeat
// exactly, and so does a machine whose timers have been armed again from a saved state.
class EventQueue {
 public:
  explicit EventQueue(TimeSource& source) : source_(source) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  // The present virtual time. Inside a callback this may be later than the timer's deadline.
  Ticks now() { return source_.now(); }
  // Deadline of the earliest armed timer; kNever if there is none.
  Ticks next_deadline() const { return heap_.empty() ? kNever : heap_.front()->deadline_; }
  // Fires every timer whose deadline is at or before `now`. Callbacks may arm timers, their own too.
  void run_due(Ticks now);
  // Called whenever a timer becomes the earliest one, so that a running CPU slice can be cut short.
  void on_earlier(std::function<void(Ticks)> callback) { on_earlier_ = std::move(callback); }

 private:
  friend class Timer;
  void insert(Timer* timer);
  void remove(Timer* timer);
  void sift_up(std::size_t slot);
  void sift_down(std::size_t slot);
  static bool before(const Timer* a, const Timer* b);

  TimeSource& source_;
  std::vector<Timer*> heap_;
  std::uint64_t next_order_ = 0;
  std::uint64_t next_rank_ = 0;
  std::function<void(Ticks)> on_earlier_;
};

}  // namespace espalier::base
