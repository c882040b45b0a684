// What a load run has found out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "load/histogram.h"

namespace espalier::load {

// How a request ended.
enum class Outcome : std::uint8_t {
  kAnswered,      // completely, with a status of 200 to 299
  kBadStatus,     // completely, with another status
  kRefused,       // nobody listens there
  kNoConnection,  // no connection for another reason: no route, no local port left, ...
  kReset,         // the connection was reset
  kClosed,        // the peer closed the connection instead of answering
  kShortBody,     // ... in the middle of an answer
  kMalformed,     // the answer is not HTTP
  kTimeout,       // sent, but not answered in time
  kUnsent,        // no connection became free in time
};
inline constexpr std::size_t kOutcomes = 10;

// As reports name it: "refused", "short body", ...
std::string_view name_of(Outcome outcome);

// Of one target.
struct TargetResult {
  std::string name;
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  Histogram latency{Histogram::kCoarse};
};

// Times are in nanoseconds. Counted is what fell due after the warm-up.
struct LoadResult {
  // Of what was answered, counted from when the request was due (from when it was sent, without a rate).
  Histogram latency;
  // Of what was answered, counted from when the request was sent, or its connection asked for.
  Histogram service;
  std::array<std::uint64_t, kOutcomes> outcomes{};
  std::map<int, std::uint64_t> bad_statuses;  // how often which code
  std::string first_failure;                  // in words; empty without one
  std::vector<TargetResult> targets;

  std::uint64_t warm_up_requests = 0;
  std::uint64_t warm_up_failures = 0;
  std::uint64_t connections = 0;       // opened, over the whole run
  std::uint64_t closed_by_peer = 0;    // of them: after an answer that said so, or while idle
  std::uint64_t bytes = 0;             // received in the measured time, heads included
  std::uint64_t body_bytes = 0;        // of them: bodies of answers
  std::uint64_t answered_in_time = 0;  // before the measured time was over: what throughput counts
  std::uint64_t measured = 0;          // the measured time
  std::uint64_t latest_start = 0;      // how late the generator itself came to a request that was due
  bool interrupted = false;

  std::uint64_t answered() const { return outcomes[0]; }
  std::uint64_t requests() const;
  std::uint64_t failed() const { return requests() - answered(); }
  // Answers a second.
  double throughput() const;
  // Indices into `targets`, the worst first: by failures, then by the 99th percentile, then by the longest.
  std::vector<std::size_t> worst_targets(std::size_t count) const;
};

}  // namespace espalier::load
