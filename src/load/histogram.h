// Latencies by value, as HdrHistogram keeps them: how many there were, to so many leading bits of each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace espalier::load {

// Counts values (nanoseconds here, any unsigned number in general). Values below 2^bits are counted exactly,
// larger ones in classes that share their `bits` leading bits, so a value read back is off by less than
// 1/2^(bits-1) of itself: 11 bits are HdrHistogram's three significant digits. Memory grows with the largest
// value: 8 * 2^(bits-1) bytes for each doubling beyond 2^bits.
class Histogram {
 public:
  static constexpr unsigned kThreeDigits = 11;  // within 0.1 %
  static constexpr unsigned kCoarse = 7;        // within 1.6 %

  // `bits`: 1 to 20.
  explicit Histogram(unsigned bits = kThreeDigits) : bits_(bits) {}

  void record(std::uint64_t value);
  // `other` must have the same number of bits.
  void add(const Histogram& other);

  std::uint64_t count() const { return total_; }
  std::uint64_t min() const { return total_ == 0 ? 0 : min_; }
  std::uint64_t max() const { return max_; }
  // Exact, not by classes. 0 without values.
  double mean() const;
  // By the middles of the classes.
  double standard_deviation() const;
  // The value that `percent` (0 to 100) of all do not exceed: the largest of its class, at most max(). 0
  // without values.
  std::uint64_t percentile(double percent) const;

  // The table that HdrHistogram's tools write and plot (".hgrm"): values, divided by `unit`, at percentiles
  // that come five to each halving of the distance to 100.
  std::string table(double unit) const;

 private:
  std::size_t index_of(std::uint64_t value) const;
  std::uint64_t lowest_of(std::size_t index) const;
  std::uint64_t highest_of(std::size_t index) const { return lowest_of(index + 1) - 1; }

  unsigned bits_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t min_ = ~std::uint64_t{0};
  std::uint64_t max_ = 0;
  unsigned __int128 sum_ = 0;
};

}  // namespace espalier::load
