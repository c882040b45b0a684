// How a link is worse than a cable: latency, jitter, loss, duplication, reordering, rate and partition.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::net {

// One direction of a link. The names and what they mean are those of Linux's tc-netem(8), but for
// `partition`.
struct Impairment {
  std::uint64_t latency_ns = 0;  // that each frame takes longer
  // Each frame's latency is off by up to this, evenly distributed. Frames do not overtake each other by it
  // (netem's do): one that would come too early comes right behind the one before it.
  std::uint64_t jitter_ns = 0;
  double loss = 0;       // probability, 0 to 1
  double duplicate = 0;  // probability, 0 to 1, that a frame comes twice
  // Probability, 0 to 1, that a frame goes without latency and so overtakes those that are on their way.
  double reorder = 0;
  std::uint64_t rate = 0;  // bit/s; 0: no limit. What more than 1,000 frames wait for is lost
  bool partition = false;  // nothing passes, though the link stays up

  bool none() const { return *this == Impairment{}; }
  friend bool operator==(const Impairment&, const Impairment&) = default;
};

// Both directions, as the guest sees them.
struct LinkImpairment {
  Impairment in;   // to the guest
  Impairment out;  // from it
  std::uint64_t seed = 0;

  bool none() const { return in.none() && out.none(); }
  friend bool operator==(const LinkImpairment&, const LinkImpairment&) = default;
};

inline constexpr std::uint64_t kLongestLatency = 3'600'000'000'000;  // ns: an hour
inline constexpr std::uint64_t kHighestRate = 1'000'000'000'000;     // bit/s

// Which directions a change is of.
enum class Direction : std::uint8_t { kBoth, kIn, kOut };
// "both", "in", "out".
std::expected<Direction, std::string> parse_direction(std::string_view text);

// A change: what is not set stays as it is.
struct ImpairmentPatch {
  Direction direction = Direction::kBoth;
  bool clear = false;  // first
  std::optional<std::uint64_t> latency_ns = {};
  std::optional<std::uint64_t> jitter_ns = {};
  std::optional<double> loss = {};
  std::optional<double> duplicate = {};
  std::optional<double> reorder = {};
  std::optional<std::uint64_t> rate = {};
  std::optional<bool> partition = {};
  std::optional<std::uint64_t> seed = {};

  void apply(LinkImpairment& link) const;
};

// "20ms", "1.5s", "300us": nanoseconds. "1%", "0.01": a probability. "1Mbit", "64kbit", "9600": bit/s, or
// with "bps" bytes a second as tc(8) has it. Errors are one line.
std::expected<std::uint64_t, std::string> parse_duration(std::string_view text);
std::expected<double, std::string> parse_probability(std::string_view text);
std::expected<std::uint64_t, std::string> parse_rate(std::string_view text);

// Sets what `key` names: latency, jitter, loss, duplicate, reorder, rate, partition (true or false) or seed.
std::expected<void, std::string> set_impairment(ImpairmentPatch& patch, std::string_view key,
                                                std::string_view value);
// "latency=20ms,jitter=5ms,loss=1%,seed=7", where "partition" alone is partition=true and "direction=in" or
// "direction=out" says which way all of it goes.
std::expected<LinkImpairment, std::string> parse_impairment(std::string_view text);

// "20ms".
std::string duration_text(std::uint64_t ns);
// "latency 20ms, loss 1%"; "none".
std::string impairment_text(const Impairment& impairment);
// The same of both: once where they are alike, else "in: ...; out: ...".
std::string impairment_text(const LinkImpairment& link);

}  // namespace espalier::net
