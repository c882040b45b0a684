#include "load/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "load/load_test_support.h"

namespace espalier::load {
namespace {

using testing::HasSubstr;
using testing::Not;

LoadResult some_result() {
  LoadResult result;
  result.targets.resize(2);
  result.targets[0].name = "http://127.0.0.1:1/";
  result.targets[1].name = "http://127.0.0.1:2/";
  for (int i = 1; i <= 1000; ++i) {
    const std::uint64_t latency = static_cast<std::uint64_t>(i) * 1'000'000;
    result.latency.record(latency);
    result.targets[static_cast<std::size_t>(i % 2)].latency.record(latency);
    ++result.targets[static_cast<std::size_t>(i % 2)].answered;
  }
  result.outcomes[0] = 1000;
  result.outcomes[static_cast<std::size_t>(Outcome::kBadStatus)] = 3;
  result.bad_statuses = {{404, 1}, {503, 2}};
  result.outcomes[static_cast<std::size_t>(Outcome::kRefused)] = 4;
  result.targets[0].failed = 7;
  result.first_failure = "http://127.0.0.1:1/: status 503";
  result.answered_in_time = 1000;
  result.measured = 2'000'000'000;
  result.bytes = 4 << 20;
  return result;
}

TEST(LoadReport, TimesHaveThreeDigitsAndAUnit) {
  EXPECT_EQ(time_text(0), "0 ns");
  EXPECT_EQ(time_text(999), "999 ns");
  EXPECT_EQ(time_text(1000), "1.00 us");
  EXPECT_EQ(time_text(12'345), "12.3 us");
  EXPECT_EQ(time_text(999'999), "1.00 ms");
  EXPECT_EQ(time_text(1.5e9), "1.50 s");
}

TEST(LoadReport, TheTextSaysWhatPeopleAskFor) {
  LoadOptions options;
  options.targets.resize(2);
  options.connections = 16;
  options.rate = 500;
  const std::string text = text_of(options, some_result(), 1);
  EXPECT_THAT(text, HasSubstr("2 targets, 16 connections, open loop: 500 requests a second"));
  EXPECT_THAT(text, HasSubstr("1,007 in 2.00 s: 1,000 answered, 7 failed"));
  EXPECT_THAT(text, HasSubstr("500.0 answers/s, 2.0 MiB/s"));
  EXPECT_THAT(text, HasSubstr("p50 500 ms, p90 900 ms, p99 990 ms, p99.9 999 ms, max 1.00 s"));
  EXPECT_THAT(text, HasSubstr("status 404 1, status 503 2, refused 4"));
  EXPECT_THAT(text, HasSubstr("the first  http://127.0.0.1:1/: status 503"));
  EXPECT_THAT(text, HasSubstr("worst        http://127.0.0.1:1/: 500 answered, 7 failed"));
  EXPECT_THAT(text, Not(HasSubstr("worst        http://127.0.0.1:2/")));
  options.rate = 0;
  EXPECT_THAT(text_of(options, some_result(), 1), HasSubstr("closed loop"));
}

TEST(LoadReport, TheJsonHoldsAllOfIt) {
  LoadOptions options;
  options.rate = 500;
  const auto json = json_of(options, some_result());
  EXPECT_EQ(json["loop"], "open");
  EXPECT_EQ(json["rate"], 500);
  EXPECT_EQ(json["requests"], 1007);
  EXPECT_EQ(json["failed"], 7);
  EXPECT_EQ(json["per_second"], 500);
  EXPECT_NEAR(json["latency_us"]["p99"].get<double>(), 990'000, 1000);
  EXPECT_EQ(json["latency_us"]["max"], 1'000'000);
  EXPECT_EQ(json["errors"]["status 503"], 2);
  EXPECT_EQ(json["errors"]["refused"], 4);
  EXPECT_EQ(json["targets"].size(), 2u);
  EXPECT_EQ(json["targets"][0]["failed"], 7);
  options.rate = 0;
  EXPECT_EQ(json_of(options, some_result())["loop"], "closed");
}

}  // namespace
}  // namespace espalier::load
