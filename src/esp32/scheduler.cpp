#include "esp32/scheduler.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace espalier::esp32 {

using base::kNever;
using base::Ticks;

namespace {

// Cycles of a turn. Short while both cores run, so that locks and cross-core interrupts between them are
// prompt. Twice as long after each in which neither waited for a flag of the other's: who begins to wait
// loses the rest of its turn, which so is hardly more than what both have done undisturbed before. (Who waits
// for a lock loses the same share of its time whatever the length.) Longer while one runs alone, bounded so
// that the host's events are looked at often enough, and in realtime the guest's timers: these become due as
// the host's time passes, not as instructions are executed.
constexpr unsigned kDoublings = 4;
constexpr Ticks kCyclesBoth = 2'000, kLongestBoth = kCyclesBoth << kDoublings;
// In warp nothing but instructions moves a turn's end: where the length of a loop that takes a lock and gives
// it back divides the turns', it may end each of them with the lock, and the other core gets nowhere.
constexpr Ticks kLongestBothInWarp = kLongestBoth / 2;
constexpr Ticks kCyclesAlone = 20'000, kCyclesAloneInWarp = 100'000;
// Where the host is quick they are up to four times as long, as far as that takes it no longer than this.
constexpr unsigned kDoublingsAlone = 2;
constexpr Ticks kLongestOnHost = base::kTicksPerMillisecond / 25;
// While one core spins, the other's turns are so short that the first sees what is written about as soon as
// on the chip. Firmware relies on that: ESP-IDF's esp_dport_access_stall_other_cpu_end() sets a flag and its
// next call clears it again some dozens of instructions later, with nothing to make sure that the other core,
// which polls it, has looked in between.
constexpr Ticks kCyclesPolling = 24;
// So many turns stay short after the last that saw a core spin or leave a small loop for an interrupt: it may
// wait in the handler for what the other does next, and has not been seen to spin there yet (the level-5
// handler of ESP-IDF's DPORT workaround, with a real ROM). A small loop alone is no reason: memcpy() is one.
constexpr unsigned kShortTurnsAfterSpinning = 16;
// A core that has gone round unchanged for so many of those turns waits for something that takes longer than
// a flag between two cores. The other's turns then double every so many, up to their usual length.
constexpr unsigned kPatientTurns = 128;
constexpr unsigned kTurnsToDouble = 16;
// Realtime: how much faster than the guest's instructions its time may pass, at a cycle each. However long
// the host has not run the machine, the guest gets this fraction of its speed until it has caught up: enough
// to serve each tick of its timers and to feed its watchdogs. It has to be more than a busy host takes away:
// an interpreter that executes 40 million instructions a second on each core of 240 MHz with a quarter of a
// host's core is 24 times too slow. And little enough that a tick leaves what follows its arming the time
// that it needs: FreeRTOS executes 1,500 instructions from there to the first that it may interrupt.
constexpr Ticks kCatchUp = 32;
// Nor by more than this at once, which is half of what firmware's ticks usually are. Else, where the host
// does something else between two instructions, of which the first reads CCOUNT and the second arms the first
// tick from there, that has passed and will not match for 2^32 cycles: FreeRTOS starts its tick in this way.
constexpr Ticks kMostAtOnce = base::kTicksPerMillisecond / 2;
// By so much of it time may go past the next timer; else a turn ends there, so that the guest sees each of
// its ticks and can ask for the next before that has passed, too.
constexpr Ticks kPastTimer = 8;
// A core may spin if so few last instructions of a turn have not led it as far on as a straight run of the
// shortest (2 bytes) would have, nor further back than this, unless the loop that it is in waits for nothing.
// They are few because a core may begin to spin within a turn of kCyclesPolling, which must not go unnoticed.
// A core that may spin is stepped: it does if it comes by again, within so many instructions, with the same
// registers.
constexpr std::uint64_t kProbeInstructions = 8;
constexpr std::uint32_t kSpinBytes = 64;
constexpr std::uint64_t kLongestSpin = 16;
// A loop that looks at memory and gets somewhere is not stepped again for so many turns. They stay short: it
// may end in one that spins.
constexpr unsigned kLookAway = 16;

// By how much time may go on while instructions for so much of it are executed.
Ticks most_in(Ticks turn) {
  return std::min(kCatchUp * turn, kMostAtOnce);
}

std::uint64_t host_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

Scheduler::Scheduler(MachineClock& clock, base::EventQueue& events, std::array<xtensa::Core*, 2> cores)
    : clock_(clock), events_(events), cores_(cores) {
  events_.on_earlier([this](Ticks deadline) {
    if (clock_.mode() == ClockMode::kRealtime)
      clock_.lower_limit(running_ ? std::max(deadline, slice_start_) : limit(deadline, kCyclesBoth));
    // The running core has armed a timer within its own turn: it must not run past it.
    if (running_ && deadline < slice_end_) {
      slice_end_ = deadline;
      running_->request_stop();
    }
  });
}

void Scheduler::on_turn_end(const void* owner, TurnObserver observer) {
  std::erase_if(turn_ended_, [owner](const auto& one) { return one.first == owner; });
  if (observer) turn_ended_.emplace_back(owner, std::move(observer));
}

bool Scheduler::runnable(const xtensa::Core& core) {
  return !core.halted() && !core.held() && (!core.waiting() || core.interrupt_ready());
}

// How far time may go on for a turn of so many cycles (realtime).
Ticks Scheduler::limit(Ticks from, Ticks cycles) const {
  const Ticks turn = cycles * clock_.ticks_per_cycle();
  return std::min(from + most_in(turn), std::max(events_.next_deadline(), from + kPastTimer * turn));
}

// How long the other core's turns are, as far as this one's doings go.
Ticks Scheduler::turn_length_beside(const Spin& spin) {
  if (spin.length == 0) return spin.suspected ? kCyclesPolling : kLongestBoth;
  if (spin.loop.awaits == xtensa::Awaits::kNothing) return kLongestBoth;
  if (spin.turns >= kPatientTurns) {
    const unsigned doublings = std::min((spin.turns - kPatientTurns) / kTurnsToDouble, 16u);
    return std::min(kCyclesPolling << doublings, kLongestBoth);
  }
  // Halved each time that the lock is not free, so that it cannot be missed time and again.
  if (spin.loop.awaits == xtensa::Awaits::kLock)
    return std::max(kCyclesBoth >> std::min(spin.turns, 16u), kCyclesPolling);
  return kCyclesPolling;
}

// Of a lone core in realtime, at the pace of its last turn: how much of the host's time that has taken, with
// all that has happened since. One doubling at a time, as a native function counts for more than it takes.
Ticks Scheduler::turn_length_alone(Ticks start) {
  const std::uint64_t done = instructions();
  const std::uint64_t executed = done - std::exchange(alone_done_, done);
  const Ticks took = start - std::exchange(alone_start_, start);
  unsigned most = 0;
  while (most < kDoublingsAlone && (kCyclesAlone << (most + 1)) * took <= kLongestOnHost * executed) ++most;
  doublings_alone_ = std::min(doublings_alone_ + 1, most);
  return kCyclesAlone << doublings_alone_;
}

Ticks Scheduler::turn_length(bool both, Ticks start) {
  // While there is time to catch up with, timers are due one after another.
  const bool late = clock_.held_back();
  if (both) {
    for (const xtensa::Core* core : cores_)
      if (std::exchange(spins_[core->index()].unread, false)) suspect(*core, false);
    const Ticks length = std::min(turn_length_beside(spins_[0]), turn_length_beside(spins_[1]));
    const auto hurries = [](const Spin& spin) { return spin.awaits_memory() && spin.turns < kPatientTurns; };
    if (hurries(spins_[0]) || hurries(spins_[1])) short_turns_ = kShortTurnsAfterSpinning;
    if (short_turns_ != 0) quiet_turns_ = 0;
    const Ticks longest = clock_.mode() == ClockMode::kWarp ? kLongestBothInWarp : kLongestBoth;
    const Ticks most = late ? kCyclesBoth : longest;
    if (length < longest) return std::min(length, most);
    if (short_turns_ == 0) return std::min(kCyclesBoth << std::min(quiet_turns_++, kDoublings), most);
    --short_turns_;
    return kCyclesPolling;
  }
  if (clock_.mode() == ClockMode::kWarp) return kCyclesAloneInWarp;
  return late ? kCyclesBoth : turn_length_alone(start);
}

std::uint64_t Scheduler::instructions_left() const {
  if (instruction_limit_ == kNoLimit) return kNoLimit;
  const std::uint64_t done = instructions();
  return instruction_limit_ > done ? instruction_limit_ - done : 0;
}

bool Scheduler::round() {
  interrupted_ = false;
  const bool realtime = clock_.mode() == ClockMode::kRealtime;
  const Ticks start = clock_.now();
  if (events_.next_deadline() <= start) {
    const std::uint64_t began = collecting_ ? host_ns() : 0;
    events_.run_due(start);
    if (collecting_) stats_.timers_ns += host_ns() - began;
    if (interrupted_) return true;
  }
  const bool both = runnable(*cores_[0]) && runnable(*cores_[1]);
  const Ticks next = events_.next_deadline();
  if (!both && !runnable(*cores_[0]) && !runnable(*cores_[1])) {
    // Nothing happens before the next timer: time may pass up to there at once.
    if (realtime) clock_.set_limit(next == kNever ? kNever : limit(std::max(next, start), kCyclesBoth));
    return false;
  }
  // While one core is stepped the other does no more than it would on the chip.
  const bool stepping = cores_[0]->stepping() || cores_[1]->stepping();
  const Ticks cycles = stepping ? 1 : turn_length(both, start);
  const Ticks soonest = start + clock_.ticks_per_cycle();
  Ticks end = std::min(start + cycles * clock_.ticks_per_cycle(), std::max(next, soonest));
  if (realtime) clock_.set_limit(start + most_in(cycles * clock_.ticks_per_cycle()), std::max(next, soonest));
  slice_start_ = start;
  const std::uint64_t began = collecting_ ? host_ns() : 0;
  bool first = true;
  for (xtensa::Core* core : cores_) {
    // Who is woken while the other is alone begins at the time at which that happens: the next round.
    if (interrupted_ || !runnable(*core) || (!both && !first)) continue;
    run_core(*core, start, end, first, both);
    first = false;
    ++stats_.turns;
    stats_.polling_turns += cycles == kCyclesPolling;
  }
  if (collecting_) stats_.guest_ns += host_ns() - began;
  if (realtime)
    clock_.set_limit(limit(start, cycles));
  else
    clock_.advance_to(end);
  return true;
}

// Runs one core from `start` to `end`. The first core of a round shortens the round when it arms a timer
// before its end; the second fires such timers itself, at its own time, since the first has already run past
// them.
void Scheduler::run_core(xtensa::Core& core, Ticks start, Ticks& end, bool first, bool both) {
  running_ = &core;
  const xtensa::Core& other = *cores_[1 - core.index()];
  alone_ = !both || !runnable(other);
  woken_ = false;
  slice_end_ = end;
  Ticks local = start;
  while (local < end && !interrupted_ && runnable(core)) {
    const Ticks until = std::min(slice_end_, end);
    const Ticks per_cycle = clock_.ticks_per_cycle();
    const Ticks span = until > local ? until - local : 0;
    const std::uint64_t left = instructions_left();
    if (left == 0) {
      interrupted_ = true;
      break;
    }
    clock_.begin_run(core, local);
    const std::uint64_t budget = std::min(left, std::max<Ticks>(1, (span + per_cycle - 1) / per_cycle));
    const bool looped = spins_[core.index()].suspected;
    const std::uint32_t level = core.state().ps & xtensa::kPsIntlevel;
    const xtensa::Stop stop = run_and_probe(core, budget, both);
    if (looped && (core.state().ps & xtensa::kPsIntlevel) > level) short_turns_ = kShortTurnsAfterSpinning;
    const Ticks reached = clock_.end_run();
    if (clock_.mode() == ClockMode::kRealtime) break;
    local = reached;
    if (woken_) {
      // It may well wait for an answer now.
      spins_[core.index()].suspected = spins_[core.index()].goes_round = true;
      short_turns_ = kShortTurnsAfterSpinning;
      break;
    }
    if (slice_end_ < end) {
      if (first) {
        end = std::max(slice_end_, local);
      } else if (local >= slice_end_) {
        events_.run_due(local);
        slice_end_ = std::min(end, std::max(events_.next_deadline(), local));
      }
    }
    if (stop == xtensa::Stop::kHalted || spins_[core.index()].length != 0) break;
  }
  if (clock_.mode() == ClockMode::kWarp) {
    // An instruction may take a turn past its end (a native function charges its whole cost at once). Only a
    // lone or first core's overrun moves the round's end; waiting cores sleep until then.
    if (first && interrupted_)
      end = std::max(start, local);
    else if (first && (local > end || core.held()))
      end = std::max(local, start + clock_.ticks_per_cycle());  // a debugger has stopped it: the other, too
    // Where nobody is left to use the rest, it does not pass.
    const bool rest = local < end && !woken_ && (runnable(core) || runnable(other) || (both && first));
    if (first) first_reached_ = local;
    if (local < end && !rest) end = std::max(local, first_reached_);
  }
  for (const auto& [owner, observer] : turn_ended_) observer(core, start);
  running_ = nullptr;
}

Scheduler::Spin Scheduler::place_of(const xtensa::Core& core) {
  const xtensa::State& s = core.state();
  Spin place;
  place.pc = s.pc;
  for (unsigned n = 0; n < 16; ++n) place.registers[n] = core.a(n);
  std::ranges::copy(s.fr, place.registers.begin() + 16);
  // What else can carry a loop's progress.
  const std::array more = {s.lcount, s.br, s.sar, s.acclo, s.acchi, s.m[0], s.m[1], s.m[2]};
  std::ranges::copy(more, place.registers.begin() + 32);
  return place;
}

// Runs `count` instructions, and suspects the core of spinning if they went round in a small piece of code
// that may wait for the other core. One that is in the middle of a wait for time goes round, too, but looks
// at nothing meanwhile. Reading the code takes longer than a turn at times, and is left until both run.
xtensa::Stop Scheduler::probe(xtensa::Core& core, std::uint64_t count, bool both) {
  Spin& spin = spins_[core.index()];
  const std::uint32_t before = core.state().pc;
  const xtensa::Stop stop = core.run(count);
  const std::uint32_t moved = core.state().pc - before + kSpinBytes;
  const bool small =
      stop == xtensa::Stop::kBudget && moved < kSpinBytes + 2 * count && core.instructions() >= waits_until_;
  spin.unread = small && !both;
  if (small && both) suspect(core, spin.loop.has(before));
  return stop;
}

// The core is in a small piece of code, and has been there for a while if `stays`.
void Scheduler::suspect(const xtensa::Core& core, bool stays) {
  Spin& spin = spins_[core.index()];
  if (!stays || !spin.loop.innermost || !spin.loop.has(core.state().pc))
    spin.loop = xtensa::loop_around(core);
  spin.suspected = spin.loop.awaits == xtensa::Awaits::kMemory;
  spin.goes_round = spin.loop.awaits != xtensa::Awaits::kNothing;
}

// A core that spins goes round once and leaves the rest of its turn alone: until somebody else writes to
// memory or interrupts it, going round more often leads nowhere.
xtensa::Stop Scheduler::run_and_probe(xtensa::Core& core, std::uint64_t budget, bool both) {
  Spin& spin = spins_[core.index()];
  const std::uint64_t goal = core.instructions() + budget;
  const std::uint64_t length = std::exchange(spin.length, 0);
  spin.suspected = spin.unread = false;
  const bool goes_round = std::exchange(spin.goes_round, false);
  waits_until_ = 0;
  if (spin.looks_away != 0) --spin.looks_away;
  // Alone it may go round as often as it likes.
  if (both && (length != 0 || (goes_round && spin.looks_away == 0))) {
    const Spin place = place_of(core);
    const std::uint64_t step = length != 0 ? length : 1;
    const std::uint64_t most = length != 0 ? length : kLongestSpin;
    std::array<std::uint32_t, kLongestSpin> round;  // the instructions' addresses, where it is stepped
    for (std::uint64_t done = step; done <= most; done += step) {
      if (length == 0) round[done - 1] = core.state().pc;
      const bool ends = step >= budget;  // a timer is due
      const xtensa::Stop stop = core.run(std::min(step, budget));
      spin.suspected = spin.goes_round = ends;
      if (ends || stop != xtensa::Stop::kBudget || interrupted_) return stop;
      const std::uint64_t executed = core.instructions();  // a native function counts for many
      if (executed >= goal) return stop;
      budget = goal - executed;
      if (core.state().pc != place.pc) continue;
      const Spin now = place_of(core);
      if (now.registers == place.registers) {
        if (length == 0) {
          spin.loop = xtensa::loop_around(core);
          if (xtensa::awaits_lock(core, std::span(round).first(done)))
            spin.loop.awaits = xtensa::Awaits::kLock;
        }
        spin.turns = length != 0 && spin.registers == now.registers ? spin.turns + 1 : 0;
        spin.pc = now.pc;
        spin.registers = now.registers;
        spin.length = done;
        return stop;
      }
      if (spin.loop.awaits == xtensa::Awaits::kMemory) spin.looks_away = kLookAway;
      break;
    }
  }
  if (budget > kProbeInstructions) {
    const xtensa::Stop stop = core.run(budget - kProbeInstructions);
    if (stop != xtensa::Stop::kBudget || interrupted_) return stop;
    budget = kProbeInstructions;
  }
  return probe(core, budget, both);
}

void Scheduler::archive(base::Archive& ar) {
  ar.section("scheduler");
  ar(spins_, short_turns_, quiet_turns_);
}

bool Scheduler::skip_idle(Ticks latest) {
  const Ticks next = std::min(events_.next_deadline(), latest);
  if (next == kNever) return false;
  clock_.advance_to(next);
  events_.run_due(clock_.now());
  return true;
}

std::uint64_t Scheduler::idle_ns() {
  const Ticks next = events_.next_deadline();
  if (next == kNever) return ~std::uint64_t{0};
  const Ticks now = clock_.now();
  return next <= now ? 0 : clock_.host_span(next - now) + 1;
}

void Scheduler::woken(const xtensa::Core& core) {
  if (!running_ || running_ == &core || !alone_ || !runnable(core)) return;
  woken_ = true;
  running_->request_stop();
}

void Scheduler::interrupt_round() {
  interrupted_ = true;
  if (running_) running_->request_stop();
}

}  // namespace espalier::esp32
