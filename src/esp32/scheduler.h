// Shares virtual time between the two cores of a machine.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/archive.h"
#include "base/event_queue.h"
#include "esp32/machine_clock.h"
#include "xtensa/core.h"
#include "xtensa/waiting_loop.h"

namespace espalier::esp32 {

// Where a machine's host time has gone, in nanoseconds, and how often.
struct SchedulerStats {
  std::uint64_t guest_ns = 0;       // in turns of the cores: guest code and the devices that it touched
  std::uint64_t timers_ns = 0;      // in the devices' timers
  std::uint64_t turns = 0;          // of both cores together
  std::uint64_t polling_turns = 0;  // short ones, since a core polled
};

// Runs both cores on one host thread in turns ("slices"), fires the timers that come due, and says when there
// is nothing to run. In warp the interleaving depends on the guest's instructions alone, so runs repeat
// exactly.
class Scheduler {
 public:
  Scheduler(MachineClock& clock, base::EventQueue& events, std::array<xtensa::Core*, 2> cores);

  // One turn of each runnable core, after the timers due. Returns false if no core can run before the next
  // timer or outside event; then, in warp, skip_idle() may follow.
  bool round();
  // Warp: jumps to the next timer and fires it, or, if that comes later, to `latest`. False if no timer is
  // armed at all.
  bool skip_idle(base::Ticks latest = base::kNever);
  // Realtime: host nanoseconds until the next timer (0 if due); kNever as ~0 if none is armed.
  std::uint64_t idle_ns();

  // An interrupt has reached `core` or its clock was turned on. If it can run now and the other core was
  // alone until now, the round ends with the running instruction.
  void woken(const xtensa::Core& core);
  // The running core waits for time alone, until it has executed so many instructions.
  void waits_until(std::uint64_t instructions) { waits_until_ = instructions; }
  // Ends the present round as soon as the running instruction is done: a reset or a stop has been asked for.
  void interrupt_round();

  // What both cores together have executed.
  std::uint64_t instructions() const { return cores_[0]->instructions() + cores_[1]->instructions(); }

  // No round goes on once both cores together have executed so many instructions.
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
  void limit_instructions(std::uint64_t limit) { instruction_limit_ = limit; }

  // What it knows of spinning cores: turns depend on it. Between rounds.
  void archive(base::Archive& ar);

  // Counts from now on. Without this no host clock is read.
  void collect_stats() { collecting_ = true; }
  const SchedulerStats& stats() const { return stats_; }

  static bool runnable(const xtensa::Core& core);
  // The number of the core whose turn it is; -1 between turns.
  int running() const { return running_ != nullptr ? static_cast<int>(running_->index()) : -1; }
  // Called at the end of each turn of a core, at the time that it has reached, with the time at which it
  // began. An empty one ends that for its owner.
  using TurnObserver = std::function<void(xtensa::Core&, base::Ticks began)>;
  void on_turn_end(const void* owner, TurnObserver observer);

 private:
  struct Spin;
  static base::Ticks turn_length_beside(const Spin& spin);
  base::Ticks turn_length(bool both, base::Ticks start);
  base::Ticks turn_length_alone(base::Ticks start);
  std::uint64_t instructions_left() const;
  base::Ticks limit(base::Ticks from, base::Ticks cycles) const;
  void run_core(xtensa::Core& core, base::Ticks start, base::Ticks& end, bool first, bool both);

  // Where a core spins: `length` instructions after this it is here again and its registers are the same, so
  // that only the other core, a device or an interrupt can lead it elsewhere. A length of 0: it doesn't.
  struct Spin {
    std::uint32_t pc = 0;
    std::array<std::uint32_t, 40> registers{};
    std::uint64_t length = 0;
    unsigned turns = 0;       // that it has gone round in this way
    unsigned looks_away = 0;  // turns for which it is not looked at more closely
    bool suspected = false;   // its last turn ended in a small loop that may wait for a flag
    bool goes_round = false;  // or for a lock: it may spin
    bool unread = false;      // it was alone, and its last turn ended in a small loop or the like
    xtensa::SmallLoop loop;   // the last one that a turn ended in
    bool awaits_memory() const { return length != 0 && loop.awaits == xtensa::Awaits::kMemory; }
    void archive(base::Archive& ar) {
      ar(pc, registers, length, turns, looks_away, suspected, goes_round, unread, loop);
    }
  };
  static Spin place_of(const xtensa::Core& core);
  xtensa::Stop probe(xtensa::Core& core, std::uint64_t count, bool both);
  void suspect(const xtensa::Core& core, bool stays);
  // Runs a turn and finds out whether the core spins.
  xtensa::Stop run_and_probe(xtensa::Core& core, std::uint64_t budget, bool both);

  unsigned short_turns_ = 0;
  unsigned quiet_turns_ = 0;  // of both cores, since one of them waited for a flag
  // Of the last lone turn: when it began, what both had executed until then, its length.
  base::Ticks alone_start_ = 0;
  std::uint64_t alone_done_ = 0;
  unsigned doublings_alone_ = 0;
  std::uint64_t waits_until_ = 0;  // the running core, as far as it has said so in the present run
  MachineClock& clock_;
  base::EventQueue& events_;
  std::array<xtensa::Core*, 2> cores_;
  xtensa::Core* running_ = nullptr;
  base::Ticks slice_start_ = 0;
  base::Ticks slice_end_ = 0;
  bool alone_ = false;             // nothing but the running core can run
  bool woken_ = false;             // it was alone and has woken the other
  base::Ticks first_reached_ = 0;  // in this round, by the core whose turn came first
  bool interrupted_ = false;
  std::uint64_t instruction_limit_ = kNoLimit;
  std::array<Spin, 2> spins_{};
  std::vector<std::pair<const void*, TurnObserver>> turn_ended_;
  bool collecting_ = false;
  SchedulerStats stats_;
};

}  // namespace espalier::esp32
