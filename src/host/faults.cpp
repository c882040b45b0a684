#include "host/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/event_loop.h"

namespace espalier::host {
namespace {

using Wrong = std::unexpected<std::string>;
using Memory = Fault::Memory;

struct Area {
  std::uint32_t begin, size;
};
constexpr std::array<Area, 2> kRam = {
    {{esp32::kSram2, esp32::kSram2Size + esp32::kSram1Size}, {esp32::kSram0, esp32::kSram0Size}}};
constexpr std::array<Area, 2> kRtc = {
    {{esp32::kRtcFastData, esp32::kRtcFastSize}, {esp32::kRtcSlow, esp32::kRtcSlowSize}}};

}  // namespace

Faults::Faults(esp32::Machine& machine, std::function<net::ImpairedLink&()> cable,
               std::function<void(const Fault&, const std::string&)> told)
    : machine_(machine),
      cable_(std::move(cable)),
      told_(std::move(told)),
      next_(esp32::Scheduler::kNoLimit),
      brown_out_timer_(machine.events(), [this] { machine_.chip().rtc_cntl.set_brown_out(false); }),
      stuck_timer_(machine.events(), [this] { cable_().set_stuck(false); }) {}

std::expected<void, std::string> Faults::check(const Fault& fault) {
  if (auto ok = check_fault(fault); !ok) return ok;
  const auto wrong = [&](const std::string& what) {
    return Wrong(fmt::format("{}: {}", name_of(fault.kind), what));
  };
  if (fault.at && *fault.at < machine_.instructions())
    return wrong(
        fmt::format("at: the machine has executed {} instructions already", machine_.instructions()));
  if (fault.kind == Fault::Kind::kClockSkew && machine_.clock().mode() == esp32::ClockMode::kWarp)
    return wrong("in warp there is no clock that the guest's could differ from");
  if (fault.kind != Fault::Kind::kBitFlip) return {};
  if (fault.memory == Memory::kPsram && machine_.memory().psram().empty())
    return wrong("the chip has no PSRAM");
  if (fault.address && !is_there(fault.memory, *fault.address))
    return wrong(fmt::format("address: {:#x} is not in {}", *fault.address, name_of(fault.memory)));
  return {};
}

std::expected<void, std::string> Faults::add(const Fault& fault) {
  if (auto ok = check(fault); !ok) return ok;
  std::uint64_t at = fault.at.value_or(machine_.instructions());
  if (fault.within != 0) at += 1 + base::Random(base::seed_of("within", fault.seed)).below(fault.within);
  const auto later = std::ranges::upper_bound(planned_, at, {}, &Planned::at);
  planned_.insert(later, {.at = at, .fault = fault});
  plan();
  return {};
}

void Faults::plan() {
  next_ = planned_.empty() ? esp32::Scheduler::kNoLimit : planned_.front().at;
  machine_.limit_instructions(next_);
}

void Faults::carry_out() {
  while (due()) {
    const Fault fault = planned_.front().fault;
    planned_.erase(planned_.begin());
    plan();
    carry_out(fault);
  }
}

void Faults::carry_out(const Fault& fault) {
  std::string what;
  const std::uint64_t at = machine_.instructions();
  switch (fault.kind) {
    case Fault::Kind::kPowerCut:
      what = cut_power(fault);
      break;
    case Fault::Kind::kBrownOut:
      what = brown_out(fault);
      break;
    case Fault::Kind::kBitFlip:
      what = flip_bits(fault);
      break;
    case Fault::Kind::kClockSkew:
      machine_.clock().set_skew(fault.ppm);
      what = fmt::format("{:+g} ppm", fault.ppm);
      break;
    case Fault::Kind::kStuckNetwork:
      cable_().set_stuck(true);
      stuck_timer_.arm(machine_.events().now() + base::ticks_from_ns(fault.duration_ns));
      what = fmt::format("for {}", net::duration_text(fault.duration_ns));
      break;
  }
  told_(fault, fmt::format("{} at instruction {}: {}", name_of(fault.kind), at, what));
}

std::string Faults::cut_power(const Fault& fault) {
  const std::string left = machine_.power_cycle(fault.seed);
  // What the supply's end ends.
  brown_out_timer_.cancel();
  machine_.chip().rtc_cntl.set_brown_out(false);
  std::string what = "memory is lost, flash was idle";
  if (!left.empty()) what = fmt::format("memory is lost, {} (seed {})", left, fault.seed);
  if (fault.duration_ns == 0 || machine_.clock().mode() == esp32::ClockMode::kWarp) return what;
  off_until_ns_ = base::EventLoop::now_ns() + fault.duration_ns;
  machine_.clock().hold();
  return fmt::format("off for {}, {}", net::duration_text(fault.duration_ns), what);
}

std::uint64_t Faults::off_ns() {
  if (off_until_ns_ == 0) return 0;
  const std::uint64_t now = base::EventLoop::now_ns();
  if (off_until_ns_ > now) return off_until_ns_ - now;
  off_until_ns_ = 0;
  machine_.clock().release();
  return 0;
}

std::string Faults::brown_out(const Fault& fault) {
  devices::RtcCntl& rtc = machine_.chip().rtc_cntl;
  const bool noticed = rtc.detects_brown_out();
  rtc.set_brown_out(true);
  brown_out_timer_.arm(machine_.events().now() + base::ticks_from_ns(fault.duration_ns));
  return fmt::format("for {}; the detector is {}", net::duration_text(fault.duration_ns),
                     noticed ? "on" : "off: nothing comes of it");
}

bool Faults::is_there(Memory memory, std::uint32_t address) {
  const auto in = [address](const Area& area) { return address - area.begin < area.size; };
  switch (memory) {
    case Memory::kRam:
      return std::ranges::any_of(kRam, in);
    case Memory::kRtc:
      return std::ranges::any_of(kRtc, in);
    case Memory::kPsram:
      return address < machine_.memory().psram().size();
    case Memory::kFlash:
      return address < machine_.flash().size();
  }
  return false;
}

std::uint32_t Faults::any_address(Memory memory, base::Random& random) {
  if (memory == Memory::kPsram)
    return static_cast<std::uint32_t>(random.below(machine_.memory().psram().size()));
  if (memory == Memory::kFlash) return static_cast<std::uint32_t>(random.below(machine_.flash().size()));
  const auto& areas = memory == Memory::kRam ? kRam : kRtc;
  std::uint64_t n = random.below(areas[0].size + areas[1].size);
  for (const Area& area : areas) {
    if (n < area.size) return area.begin + static_cast<std::uint32_t>(n);
    n -= area.size;
  }
  return areas[0].begin;
}

std::string Faults::flip(Memory memory, std::uint32_t address, unsigned bit) {
  const auto mask = static_cast<std::uint8_t>(1u << bit);
  std::uint8_t byte = 0;
  if (memory == Memory::kFlash) {
    machine_.flash().read(address, {&byte, 1});
    byte ^= mask;
    machine_.flash().put(address, {&byte, 1});
  } else {
    esp32::MemoryMap& map = machine_.memory();
    std::uint8_t* const at =
        memory == Memory::kPsram ? map.writable_psram(address, 1) : map.writable(0, address, 1);
    if (at == nullptr) return fmt::format("{:#x} bit {} (not done: the host has no room)", address, bit);
    byte = *at ^= mask;
    if (memory != Memory::kPsram) map.stored(address, 1);
  }
  return fmt::format("{:#x} bit {} ({:#04x} to {:#04x})", address, bit, byte ^ mask, byte);
}

std::string Faults::flip_bits(const Fault& fault) {
  constexpr std::size_t kShown = 4;
  base::Random random(fault.seed);
  std::set<std::pair<std::uint32_t, unsigned>> done;
  std::string text(name_of(fault.memory));
  while (done.size() < fault.bits) {
    // The first one is where the fault says, if it does.
    const bool first = done.empty();
    const std::uint32_t address = first && fault.address ? *fault.address : any_address(fault.memory, random);
    const unsigned bit = first && fault.bit ? *fault.bit : static_cast<unsigned>(random.below(8));
    if (!done.emplace(address, bit).second) continue;
    const std::string one = flip(fault.memory, address, bit);
    if (done.size() <= kShown) text += (first ? " " : ", ") + one;
  }
  if (done.size() > kShown) text += fmt::format(" and {} more", done.size() - kShown);
  return text + fmt::format(" (seed {})", fault.seed);
}

}  // namespace espalier::host
