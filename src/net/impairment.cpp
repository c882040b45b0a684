#include "net/impairment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/random.h"

namespace espalier::net {
namespace {

using Wrong = std::unexpected<std::string>;

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit kTimeUnits[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
constexpr Unit kRateUnits[] = {{"bit", 1},    {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bps", 8},
                               {"kbps", 8e3}, {"mbps", 8e6}, {"gbps", 8e9}, {"", 1}};

std::string lower(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(), [](unsigned char c) { return std::tolower(c); });
  return low;
}

// A number from 0 to `most` with one of these units.
template <class Units>
std::expected<double, std::string> measure(std::string_view text, const Units& units, double most,
                                           std::string_view expected) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && std::isfinite(number) && number >= 0) {
    const std::string unit = lower({end, text.data() + text.size()});
    const auto* const found = std::ranges::find_if(units, [&](const Unit& u) { return u.name == unit; });
    if (found != std::end(units) && number * found->factor <= most) return number * found->factor;
  }
  return Wrong(fmt::format("'{}' is not {}", text, expected));
}

std::string probability_text(double probability) {
  return fmt::format("{:g}%", probability * 100);
}

std::string rate_text(std::uint64_t rate) {
  constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
      {1'000'000'000, "Gbit"}, {1'000'000, "Mbit"}, {1'000, "kbit"}};
  for (const auto& [factor, name] : kUnits)
    if (rate % factor == 0) return fmt::format("{}{}", rate / factor, name);
  return fmt::format("{}bit", rate);
}

}  // namespace

std::expected<Direction, std::string> parse_direction(std::string_view text) {
  if (text == "both") return Direction::kBoth;
  if (text == "in") return Direction::kIn;
  if (text == "out") return Direction::kOut;
  return Wrong(fmt::format("'{}' is none of both, in, out", text));
}

void ImpairmentPatch::apply(LinkImpairment& link) const {
  const auto change = [this](Impairment& one) {
    if (clear) one = {};
    one.latency_ns = latency_ns.value_or(one.latency_ns);
    one.jitter_ns = jitter_ns.value_or(one.jitter_ns);
    one.loss = loss.value_or(one.loss);
    one.duplicate = duplicate.value_or(one.duplicate);
    one.reorder = reorder.value_or(one.reorder);
    one.rate = rate.value_or(one.rate);
    one.partition = partition.value_or(one.partition);
  };
  link.seed = seed.value_or(link.seed);
  if (direction != Direction::kOut) change(link.in);
  if (direction != Direction::kIn) change(link.out);
}

std::expected<std::uint64_t, std::string> parse_duration(std::string_view text) {
  const auto ns = measure(text, kTimeUnits, static_cast<double>(kLongestLatency),
                          "a time of an hour at most, such as 300us, 20ms or 1.5s");
  if (!ns) return Wrong(ns.error());
  return static_cast<std::uint64_t>(std::llround(*ns));
}

std::expected<double, std::string> parse_probability(std::string_view text) {
  constexpr Unit kUnits[] = {{"%", 0.01}, {"", 1}};
  return measure(text, kUnits, 1, "a probability, such as 1% or 0.01");
}

std::expected<std::uint64_t, std::string> parse_rate(std::string_view text) {
  const auto rate = measure(text, kRateUnits, static_cast<double>(kHighestRate),
                            "a rate of 1000Gbit at most, such as 64kbit, 1Mbit or 0 for no limit");
  if (!rate) return Wrong(rate.error());
  return static_cast<std::uint64_t>(std::llround(*rate));
}

std::expected<void, std::string> set_impairment(ImpairmentPatch& patch, std::string_view key,
                                                std::string_view value) {
  const auto take = [&](auto parsed, auto& target) -> std::expected<void, std::string> {
    if (!parsed) return Wrong(fmt::format("{}: {}", key, parsed.error()));
    target = *parsed;
    return {};
  };
  if (key == "latency") return take(parse_duration(value), patch.latency_ns);
  if (key == "jitter") return take(parse_duration(value), patch.jitter_ns);
  if (key == "loss") return take(parse_probability(value), patch.loss);
  if (key == "duplicate") return take(parse_probability(value), patch.duplicate);
  if (key == "reorder") return take(parse_probability(value), patch.reorder);
  if (key == "rate") return take(parse_rate(value), patch.rate);
  if (key == "partition") {
    if (value != "true" && value != "false")
      return Wrong(fmt::format("partition: '{}' is neither true nor false", value));
    patch.partition = value == "true";
    return {};
  }
  if (key == "seed") {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seed);
    if (value.empty() || error != std::errc() || end != value.data() + value.size() || seed > base::kMostSeed)
      return Wrong(fmt::format("seed: '{}' is not a whole number from 0 to {}", value, base::kMostSeed));
    patch.seed = seed;
    return {};
  }
  return Wrong(fmt::format(
      "'{}' is none of latency, jitter, loss, duplicate, reorder, rate, partition, direction, seed", key));
}

std::expected<LinkImpairment, std::string> parse_impairment(std::string_view text) {
  LinkImpairment link;
  ImpairmentPatch patch;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const std::string_view value = equals != std::string_view::npos ? part.substr(equals + 1)
                                   : key == "partition"             ? "true"
                                                                    : "";
    if (key == "direction") {
      const auto direction = parse_direction(value);
      if (!direction) return Wrong("direction: " + direction.error());
      patch.direction = *direction;
    } else if (auto ok = set_impairment(patch, key, value); !ok) {
      return Wrong(ok.error());
    }
  }
  patch.apply(link);
  return link;
}

std::string duration_text(std::uint64_t ns) {
  if (ns % 1'000'000'000 == 0) return fmt::format("{}s", ns / 1'000'000'000);
  if (ns >= 1'000'000) return fmt::format("{:g}ms", static_cast<double>(ns) / 1e6);
  return fmt::format("{:g}us", static_cast<double>(ns) / 1e3);
}

std::string impairment_text(const Impairment& impairment) {
  std::string text;
  const auto add = [&](bool there, std::string_view name, const std::string& value) {
    if (there) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  };
  if (impairment.partition) text = "partition";
  add(impairment.latency_ns != 0, "latency", duration_text(impairment.latency_ns));
  add(impairment.jitter_ns != 0, "jitter", duration_text(impairment.jitter_ns));
  add(impairment.loss != 0, "loss", probability_text(impairment.loss));
  add(impairment.duplicate != 0, "duplicate", probability_text(impairment.duplicate));
  add(impairment.reorder != 0, "reorder", probability_text(impairment.reorder));
  add(impairment.rate != 0, "rate", rate_text(impairment.rate));
  return text.empty() ? "none" : text;
}

std::string impairment_text(const LinkImpairment& link) {
  if (link.in == link.out) return impairment_text(link.in);
  return fmt::format("in: {}; out: {}", impairment_text(link.in), impairment_text(link.out));
}

}  // namespace espalier::net
