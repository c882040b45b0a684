#include "net/impairment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::net {
namespace {

using ::testing::HasSubstr;

template <class T>
std::string error_of(const std::expected<T, std::string>& parsed) {
  return parsed ? std::string() : parsed.error();
}

TEST(Impairment, ReadsTheUnitsOfTc) {
  EXPECT_EQ(parse_duration("20ms"), 20'000'000u);
  EXPECT_EQ(parse_duration("1.5s"), 1'500'000'000u);
  EXPECT_EQ(parse_duration("300us"), 300'000u);
  EXPECT_EQ(parse_probability("1%"), 0.01);
  EXPECT_EQ(parse_probability("0.25"), 0.25);
  EXPECT_EQ(parse_rate("1Mbit"), 1'000'000u);
  EXPECT_EQ(parse_rate("64kbit"), 64'000u);
  EXPECT_EQ(parse_rate("100kbps"), 800'000u);
  EXPECT_EQ(parse_rate("9600"), 9600u);
}

TEST(Impairment, SaysWhatIsNoMeasure) {
  for (const char* text : {"20", "ms", "-1ms", "2h", "20ms ", "nans", "4000s"})
    EXPECT_THAT(error_of(parse_duration(text)), HasSubstr("is not a time")) << text;
  for (const char* text : {"101%", "1.1", "-1%", "x", ""})
    EXPECT_THAT(error_of(parse_probability(text)), HasSubstr("is not a probability")) << text;
  for (const char* text : {"1Mbyte", "-1", "inf", "2000gbit"})
    EXPECT_THAT(error_of(parse_rate(text)), HasSubstr("is not a rate")) << text;
}

TEST(Impairment, IsReadFromAText) {
  const auto link =
      parse_impairment("latency=20ms,jitter=5ms,loss=1%,duplicate=0.1%,reorder=25%,rate=1Mbit,seed=7");
  ASSERT_TRUE(link) << link.error();
  EXPECT_EQ(link->in, (Impairment{.latency_ns = 20'000'000,
                                  .jitter_ns = 5'000'000,
                                  .loss = 0.01,
                                  .duplicate = 0.001,
                                  .reorder = 0.25,
                                  .rate = 1'000'000}));
  EXPECT_EQ(link->out, link->in);
  EXPECT_EQ(link->seed, 7u);
  EXPECT_EQ(impairment_text(*link),
            "latency 20ms, jitter 5ms, loss 1%, duplicate 0.1%, reorder 25%, rate 1Mbit");
  const auto one_way = parse_impairment("partition,direction=in");
  ASSERT_TRUE(one_way) << one_way.error();
  EXPECT_EQ(impairment_text(*one_way), "in: partition; out: none");
  EXPECT_THAT(error_of(parse_impairment("lag=1ms")), HasSubstr("'lag' is none of latency, jitter"));
  EXPECT_THAT(error_of(parse_impairment("loss=2")), HasSubstr("loss: '2' is not a probability"));
  EXPECT_THAT(error_of(parse_impairment("seed=x")), HasSubstr("seed: 'x' is not a whole number"));
  EXPECT_THAT(error_of(parse_impairment("direction=up")), HasSubstr("'up' is none of both, in, out"));
}

TEST(Impairment, APatchLeavesTheRest) {
  LinkImpairment link = *parse_impairment("latency=20ms,loss=1%,seed=7");
  ImpairmentPatch{.direction = Direction::kOut, .loss = 0.5}.apply(link);
  EXPECT_EQ(impairment_text(link), "in: latency 20ms, loss 1%; out: latency 20ms, loss 50%");
  ImpairmentPatch{.clear = true, .partition = true}.apply(link);
  EXPECT_EQ(impairment_text(link), "partition");
  EXPECT_EQ(link.seed, 7u);
}

}  // namespace
}  // namespace espalier::net
