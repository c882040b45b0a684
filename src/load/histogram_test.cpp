#include "load/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace espalier::load {
namespace {

TEST(LoadHistogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 0; value < 1000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.count(), 1000u);
  EXPECT_EQ(histogram.percentile(0), 0u);
  EXPECT_EQ(histogram.percentile(50), 499u);
  EXPECT_EQ(histogram.percentile(99), 989u);
  EXPECT_EQ(histogram.percentile(99.9), 998u);
  EXPECT_EQ(histogram.percentile(100), 999u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 999u);
  EXPECT_DOUBLE_EQ(histogram.mean(), 499.5);
  EXPECT_NEAR(histogram.standard_deviation(), std::sqrt((1e6 - 1) / 12), 0.01);
}

TEST(LoadHistogram, PercentilesAreWithinTheirDigitsOfSortedValues) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latencies(13, 2);  // around 0.4 ms in nanoseconds, up to many seconds
  for (const unsigned bits : {Histogram::kThreeDigits, Histogram::kCoarse}) {
    Histogram histogram(bits);
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(static_cast<std::uint64_t>(latencies(random)));
      histogram.record(values.back());
    }
    std::ranges::sort(values);
    for (const double percent : {0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
      const auto rank = std::max(1.0, std::ceil(percent / 100 * static_cast<double>(values.size()) - 1e-6));
      const auto exact = static_cast<double>(values[static_cast<std::size_t>(rank) - 1]);
      const auto found = static_cast<double>(histogram.percentile(percent));
      EXPECT_GE(found, exact) << percent;
      EXPECT_LE(found, exact * (1 + 1.0 / (1 << (bits - 1)))) << percent;
    }
    EXPECT_EQ(histogram.percentile(100), values.back());
    EXPECT_EQ(histogram.min(), values.front());
  }
}

TEST(LoadHistogram, TheLargestNumberHasAPlace) {
  Histogram histogram;
  histogram.record(~std::uint64_t{0});
  EXPECT_EQ(histogram.percentile(50), ~std::uint64_t{0});
}

TEST(LoadHistogram, AnEmptyOneIsAllZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.percentile(50), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_THAT(histogram.table(1), testing::HasSubstr("Total count    =            0"));
}

TEST(LoadHistogram, TwoAddUp) {
  Histogram few, many, both;
  for (std::uint64_t value : {5u, 70'000u}) {
    few.record(value);
    both.record(value);
  }
  for (std::uint64_t value = 1; value < 2'000'000; value *= 3) {
    many.record(value);
    both.record(value);
  }
  few.add(many);
  EXPECT_EQ(few.count(), both.count());
  EXPECT_EQ(few.mean(), both.mean());
  EXPECT_EQ(few.table(1), both.table(1));
}

// The form is the one that HdrHistogram's own tools write and read.
TEST(LoadHistogram, TheTableIsHdrHistograms) {
  Histogram histogram;
  for (int i = 1; i <= 4; ++i) histogram.record(static_cast<std::uint64_t>(i) * 1000);
  const std::string table = histogram.table(1000);
  EXPECT_THAT(table, testing::StartsWith("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                                         "       1.000 0.000000000000          1           1.00\n"
                                         "       1.000 0.100000000000          1           1.11\n"));
  EXPECT_THAT(table, testing::HasSubstr("       2.000 0.500000000000          2           2.00\n"));
  EXPECT_THAT(table, testing::HasSubstr("\n       4.000 1.000000000000          4\n"
                                        "#[Mean    =        2.500, StdDeviation   ="));
  EXPECT_THAT(table, testing::HasSubstr("#[Max     =        4.000, Total count    =            4]\n"));
}

}  // namespace
}  // namespace espalier::load
