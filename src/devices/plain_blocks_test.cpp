#include "devices/plain_blocks.h"

#include <gtest/gtest.h>

#include <string>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

TEST(PlainBlocksTest, LieApartAndStayInside) {
  for (const PlainBlock& a : plain_blocks()) {
    for (const Reg& r : a.registers) EXPECT_LE(r.offset + (r.count - 1) * r.stride + 4, a.size) << a.name;
    for (const PlainBlock& b : plain_blocks())
      if (&a != &b) {
        EXPECT_TRUE(a.base + a.size <= b.base || b.base + b.size <= a.base) << a.name << " " << b.name;
      }
  }
}

TEST(PlainBlocksTest, NoRegisterIsNamedTwice) {
  for (const PlainBlock& block : plain_blocks()) {
    std::string used(block.size / 4, ' ');
    for (const Reg& r : block.registers)
      for (std::uint32_t i = 0; i < r.count; ++i) {
        char& mark = used[(r.offset + i * r.stride) / 4];
        EXPECT_EQ(mark, ' ') << block.name << " " << r.offset;
        mark = 'x';
      }
  }
}

TEST(PlainBlocksTest, RememberWithResetValues) {
  testing::Bench bench;
  for (const PlainBlock& block : plain_blocks()) {
    const auto device = make_plain_block(block, bench.context());
    EXPECT_EQ(device->name(), block.name);
    for (const Reg& r : block.registers) EXPECT_EQ(device->read(r.offset), r.reset) << block.name;
    device->write(block.size - 4, 0x12345678);
    EXPECT_EQ(device->read(block.size - 4), 0x12345678u);
  }
}

}  // namespace
}  // namespace espalier::devices
