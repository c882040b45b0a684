// The host side's event loop: where a machine's thread waits for file descriptors, host timers and other
// threads.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace espalier::base {

// One thread calls poll(); everything but wake() belongs to that thread. An idle machine sleeps inside poll()
// until its next deadline, a descriptor or a wake(); a busy one calls poll(0) now and then, which is one
// system call.
//
// Why not Boost.Asio: a machine's thread alternates between running guest code and looking at the host every
// few hundred microseconds. Asio's io_context has no call that waits until an absolute deadline of ours with
// nanosecond precision and costs one system call when nothing is there, and libslirp hands out descriptors to
// watch, not operations to complete. fd() lets an asio program (or any other loop) wait for this loop among
// its own.
class EventLoop {
 public:
  // `events` are the EPOLL* bits that are there: what was asked for, EPOLLERR and EPOLLHUP.
  using Callback = std::function<void(std::uint32_t events)>;
  static constexpr std::uint64_t kForever = ~std::uint64_t{0};

  class Watch;
  class Timer;
  class Hook;
  class Deferred;

  // Throws std::system_error when the process has no descriptors left.
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Waits until something is ready, at most `timeout_ns`, and runs the callbacks of all that is. Returns
  // false if the time passed and nothing happened; true also after a wake() or a signal. Not to be called
  // from a callback.
  bool poll(std::uint64_t timeout_ns);
  // Makes the present or the next poll() return at once. May be called by any thread and by signal handlers.
  void wake();
  // The host's monotonic clock in nanoseconds, which timers count by.
  static std::uint64_t now_ns();
  // Readable when poll(0) has a descriptor's callback to run. Timers and hooks don't show in it.
  int fd() const { return epoll_; }
  // When the earliest timer is due (now_ns() clock); kForever without one.
  std::uint64_t next_timer() const { return timers_.empty() ? kForever : timers_.begin()->first; }

 private:
  friend class Watch;
  friend class Timer;
  friend class Hook;
  friend class Deferred;
  struct Slot {
    int fd = -1;
    std::uint32_t events = 0;      // 0: not in the epoll set
    std::uint32_t generation = 0;  // tells a late event for a slot's previous owner from one for the present
    bool always_ready = false;     // a regular file: epoll refuses it, poll(2) would always report it
    Callback callback;
  };
  std::uint32_t open_slot(int fd, std::uint32_t events, Callback callback);
  void set_events(std::uint32_t slot, std::uint32_t events);
  void close_slot(std::uint32_t slot);
  int wait(epoll_event* events, int capacity, std::uint64_t timeout_ns);
  bool fire_timers();
  void run_deferred();
  bool run_always_ready();

  int epoll_ = -1;
  int wake_ = -1;
  std::atomic<bool> wake_pending_{false};
  bool has_epoll_pwait2_ = true;
  std::thread::id precise_thread_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::size_t always_ready_count_ = 0;
  std::set<std::pair<std::uint64_t, Timer*>> timers_;
  std::vector<Hook*> hooks_;
  std::vector<Deferred*> deferred_;  // requested; nullptr: has run or was cancelled since
};

// Interest in one descriptor, ended by stop() or the destructor, which must come before the descriptor is
// closed. A callback may stop or change any watch, its own too.
class EventLoop::Watch {
 public:
  explicit Watch(EventLoop& loop) : loop_(loop) {}
  ~Watch() { stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // `events`: EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP; level-triggered. One watch for each descriptor number.
  // Regular files, which epoll refuses, count as always ready.
  void start(int fd, std::uint32_t events, Callback callback);
  // With 0 nothing at all is reported, hang-up neither, until events are set again.
  void set_events(std::uint32_t events);
  std::uint32_t events() const { return active_ ? loop_.slots_[slot_].events : 0; }
  void stop();
  bool active() const { return active_; }

 private:
  EventLoop& loop_;
  std::uint32_t slot_ = 0;
  bool active_ = false;
};

// An alarm in host time; fires once for each arming.
class EventLoop::Timer {
 public:
  Timer(EventLoop& loop, std::function<void()> callback) : loop_(loop), callback_(std::move(callback)) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // `deadline_ns` by EventLoop::now_ns(). Arming again replaces the deadline.
  void arm(std::uint64_t deadline_ns);
  void cancel();
  bool armed() const { return deadline_ != kForever; }

 private:
  friend class EventLoop;
  EventLoop& loop_;
  std::function<void()> callback_;
  std::uint64_t deadline_ = kForever;
};

// Called at the start of every poll(), before it looks or waits.
class EventLoop::Hook {
 public:
  Hook(EventLoop& loop, std::function<void()> callback);
  ~Hook();
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

 private:
  friend class EventLoop;
  EventLoop& loop_;
  std::function<void()> callback_;
};

// As a hook, but called only at the start of the next poll() after a request(): costs nothing while there is
// nothing to do, however many there are. Where a library that changes its mind about descriptors (libslirp)
// brings its watches and timers up to date.
class EventLoop::Deferred {
 public:
  Deferred(EventLoop& loop, std::function<void()> callback) : loop_(loop), callback_(std::move(callback)) {}
  ~Deferred() { cancel(); }
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  // Once for any number of requests. A request by the callback itself is for the poll after this one.
  void request();
  void cancel();

 private:
  friend class EventLoop;
  EventLoop& loop_;
  std::function<void()> callback_;
  bool requested_ = false;
};

// Makes a write to a closed pipe or socket fail with EPIPE where it would end the process. Leaves a
// disposition that somebody has set alone.
void ignore_sigpipe();

}  // namespace espalier::base
