#include "base/zero_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace espalier::base {
namespace {

std::size_t resident(const ZeroPages& memory) {
  std::vector<unsigned char> pages(memory.size() / 4096);
  EXPECT_EQ(mincore(memory.data(), memory.size(), pages.data()), 0);
  return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char page) { return page & 1; }));
}

TEST(ZeroPages, CostNothingUntilTheyAreWrittenTo) {
  ZeroPages memory(std::size_t{64} << 20);
  EXPECT_EQ(resident(memory), 0u);
  memory.data()[40 << 20] = std::byte{7};
  EXPECT_EQ(resident(memory), 1u);
}

TEST(ZeroPages, AreGivenBackByClearing) {
  ZeroPages memory(16 * 4096);
  std::fill_n(memory.data(), memory.size(), std::byte{1});
  memory.clear(0, 4 * 4096);
  EXPECT_EQ(resident(memory), 12u);
  EXPECT_EQ(memory.data()[0], std::byte{0});
  EXPECT_EQ(memory.data()[4 * 4096], std::byte{1});
}

TEST(ZeroPages, AsAnArray) {
  const ZeroArray<std::uint32_t> numbers(10000);
  EXPECT_EQ(numbers[9999], 0u);
  numbers[9999] = 5;
  EXPECT_EQ(numbers[9999], 5u);
}

}  // namespace
}  // namespace espalier::base
