#include "devices/flash_power_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

namespace espalier::devices {
namespace {

using Bytes = std::vector<std::uint8_t>;

unsigned ones(const Bytes& bytes) {
  unsigned n = 0;
  for (const std::uint8_t byte : bytes) n += static_cast<unsigned>(std::popcount(byte));
  return n;
}

FlashOperation program_of(std::uint32_t first, std::uint32_t count) {
  return {.kind = FlashOperation::Kind::kProgram,
          .address = 0x100,
          .before = Bytes(256, 0xff),
          .first = first,
          .count = count,
          .duration = 1000};
}

TEST(FlashPowerCut, AProgramOnlyPullsItsOwnBitsDown) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    base::Random random(seed);
    FlashOperation operation = program_of(250, 16);  // wraps: 250 to 255, 0 to 9
    Bytes after = operation.before;
    for (std::uint32_t i = 0; i < 16; ++i) {
      const std::uint32_t at = (250 + i) % 256;
      operation.before[at] = static_cast<std::uint8_t>(random.next());
      after[at] = static_cast<std::uint8_t>(operation.before[at] & random.next());
    }
    const Bytes left = interrupted(operation, after, random.below(1000), random);
    for (std::uint32_t at = 0; at < 256; ++at) {
      EXPECT_EQ(left[at] & ~operation.before[at], 0) << "a bit has come up";
      EXPECT_EQ(after[at] & ~left[at], 0) << "a bit has gone down that was to stay";
    }
  }
}

TEST(FlashPowerCut, AProgramGetsFurtherWithTime) {
  const FlashOperation operation = program_of(0, 256);
  const Bytes after(256, 0);
  unsigned before = 2048;
  for (const base::Ticks elapsed : {0u, 100u, 500u, 900u, 1000u}) {
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      base::Random random(seed);
      sum += ones(interrupted(operation, after, elapsed, random));
    }
    EXPECT_NEAR(sum / 50, 2048.0 * (1000 - static_cast<double>(elapsed)) / 1000, 20) << elapsed;
    EXPECT_LE(sum / 50, before);
    before = static_cast<unsigned>(sum / 50);
  }
}

// Both ways in which chips go about it come about: byte after byte, and all bits together.
TEST(FlashPowerCut, SomeChipsProgramByteAfterByte) {
  const FlashOperation operation = program_of(0, 256);
  unsigned one_by_one = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    base::Random random(seed);
    const Bytes left = interrupted(operation, Bytes(256, 0), 500, random);
    const auto untouched = std::ranges::find(left, 0xff);
    const bool prefix = std::all_of(left.begin(), left.begin() + 127, [](auto b) { return b == 0; }) &&
                        std::all_of(untouched, left.end(), [](auto b) { return b == 0xff; });
    one_by_one += prefix;
  }
  EXPECT_GT(one_by_one, 30u);
  EXPECT_LT(one_by_one, 70u);
}

TEST(FlashPowerCut, AnEraseGoesDownAndThenUp) {
  FlashOperation operation{
      .kind = FlashOperation::Kind::kErase, .address = 0x1000, .before = Bytes(4096), .duration = 1000};
  base::Random content(1);
  for (std::uint8_t& byte : operation.before) byte = static_cast<std::uint8_t>(content.next());
  const Bytes after(4096, 0xff);
  base::Random random(2);
  EXPECT_EQ(interrupted(operation, after, 0, random), operation.before);
  for (const base::Ticks elapsed : {50u, 150u, 249u}) {
    const Bytes left = interrupted(operation, after, elapsed, random);
    for (std::size_t i = 0; i < left.size(); ++i) ASSERT_EQ(left[i] & ~operation.before[i], 0);
    EXPECT_LT(ones(left), ones(operation.before));
  }
  EXPECT_EQ(ones(interrupted(operation, after, 250, random)), 0u);
  EXPECT_NEAR(ones(interrupted(operation, after, 625, random)), 4096 * 4, 600);
  EXPECT_GT(ones(interrupted(operation, after, 990, random)), 32'000u);
  EXPECT_EQ(interrupted(operation, after, 1000, random), after);
}

TEST(FlashPowerCut, AChipIsErasedBlockAfterBlock) {
  const FlashOperation operation{.kind = FlashOperation::Kind::kEraseChip,
                                 .address = 0,
                                 .before = Bytes(16 << 16, 0x5a),
                                 .duration = 1600};
  base::Random random(3);
  const Bytes left = interrupted(operation, Bytes(16 << 16, 0xff), 550, random);
  const auto all = [&](std::size_t from, std::size_t to, std::uint8_t value) {
    return std::all_of(left.begin() + static_cast<long>(from << 16),
                       left.begin() + static_cast<long>(to << 16), [value](auto b) { return b == value; });
  };
  EXPECT_TRUE(all(0, 5, 0xff));
  EXPECT_FALSE(all(5, 6, 0xff));
  EXPECT_TRUE(all(6, 16, 0x5a));
}

TEST(FlashPowerCut, RepeatsWithTheSeed) {
  const FlashOperation operation = program_of(0, 100);
  const auto with = [&](std::uint64_t seed) {
    base::Random random(seed);
    return interrupted(operation, Bytes(256, 0), 400, random);
  };
  EXPECT_EQ(with(5), with(5));
  EXPECT_NE(with(5), with(6));
}

}  // namespace
}  // namespace espalier::devices
