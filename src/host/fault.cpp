#include "host/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/random.h"
#include "net/impairment.h"

namespace espalier::host {
namespace {

using Wrong = std::unexpected<std::string>;

constexpr std::array<std::string_view, 5> kKinds = {"power-cut", "brown-out", "bit-flip", "clock-skew",
                                                    "stuck-network"};
constexpr std::array<std::string_view, 4> kMemories = {"ram", "rtc", "psram", "flash"};
constexpr std::uint64_t kUsualDuration = 100'000'000;

template <class T, std::size_t N>
std::expected<T, std::string> one_of(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto at = std::ranges::find(names, text);
  if (at == names.end()) return Wrong(fmt::format("'{}' is none of {}", text, fmt::join(names, ", ")));
  return static_cast<T>(at - names.begin());
}

// A whole number, in C's notation for hexadecimal ones.
std::expected<std::uint64_t, std::string> number(std::string_view text, std::uint64_t least,
                                                 std::uint64_t most) {
  const bool hex = text.starts_with("0x");
  const std::string_view digits = hex ? text.substr(2) : text;
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || value < least ||
      value > most)
    return Wrong(fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  return value;
}

std::expected<double, std::string> skew(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      std::abs(value) > kMostSkew)
    return Wrong(fmt::format("'{}' is not a number from {} to {}", text, -kMostSkew, kMostSkew));
  return value;
}

}  // namespace

std::string_view name_of(Fault::Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}
std::string_view name_of(Fault::Memory memory) {
  return kMemories[static_cast<std::size_t>(memory)];
}
std::expected<Fault::Kind, std::string> parse_fault_kind(std::string_view text) {
  return one_of<Fault::Kind>(kKinds, text);
}
std::expected<Fault::Memory, std::string> parse_fault_memory(std::string_view text) {
  return one_of<Fault::Memory>(kMemories, text);
}

Fault usual_fault(Fault::Kind kind) {
  Fault fault;
  fault.kind = kind;
  if (kind != Fault::Kind::kBitFlip && kind != Fault::Kind::kClockSkew) fault.duration_ns = kUsualDuration;
  return fault;
}

std::expected<void, std::string> set_fault(Fault& fault, std::string_view key, std::string_view value) {
  const auto take = [&](auto parsed, auto& target) -> std::expected<void, std::string> {
    if (!parsed) return Wrong(fmt::format("{}: {}", key, parsed.error()));
    target = static_cast<std::remove_reference_t<decltype(target)>>(*parsed);
    return {};
  };
  if (key == "at") return take(number(value, 0, base::kMostSeed), fault.at);
  if (key == "within") return take(number(value, 1, base::kMostSeed), fault.within);
  if (key == "seed") return take(number(value, 0, base::kMostSeed), fault.seed);
  if (key == "for") return take(net::parse_duration(value), fault.duration_ns);
  if (key == "memory") return take(parse_fault_memory(value), fault.memory);
  if (key == "address") return take(number(value, 0, 0xffffffff), fault.address);
  if (key == "bit") return take(number(value, 0, 7), fault.bit);
  if (key == "bits") return take(number(value, 1, kMostBits), fault.bits);
  if (key == "ppm") return take(skew(value), fault.ppm);
  return Wrong(fmt::format("'{}' is none of at, within, seed, for, memory, address, bit, bits, ppm", key));
}

std::expected<void, std::string> check_fault(const Fault& fault) {
  using Kind = Fault::Kind;
  const bool lasts =
      fault.kind == Kind::kPowerCut || fault.kind == Kind::kBrownOut || fault.kind == Kind::kStuckNetwork;
  const auto wrong = [&](std::string_view what) {
    return Wrong(fmt::format("{}: {}", name_of(fault.kind), what));
  };
  if (fault.at && fault.within != 0)
    return wrong("at names the instant and within a range of them: give one");
  if (!lasts && fault.duration_ns != 0) return wrong("it does not last: 'for' is not for it");
  if (fault.kind == Kind::kBitFlip) {
    if (fault.bit && !fault.address) return wrong("bit counts in the byte at address: give that, too");
    return {};
  }
  const Fault other;
  if (fault.memory != other.memory || fault.address || fault.bit || fault.bits != other.bits)
    return wrong("memory, address, bit and bits are bit-flip's");
  if (fault.kind != Kind::kClockSkew && fault.ppm != 0) return wrong("ppm is clock-skew's");
  return {};
}

std::expected<Fault, std::string> parse_fault(std::string_view text) {
  std::size_t comma = text.find(',');
  const auto kind = parse_fault_kind(text.substr(0, comma));
  if (!kind) return Wrong(kind.error());
  Fault fault = usual_fault(*kind);
  while (comma != std::string_view::npos) {
    text.remove_prefix(comma + 1);
    comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return Wrong(fmt::format("'{}' is no KEY=VALUE", part));
    if (auto ok = set_fault(fault, part.substr(0, equals), part.substr(equals + 1)); !ok)
      return Wrong(ok.error());
  }
  if (auto ok = check_fault(fault); !ok) return Wrong(ok.error());
  return fault;
}

}  // namespace espalier::host
