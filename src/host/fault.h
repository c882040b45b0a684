// Something that goes wrong with a machine on purpose, so that it can be done again.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::host {

struct Fault {
  enum class Kind : std::uint8_t {
    // The supply goes, and comes back after `duration_ns` of the host's time (in warp at once, since no time
    // passes without the guest). RAM and RTC memory are lost; flash holds what its chip has left of what it
    // was doing (devices/flash_power_cut.h).
    kPowerCut,
    // The supply falls below the chip's brown-out threshold for `duration_ns` of the guest's time, but not
    // below what logic and flash need: what comes of it is up to the detector (RTC_CNTL_BROWN_OUT_REG). If
    // the firmware has not enabled it nothing happens.
    kBrownOut,
    kBitFlip,  // `bits` bits of `memory` turn over
    // The guest's clocks run `ppm` millionths faster than the host's, until the next one; 0: as fast.
    kClockSkew,
    // Nothing passes the network for `duration_ns` of the guest's time, though the link stays up.
    kStuckNetwork,
  };
  enum class Memory : std::uint8_t { kRam, kRtc, kPsram, kFlash };

  Kind kind = Kind::kPowerCut;
  // When: once both cores together have executed so many instructions since the machine was made (a function
  // of the mask ROM counts for many); none: at once.
  std::optional<std::uint64_t> at{};
  // Or at one of the next so many instructions, which follows from the seed; 0: no.
  std::uint64_t within = 0;
  std::uint64_t seed = 0;
  std::uint64_t duration_ns = 0;
  Memory memory = Memory::kRam;
  // Guest address in internal or RTC memory, offset in PSRAM or flash; none: anywhere, by the seed.
  std::optional<std::uint32_t> address{};
  std::optional<unsigned> bit{};  // 0 to 7, of that byte; none: by the seed
  unsigned bits = 1;              // 1 to 4096; beside the first ones by the seed
  double ppm = 0;

  friend bool operator==(const Fault&, const Fault&) = default;
};

inline constexpr unsigned kMostBits = 4096;
inline constexpr double kMostSkew = 500'000;  // ppm, both ways

// "power-cut", "brown-out", "bit-flip", "clock-skew", "stuck-network".
std::string_view name_of(Fault::Kind kind);
std::expected<Fault::Kind, std::string> parse_fault_kind(std::string_view text);
// "ram", "rtc", "psram", "flash".
std::string_view name_of(Fault::Memory memory);
std::expected<Fault::Memory, std::string> parse_fault_memory(std::string_view text);

// A fault of a kind with what is usual: 100 ms for those that last.
Fault usual_fault(Fault::Kind kind);
// Sets what `key` names: at, within, seed, for, memory, address, bit, bits or ppm. An error is one line.
std::expected<void, std::string> set_fault(Fault& fault, std::string_view key, std::string_view value);
// What does not fit together: keys are checked by set_fault() one by one.
std::expected<void, std::string> check_fault(const Fault& fault);
// "KIND[,KEY=VALUE...]": "power-cut,at=123456,seed=7,for=100ms",
// "bit-flip,memory=flash,address=0x9000,bit=3".
std::expected<Fault, std::string> parse_fault(std::string_view text);

}  // namespace espalier::host
