#include "esp32/scheduler.h"

#include <algorithm>

namespace espalier::esp32 {

using base::kNever;
using base::Ticks;

namespace {

// Cycles of a turn. Short while both cores run, so that locks and cross-core interrupts between them are
// prompt; longer while one runs alone, bounded so that the host's events are looked at often enough.
constexpr Ticks kCyclesBoth = 2'000;
constexpr Ticks kCyclesAlone = 20'000;
// While one core polls memory in a tight loop, turns are so short that it sees what the other writes about as
// soon as on the chip. Firmware relies on that: ESP-IDF's esp_dport_access_stall_other_cpu_end() sets a flag
// and its next call clears it again some dozens of instructions later, with nothing to make sure that the
// other core, which polls it, has looked in between.
constexpr Ticks kCyclesPolling = 24;
// A core polls if its last instructions of a turn went round within so many bytes of code.
constexpr std::uint64_t kProbeInstructions = 8;
constexpr std::uint32_t kPollingBytes = 24;

}  // namespace

Scheduler::Scheduler(MachineClock& clock, base::EventQueue& events, std::array<xtensa::Core*, 2> cores)
    : clock_(clock), events_(events), cores_(cores) {
  events_.on_earlier([this](Ticks deadline) {
    // The running core has armed a timer within its own turn: it must not run past it.
    if (running_ && deadline < slice_end_) {
      slice_end_ = deadline;
      running_->request_stop();
    }
  });
}

bool Scheduler::runnable(const xtensa::Core& core) {
  return !core.halted() && (!core.waiting() || core.interrupt_ready());
}

bool Scheduler::round() {
  interrupted_ = false;
  Ticks start = clock_.now();
  events_.run_due(start);
  if (interrupted_) return true;
  const bool both = runnable(*cores_[0]) && runnable(*cores_[1]);
  if (!both && !runnable(*cores_[0]) && !runnable(*cores_[1])) return false;
  const Ticks cycles = !both ? kCyclesAlone : polling_[0] || polling_[1] ? kCyclesPolling : kCyclesBoth;
  Ticks end = start + cycles * clock_.ticks_per_cycle();
  end = std::min(end, std::max(events_.next_deadline(), start + clock_.ticks_per_cycle()));
  bool first = true;
  for (xtensa::Core* core : cores_) {
    if (interrupted_ || !runnable(*core)) continue;
    run_core(*core, start, end, first);
    first = false;
  }
  if (clock_.mode() == ClockMode::kWarp) clock_.advance_to(end);
  return true;
}

// Runs one core from `start` to `end`. The first core of a round shortens the round when it arms a timer
// before its end; the second fires such timers itself, at its own time, since the first has already run past
// them.
void Scheduler::run_core(xtensa::Core& core, Ticks start, Ticks& end, bool first) {
  running_ = &core;
  slice_end_ = end;
  Ticks local = start;
  while (local < end && !interrupted_ && runnable(core)) {
    const Ticks until = std::min(slice_end_, end);
    const Ticks per_cycle = clock_.ticks_per_cycle();
    const Ticks span = until > local ? until - local : 0;
    clock_.begin_run(core, local);
    const xtensa::Stop stop = run_and_probe(core, std::max<Ticks>(1, (span + per_cycle - 1) / per_cycle));
    const Ticks reached = clock_.end_run();
    if (clock_.mode() == ClockMode::kRealtime) break;
    local = reached;
    if (slice_end_ < end) {
      if (first) {
        end = std::max(slice_end_, local);
      } else if (local >= slice_end_) {
        events_.run_due(local);
        slice_end_ = std::min(end, std::max(events_.next_deadline(), local));
      }
    }
    if (stop == xtensa::Stop::kHalted) break;
  }
  // An instruction may take a turn past its end (a native function charges its whole cost at once). Only a
  // lone or first core's overrun moves the round's end; waiting cores sleep until then.
  if (first && clock_.mode() == ClockMode::kWarp) {
    if (interrupted_)
      end = std::max(start, local);
    else if (local > end)
      end = local;
  }
  running_ = nullptr;
}

xtensa::Stop Scheduler::run_and_probe(xtensa::Core& core, std::uint64_t instructions) {
  bool& polling = polling_[core.index()];
  polling = false;
  if (instructions <= kProbeInstructions) return core.run(instructions);
  const xtensa::Stop stop = core.run(instructions - kProbeInstructions);
  if (stop != xtensa::Stop::kBudget || interrupted_) return stop;
  const std::uint32_t before = core.state().pc;
  const xtensa::Stop last = core.run(kProbeInstructions);
  const std::uint32_t moved = core.state().pc - before + kPollingBytes;
  polling = last == xtensa::Stop::kBudget && moved <= 2 * kPollingBytes;
  return last;
}

bool Scheduler::skip_idle() {
  const Ticks next = events_.next_deadline();
  if (next == kNever) return false;
  clock_.advance_to(next);
  events_.run_due(clock_.now());
  return true;
}

std::uint64_t Scheduler::idle_ns() {
  const Ticks next = events_.next_deadline();
  if (next == kNever) return ~std::uint64_t{0};
  const Ticks now = clock_.now();
  return next <= now ? 0 : base::ns_from_ticks(next - now) + 1;
}

void Scheduler::interrupt_round() {
  interrupted_ = true;
  if (running_) running_->request_stop();
}

}  // namespace espalier::esp32
