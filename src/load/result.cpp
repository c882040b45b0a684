#include "load/result.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace espalier::load {

std::string_view name_of(Outcome outcome) {
  static constexpr std::array<std::string_view, kOutcomes> kNames = {
      "answered", "bad status", "refused",   "no connection", "reset",
      "closed",   "short body", "malformed", "timeout",       "unsent"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::uint64_t LoadResult::requests() const {
  return std::accumulate(outcomes.begin(), outcomes.end(), std::uint64_t{0});
}

double LoadResult::throughput() const {
  return measured == 0 ? 0 : static_cast<double>(answered_in_time) * 1e9 / static_cast<double>(measured);
}

std::vector<std::size_t> LoadResult::worst_targets(std::size_t count) const {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> badness;
  for (const TargetResult& target : targets)
    badness.emplace_back(target.failed, target.latency.percentile(99), target.latency.max());
  std::vector<std::size_t> order(targets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&badness](std::size_t a, std::size_t b) { return badness[a] > badness[b]; });
  order.resize(count);
  return order;
}

}  // namespace espalier::load
