#include "host/fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::host {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  const auto fault = parse_fault(text);
  return fault ? std::string() : fault.error();
}

TEST(Fault, IsReadFromAText) {
  const auto cut = parse_fault("power-cut,at=123456,seed=7,for=250ms");
  ASSERT_TRUE(cut) << cut.error();
  EXPECT_EQ(cut->kind, Fault::Kind::kPowerCut);
  EXPECT_EQ(cut->at, 123'456u);
  EXPECT_EQ(cut->seed, 7u);
  EXPECT_EQ(cut->duration_ns, 250'000'000u);
  const auto flip = parse_fault("bit-flip,memory=flash,address=0x9000,bit=3,bits=2");
  ASSERT_TRUE(flip) << flip.error();
  EXPECT_EQ(flip->memory, Fault::Memory::kFlash);
  EXPECT_EQ(flip->address, 0x9000u);
  EXPECT_EQ(flip->bit, 3u);
  EXPECT_EQ(flip->bits, 2u);
  EXPECT_EQ(flip->duration_ns, 0u);
  EXPECT_EQ(parse_fault("clock-skew,ppm=-150.5")->ppm, -150.5);
  EXPECT_EQ(parse_fault("brown-out")->duration_ns, 100'000'000u);
  EXPECT_EQ(parse_fault("stuck-network,for=2s,within=1000")->within, 1000u);
}

TEST(Fault, SaysWhatIsWrong) {
  EXPECT_EQ(error_of("power"),
            "'power' is none of power-cut, brown-out, bit-flip, clock-skew, stuck-network");
  EXPECT_THAT(error_of("power-cut,when=3"), HasSubstr("'when' is none of at, within, seed"));
  EXPECT_EQ(error_of("power-cut,at"), "'at' is no KEY=VALUE");
  EXPECT_THAT(error_of("power-cut,at=x"), HasSubstr("at: 'x' is not a whole number"));
  EXPECT_THAT(error_of("power-cut,at=1,within=2"), HasSubstr("give one"));
  EXPECT_THAT(error_of("bit-flip,bits=0"), HasSubstr("bits: '0' is not a whole number from 1 to 4096"));
  EXPECT_THAT(error_of("bit-flip,bit=3"), HasSubstr("bit counts in the byte at address"));
  EXPECT_THAT(error_of("bit-flip,for=1s"), HasSubstr("it does not last"));
  EXPECT_THAT(error_of("bit-flip,memory=disk"), HasSubstr("'disk' is none of ram, rtc, psram, flash"));
  EXPECT_THAT(error_of("power-cut,address=3"), HasSubstr("bit-flip's"));
  EXPECT_THAT(error_of("power-cut,ppm=3"), HasSubstr("clock-skew's"));
  EXPECT_THAT(error_of("clock-skew,ppm=600000"), HasSubstr("ppm: '600000' is not a number"));
}

}  // namespace
}  // namespace espalier::host
