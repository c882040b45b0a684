#include "devices/syscon.h"

#include <gtest/gtest.h>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

TEST(SysconTest, ClocksAndTicks) {
  testing::Bench bench;
  Syscon syscon(bench.context());
  int changes = 0;
  syscon.on_clock_change = [&] { ++changes; };
  EXPECT_EQ(syscon.pre_div_cnt(), 0u);
  EXPECT_EQ(syscon.pll_tick_cycles(), 80u);
  EXPECT_EQ(syscon.xtal_tick_cycles(), 40u);
  EXPECT_EQ(syscon.rc_fast_tick_cycles(), 12u);
  syscon.write(0x00, 0x2001);
  EXPECT_EQ(syscon.pre_div_cnt(), 1u);
  EXPECT_EQ(changes, 1);
  syscon.write(0x00, 0x2001);  // no change
  syscon.write(0x10, 0);       // no clock
  EXPECT_EQ(changes, 1);
  syscon.reset(ResetKind::kCore);
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(syscon.read(0x10), 0x007f8240u);
  EXPECT_EQ(syscon.read(0x38), 0x0f0f0f0fu);
  EXPECT_EQ(syscon.read(0x7c), 0x96042000u);  // bit 31: revision 3
}

}  // namespace
}  // namespace espalier::devices
