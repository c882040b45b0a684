#include "xtensa/block_cache.h"

#include <gtest/gtest.h>

#include <memory>

namespace espalier::xtensa {
namespace {

struct BlockCacheTest : ::testing::Test {
  Block* add(std::uint32_t pc, std::uint32_t size) {
    Block* block = cache->allocate(sizeof(Block) + 2 * sizeof(Slot));
    *block = Block{};
    block->pc = pc;
    block->size = size;
    block->cost = 1;
    cache->insert(block);
    return block;
  }
  std::unique_ptr<BlockCache> cache = std::make_unique<BlockCache>();
};

TEST_F(BlockCacheTest, FindsByPcOnly) {
  EXPECT_EQ(cache->find(0x40080000), nullptr);
  Block* block = add(0x40080000, 8);
  EXPECT_EQ(cache->find(0x40080000), block);
  EXPECT_EQ(cache->guess(0x40080000), block);
  EXPECT_EQ(cache->find(0x40080004), nullptr);
  EXPECT_TRUE(cache->unlinked()->dead());
}

TEST_F(BlockCacheTest, InvalidationIsByOverlap) {
  Block* block = add(0x40080010, 8);
  EXPECT_FALSE(cache->invalidate(0x40080000, 16));
  EXPECT_FALSE(cache->invalidate(0x40080018, 100));
  EXPECT_FALSE(cache->invalidate(0x40080010, 0));
  EXPECT_EQ(cache->find(0x40080010), block);
  EXPECT_TRUE(cache->has_code(0x40080fff, 1));
  EXPECT_TRUE(cache->invalidate(0x40080017, 1));
  EXPECT_TRUE(block->dead());
  EXPECT_EQ(cache->find(0x40080010), nullptr);
  EXPECT_FALSE(cache->has_code(0x40080000, 0x1000));
  EXPECT_FALSE(cache->invalidate(0x40080017, 1));
  Block* again = add(0x40080010, 8);
  EXPECT_EQ(cache->find(0x40080010), again);
}

TEST_F(BlockCacheTest, ABlockAcrossTwoPagesIsInBoth) {
  for (const std::uint32_t address : {0x40080fffu, 0x40081000u}) {
    Block* block = add(0x40080fff, 3);
    EXPECT_TRUE(cache->has_code(0x40081ffc, 4));
    EXPECT_TRUE(cache->invalidate(address, 1));
    EXPECT_TRUE(block->dead());
    EXPECT_FALSE(cache->invalidate(0x40080ffe, 8));
  }
}

TEST_F(BlockCacheTest, WideRangesAndTheTopOfTheAddressSpace) {
  Block* low = add(0x40080000, 4);
  Block* high = add(0xfffffff0, 4);
  EXPECT_TRUE(cache->invalidate(0x80000000, 0x80000000));
  EXPECT_FALSE(low->dead());
  EXPECT_TRUE(high->dead());
  EXPECT_TRUE(cache->invalidate(0, 0xffffffff));
  EXPECT_TRUE(low->dead());
}

TEST_F(BlockCacheTest, FillsUpAndStartsAgain) {
  std::uint32_t blocks = 0;
  while (Block* block = cache->allocate(200)) {
    *block = Block{};
    block->pc = 0x40080000 + 4 * blocks;
    block->size = 4;
    cache->insert(block);
    ASSERT_LT(++blocks, 20'000u);
  }
  EXPECT_GT(blocks, 5'000u);
  for (std::uint32_t i = 0; i < blocks; ++i) ASSERT_NE(cache->find(0x40080000 + 4 * i), nullptr);
  cache->flush();
  EXPECT_EQ(cache->find(0x40080000), nullptr);
  EXPECT_FALSE(cache->has_code(0x40080000, 0x100000));
  EXPECT_NE(cache->allocate(200), nullptr);
}

}  // namespace
}  // namespace espalier::xtensa
