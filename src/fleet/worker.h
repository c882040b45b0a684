// One thread that drives many machines, and what it drives.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "fleet/control.h"

namespace espalier::fleet {

class Worker;

// Something that a worker runs in turns with others. Made, used and destroyed in the worker's thread; not
// destroyed by its own advance().
class Runnable {
 public:
  explicit Runnable(Worker& worker);
  virtual ~Runnable();
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

  // It has work, however long advance() has said it would sleep.
  void wake();
  // No more than this part of a host core, over some tens of milliseconds; 0: no limit.
  void limit_cpu(double share) { share_ = share; }
  std::uint64_t cpu_ns() const { return cpu_ns_; }
  Worker& worker() { return worker_; }

 protected:
  // Works for some 100 us at most and returns for how long (ns) it may be left alone; 0: not at all. `quiet`:
  // the host has been looked at since the last turn, and wake() has not been called.
  virtual std::uint64_t advance(bool quiet) = 0;

 private:
  friend class Worker;
  enum class Where : std::uint8_t { kAsleep, kWoken, kBusy };  // the worker's queue it is in

  std::uint64_t throttle(std::uint64_t wait, std::uint64_t used);

  Worker& worker_;
  base::EventLoop::Timer timer_;
  Where where_ = Where::kAsleep;
  bool running_ = false;
  bool noticed_ = false;    // wake() since the last turn
  bool throttled_ = false;  // sleeps until its share allows a turn, whatever comes
  double share_ = 0;
  double allowance_ns_ = 0;
  std::uint64_t allowance_at_ns_ = 0;
  std::uint64_t polls_ = 0;  // the worker's at the last turn
  std::uint64_t cpu_ns_ = 0;
};

// Lets one at a time of a worker's runnables start. A machine boots in some milliseconds of processor time,
// but against the host's clock: of hundreds that boot side by side each would take seconds, and its watchdogs
// would reset it, again and again. The worker's thread only.
class StartGate {
 public:
  // True if `runnable` may start now; otherwise it is woken when it is worth asking again.
  bool enter(Runnable& runnable);
  // Whether it has entered and not left.
  bool holds(const Runnable& runnable) const { return inside_ == &runnable; }
  // It has started, or will not. Without effect if it is not in the gate.
  void leave(Runnable& runnable);

 private:
  Runnable* inside_ = nullptr;
  std::deque<Runnable*> waiting_;
};

// Runs until it is destroyed. What sleeps costs nothing: a Runnable is in a queue only while it has work, and
// waits for its deadline or wake() otherwise. Those that have been woken come before those that go on, which
// get every fourth turn at least.
class Worker {
 public:
  Worker();
  // Runs what has been posted, and ends the thread.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread: `task` runs in the worker's, in the order of posting, between turns and outside poll().
  void post(std::function<void()> task);
  // Any thread but the worker's: the same, and waits for the result.
  template <class Task>
  std::invoke_result_t<Task> call(Task task) {
    std::packaged_task<std::invoke_result_t<Task>()> packaged(std::move(task));
    auto result = packaged.get_future();
    post([&packaged] { packaged(); });
    return result.get();
  }

  // The worker's thread only:
  base::EventLoop& loop() { return loop_; }
  StartGate& start_gate() { return start_gate_; }
  WorkerStats stats() const;

 private:
  friend class Runnable;
  void main();
  bool run_posted();
  void enqueue(Runnable& runnable, Runnable::Where where);
  Runnable* next();
  void turn(Runnable& runnable);

  base::EventLoop loop_;
  StartGate start_gate_;
  std::deque<Runnable*> woken_;
  std::deque<Runnable*> busy_;
  unsigned woken_in_a_row_ = 0;
  std::size_t runnables_ = 0;
  std::uint64_t polls_ = 0;
  std::uint64_t advances_ = 0;
  std::uint64_t cpu_now_ns_ = 0;  // the thread's processor time when the last turn ended
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // under mutex_
  std::atomic<bool> ending_{false};
  std::thread thread_;  // last: it uses all the others
};

}  // namespace espalier::fleet
