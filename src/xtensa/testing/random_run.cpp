#include "xtensa/testing/random_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "xtensa/testing/random_vectors.h"

namespace espalier::xtensa::testing {
namespace {

constexpr std::uint8_t kWords = kPageLoad32 | kPageStore32;
constexpr std::uint8_t kAnySize = kWords | kPageLoadNarrow | kPageStoreNarrow;

struct Region {
  std::uint32_t begin, size, whole;  // of what TestMachine has
  std::uint8_t attributes;
};
constexpr Region kRegions[] = {
    {kVectors, kRandomVectorsSize, 0x2000, kWords | kPageFetch},
    {kCode, kRandomCodeSize, 0x40000, kWords | kPageFetch},
    {kData, kRandomDataSize, 0x40000, kAnySize},
    {kMixed, kRandomMixedSize, 0x10000, kAnySize},
};

// As much as the log of one program may hold: some spin in front of a device.
constexpr std::size_t kMaxLog = 20'000;

bool in_memory(std::uint32_t address) {
  return std::ranges::any_of(kRegions, [&](const Region& r) { return address - r.begin < r.size; });
}

}  // namespace

RandomRun::RandomRun() {
  for (const Region& region : kRegions) machine_.set_attributes(region.begin, region.whole, 0);
  machine_.on_device_load = [this](std::uint32_t address, unsigned size) {
    return device_load(address, size);
  };
  machine_.on_device_store = [this](std::uint32_t address, unsigned size, std::uint32_t value) {
    device_store(address, size, value);
  };
  machine_.native = [this](Core& core, std::uint32_t pc) { call_native(core, pc); };
  machine_.on_compare_changed = [this](unsigned n) { compare_changed(n); };
  machine_.on_write_external = [this](std::uint32_t address, std::uint32_t value) {
    record(LogEntry::Kind::kWriteExternal, address, 4, value);
  };
  machine_.on_debug_break = [this](Core& core, std::uint32_t cause) {
    record(LogEntry::Kind::kDebugBreak, core.state().pc, 0, cause);
    if (program_->debugger == 0) return false;
    if (program_->debugger == 2 && ++breaks_ % 3 == 0) core.request_stop();
    return true;
  };
}

void RandomRun::start(const RandomProgram& program, const Image& image,
                      const std::function<void(Core&)>& configure) {
  program_ = &program;
  image_ = &image;
  log_.clear();
  next_ = 0;
  timers_.fill(kNever);
  slept_ = 0;
  finished_ = false;
  requested_ = loads_ = breaks_ = 0;

  machine_.renew_core();
  for (const Region& region : kRegions) {
    machine_.set_attributes(region.begin, region.size, region.attributes);
    if (region.begin != kData) std::memset(&machine_.byte(region.begin), 0, region.size);
  }
  std::memcpy(&machine_.byte(kVectors), random_vectors().data(), kRandomVectorsSize);
  for (const std::uint32_t page : {kVectors, kVectors + 0x1000}) {
    std::memcpy(&machine_.byte(page + kRecoveryWord), &image.labels[program.recovery], 4);
    std::memcpy(&machine_.byte(page + kFinishWord), &image.labels[program.finish], 4);
  }
  Random contents(program.memory_seed);
  for (std::uint32_t at = kData; at < kData + kRandomDataSize; at += 8) {
    const std::uint64_t value = contents.next64();
    std::memcpy(&machine_.byte(at), &value, 8);
  }
  // The handlers' counters, and the frame that called the program.
  std::memset(&machine_.byte(kHandlerData), 0, 0x400);
  const std::uint32_t caller = kRandomStack + 0x100;
  std::memcpy(&machine_.byte(kRandomStack - 12), &caller, 4);
  if (!image.bytes.empty()) std::memcpy(&machine_.byte(image.base), image.bytes.data(), image.bytes.size());
  machine_.native_pcs.clear();
  for (const Label label : program.natives) machine_.native_pcs.push_back(image.labels[label]);
  machine_.cycle_base = 0;
  machine_.compares_changed.clear();
  machine_.regions_changed.clear();
  machine_.external_writes.clear();

  Core& core = machine_.core();
  if (configure) configure(core);
  State& state = core.state();
  state = program.state;
  state.windowbase = 0;
  core.rotate_to(program.state.windowbase);
  state.pc = image.labels[program.entry];
}

std::uint64_t RandomRun::next_event() const {
  const std::uint64_t event = next_ < program_->events.size() ? program_->events[next_].time : kNever;
  return std::min(event, *std::ranges::min_element(timers_));
}

// All that is due.
void RandomRun::fire() {
  Core& core = machine_.core();
  for (unsigned n = 0; n < timers_.size(); ++n) {
    if (timers_[n] > now()) continue;
    timers_[n] = kNever;
    core.timer_match(n);
  }
  while (next_ < program_->events.size() && program_->events[next_].time <= now()) {
    const Event& event = program_->events[next_++];
    switch (event.kind) {
      case Event::Kind::kRaiseLine:
        core.set_interrupt(event.value % 32, true);
        break;
      case Event::Kind::kLowerLine:
        core.set_interrupt(event.value % 32, false);
        break;
      case Event::Kind::kChangeCode:
        change_word(image_->labels[event.label], event.value);
        break;
      case Event::Kind::kForgetCode:
        core.invalidate_all_code();
        break;
    }
  }
}

void RandomRun::advance(std::uint64_t time, Slicing slicing, Random& random) {
  Core& core = machine_.core();
  while (!finished_) {
    fire();
    if (now() >= time) return;
    const std::uint64_t next = std::min(time, next_event());
    if (core.waiting()) {
      // Nobody is there to wake it.
      finished_ = next_event() == kNever;
      if (finished_) return;
      slept_ += next - now();
      machine_.cycle_base = slept_;
      continue;
    }
    std::uint64_t budget = next - now();
    if (slicing == Slicing::kSingle) budget = 1;
    if (slicing == Slicing::kRandom) budget = std::min<std::uint64_t>(budget, random.below(30));
    const unsigned debugger_stops = machine_.debugger_stops;
    const Stop stop = core.run(budget);
    if (machine_.debugger_stops != debugger_stops) {
      // Stopped before what else happens between two instructions.
      if (now() >= next) core.run(0);
    } else if (stop == Stop::kRequested) {
      ++requested_;
    }
    if (stop == Stop::kHalted) finished_ = true;
  }
}

void RandomRun::record(LogEntry::Kind kind, std::uint32_t address, std::uint32_t size, std::uint32_t value) {
  if (log_.size() < kMaxLog) log_.push_back({kind, address, size, value, now()});
}

std::uint32_t RandomRun::device_load(std::uint32_t address, unsigned size) {
  const std::uint32_t value = (++loads_ * 0x9e3779b1u) ^ address;
  record(LogEntry::Kind::kLoad, address, size, value);
  device_effect(address, value, false);
  return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

void RandomRun::device_store(std::uint32_t address, unsigned size, std::uint32_t value) {
  if (size < 4) value &= (1u << 8 * size) - 1;
  record(LogEntry::Kind::kStore, address, size, value);
  device_effect(address, value, true);
}

void RandomRun::device_effect(std::uint32_t address, std::uint32_t value, bool store) {
  Core& core = machine_.core();
  switch (address - kDevice) {
    case kRaiseLine:
      if (store) core.set_interrupt(value % 32, true);
      return;
    case kLowerLine:
      if (store) core.set_interrupt(value % 32, false);
      return;
    case kLowerAllLines:
      for (unsigned line = 0; store && line < 32; ++line) core.set_interrupt(line, false);
      return;
    case kRequestStop:
      core.request_stop();
      return;
    case kChangeMemory:
      if (store) change_word(value, 0x00100100);
      return;
    case kRaiseException:
      core.raise(Cause::kLoadStorePifDataError, address);
      return;
    case kForgetCode:
      core.invalidate_all_code();
      return;
    case kResetCore:
      if (store) core.reset();
      return;
    default:
      return;
  }
}

void RandomRun::change_word(std::uint32_t address, std::uint32_t value) {
  address &= ~3u;
  if (in_memory(address)) machine_.write32(address, machine_.read32(address) ^ value);
}

// What each does goes by its place in the program. All return as from a windowed call before its ENTRY.
void RandomRun::call_native(Core& core, std::uint32_t pc) {
  record(LogEntry::Kind::kNative, pc, 0, 0);
  const auto kind = std::ranges::find(machine_.native_pcs, pc) - machine_.native_pcs.begin();
  const unsigned a = 4 * ((core.state().ps & kPsCallinc) >> kPsCallincShift);
  core.state().pc = (pc & 0xc0000000) | (core.window_relative(a) & 0x3fffffff);
  const std::uint32_t argument = core.window_relative(a + 3);
  core.set_window_relative(a + 2, (core.window_relative(a + 2) ^ argument) * 0x9e3779b1u);
  switch (kind) {
    case 0:
      core.charge(argument % 50);
      return;
    case 1:
      core.request_stop();
      return;
    case 2:
      core.raise(Cause::kLoadProhibited, argument);
      return;
    case 3:  // turns an instruction of the caller into another and back
      change_word(core.state().pc + argument % 16, 0x00001000);
      core.charge(3);
      return;
    default:
      core.set_interrupt(argument % 32, true);
      return;
  }
}

// When CCOUNT will be equal. The run has to be cut there.
void RandomRun::compare_changed(unsigned n) {
  Core& core = machine_.core();
  record(LogEntry::Kind::kCompareChanged, n, 4, core.state().ccompare[n]);
  const std::uint32_t distance = core.state().ccompare[n] - core.read_special(Sr::CCOUNT);
  timers_[n] = distance == 0 ? kNever : now() + distance;
  core.request_stop();
}

bool RandomRun::surroundings_intact() const {
  return std::ranges::all_of(kRegions, [this](const Region& region) {
    const std::uint8_t* const begin = &machine_.byte(region.begin + region.size);
    return std::all_of(begin, begin + (region.whole - region.size), [](std::uint8_t b) { return b == 0; });
  });
}

bool RandomRun::same(RandomRun& other) {
  const State& a = machine_.state();
  const State& b = other.machine_.state();
  constexpr std::size_t kBehindRegisters = offsetof(State, pc);
  if (std::memcmp(reinterpret_cast<const std::byte*>(&a) + kBehindRegisters,
                  reinterpret_cast<const std::byte*>(&b) + kBehindRegisters,
                  sizeof(State) - kBehindRegisters) != 0) {
    return false;
  }
  for (unsigned n = 0; n < 64; ++n) {
    if (machine_.core().physical(n) != other.machine_.core().physical(n)) return false;
  }
  for (unsigned n = 0; n < 16; ++n) {
    if (machine_.core().a(n) != other.machine_.core().a(n)) return false;
  }
  if (now() != other.now() || finished_ != other.finished_ || requested_ != other.requested_ ||
      machine_.core().waiting() != other.machine_.core().waiting() || log_ != other.log_) {
    return false;
  }
  return std::ranges::all_of(kRegions, [&](const Region& region) {
    return std::memcmp(&machine_.byte(region.begin), &other.machine_.byte(region.begin), region.size) == 0;
  });
}

std::string RandomRun::difference(RandomRun& other, std::string_view name, std::string_view other_name) {
  if (same(other)) return {};
  std::string text = fmt::format("{:<24} {:>12} {:>12}\n", "", name, other_name);
  const auto line = [&](const std::string& what, std::uint64_t mine, std::uint64_t theirs) {
    if (mine != theirs) text += fmt::format("{:<24} {:>12x} {:>12x}\n", what, mine, theirs);
  };
  const Core& a = machine_.core();
  const Core& b = other.machine_.core();
  line("time", now(), other.now());
  line("finished", finished_, other.finished_);
  line("waiting", a.waiting(), b.waiting());
  line("requested stops", requested_, other.requested_);
  for (unsigned n = 0; n < 64; ++n) line(fmt::format("ar{}", n), a.physical(n), b.physical(n));
  for (unsigned n = 0; n < 16; ++n) line(fmt::format("a{}", n), a.a(n), b.a(n));
  static constexpr struct {
    const char* name;
    std::size_t offset;
    unsigned count;
  } kMembers[] = {
#define MEMBER(member, count) {#member, offsetof(State, member), count}
      MEMBER(pc, 1),
      MEMBER(windowbase, 1),
      MEMBER(windowstart, 1),
      MEMBER(ps, 1),
      MEMBER(lbeg, 1),
      MEMBER(lend, 1),
      MEMBER(lcount, 1),
      MEMBER(sar, 1),
      MEMBER(br, 1),
      MEMBER(scompare1, 1),
      MEMBER(acclo, 1),
      MEMBER(acchi, 1),
      MEMBER(m, 4),
      MEMBER(fr, 16),
      MEMBER(fcr, 1),
      MEMBER(fsr, 1),
      MEMBER(threadptr, 1),
      MEMBER(f64r_lo, 1),
      MEMBER(f64r_hi, 1),
      MEMBER(f64s, 1),
      MEMBER(expstate, 1),
      MEMBER(epc, 8),
      MEMBER(eps, 8),
      MEMBER(excsave, 8),
      MEMBER(depc, 1),
      MEMBER(exccause, 1),
      MEMBER(excvaddr, 1),
      MEMBER(vecbase, 1),
      MEMBER(cpenable, 1),
      MEMBER(interrupt, 1),
      MEMBER(intenable, 1),
      MEMBER(ccount_offset, 1),
      MEMBER(ccompare, 3),
      MEMBER(icount, 1),
      MEMBER(icountlevel, 1),
      MEMBER(debugcause, 1),
      MEMBER(ddr, 1),
      MEMBER(memctl, 1),
      MEMBER(atomctl, 1),
      MEMBER(ibreakenable, 1),
      MEMBER(ibreaka, 2),
      MEMBER(dbreaka, 2),
      MEMBER(dbreakc, 2),
      MEMBER(misc, 4),
      MEMBER(instruction_region, 2),
      MEMBER(data_region, 2),
#undef MEMBER
  };
  for (const auto& member : kMembers) {
    for (unsigned i = 0; i < member.count; ++i) {
      std::uint32_t mine = 0, theirs = 0;
      std::memcpy(&mine, reinterpret_cast<const std::byte*>(&a.state()) + member.offset + 4 * i, 4);
      std::memcpy(&theirs, reinterpret_cast<const std::byte*>(&b.state()) + member.offset + 4 * i, 4);
      line(member.count == 1 ? member.name : fmt::format("{}{}", member.name, i), mine, theirs);
    }
  }
  unsigned words = 0;
  for (const Region& region : kRegions) {
    for (std::uint32_t at = region.begin; at < region.begin + region.size && words < 8; at += 4) {
      const std::uint32_t mine = machine_.read32(at), theirs = other.machine_.read32(at);
      line(fmt::format("[{:#x}]", at), mine, theirs);
      words += mine != theirs;
    }
  }
  line("log entries", log_.size(), other.log_.size());
  const auto [mine, theirs] = std::ranges::mismatch(log_, other.log_);
  const auto entry = [](const LogEntry& e) {
    return fmt::format("kind {} address {:#x} size {} value {:#x} at {}", static_cast<unsigned>(e.kind),
                       e.address, e.size, e.value, e.time);
  };
  if (mine != log_.end()) text += fmt::format("{} logged: {}\n", name, entry(*mine));
  if (theirs != other.log_.end()) text += fmt::format("{} logged: {}\n", other_name, entry(*theirs));
  return text;
}

}  // namespace espalier::xtensa::testing
