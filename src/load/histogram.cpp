#include "load/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace espalier::load {

// Classes are numbered in the order of their values: those below 2^bits one each, then 2^(bits-1) for each
// doubling.
std::size_t Histogram::index_of(std::uint64_t value) const {
  const unsigned width = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = width > bits_ ? width - bits_ : 0;
  return (std::size_t{shift} << (bits_ - 1)) + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::lowest_of(std::size_t index) const {
  const std::size_t half = std::size_t{1} << (bits_ - 1);
  if (index < 2 * half) return index;
  const std::size_t shift = index / half - 1;
  return static_cast<std::uint64_t>(half + index % half) << shift;
}

void Histogram::record(std::uint64_t value) {
  const std::size_t index = index_of(value);
  if (index >= counts_.size()) counts_.resize(index + 1);
  ++counts_[index];
  ++total_;
  sum_ += value;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::add(const Histogram& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

double Histogram::mean() const {
  return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_);
}

double Histogram::standard_deviation() const {
  if (total_ == 0) return 0;
  const double middle = mean();
  double squares = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) continue;
    const double value = (static_cast<double>(lowest_of(i)) + static_cast<double>(highest_of(i))) / 2;
    squares += static_cast<double>(counts_[i]) * (value - middle) * (value - middle);
  }
  return std::sqrt(squares / static_cast<double>(total_));
}

std::uint64_t Histogram::percentile(double percent) const {
  if (total_ == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(total_);
  // The product may lie a rounding error above a whole number.
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * (1 - 1e-15))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(highest_of(i), max_);
  }
  return max_;
}

std::string Histogram::table(double unit) const {
  constexpr double kStepsPerHalving = 5;
  std::string text =
      fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  std::size_t next = 0;
  std::uint64_t seen = 0;
  for (double percent = 0; seen < total_;) {
    const std::uint64_t value = percentile(percent);
    for (; next < counts_.size() && next <= index_of(value); ++next) seen += counts_[next];
    text += fmt::format("{:12.3f} {:2.12f} {:10} {:14.2f}\n", static_cast<double>(value) / unit,
                        percent / 100, seen, 100 / (100 - percent));
    const double halvings = std::floor(std::log2(100 / (100 - percent))) + 1;
    percent += 100 / (kStepsPerHalving * std::exp2(halvings));
  }
  text += fmt::format("{:12.3f} {:2.12f} {:10}\n", static_cast<double>(max()) / unit, 1.0, total_);
  text += fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n", mean() / unit,
                      standard_deviation() / unit);
  text += fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n", static_cast<double>(max()) / unit,
                      total_);
  const std::size_t half = std::size_t{1} << (bits_ - 1);
  text += fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n",
                      counts_.size() <= 2 * half ? 1 : (counts_.size() - 1) / half, 2 * half);
  return text;
}

}  // namespace espalier::load
