#include "devices/cache_mmu.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace espalier::devices {
namespace {

using Target = CacheMmu::Target;
using Window = CacheMmu::Window;

TEST(CacheMmu, NothingIsMappedAfterReset) {
  CacheMmu mmu;
  for (std::uint32_t offset = 0; offset < CacheMmu::kSize; offset += 4) EXPECT_EQ(mmu.read(offset), 0x100u);
  EXPECT_EQ(mmu.page(0, 0), std::nullopt);
}

TEST(CacheMmu, TablesOfBothCoresLieOneBehindTheOther) {
  CacheMmu mmu;
  mmu.write(77 * 4, 3);
  mmu.write(0x2000 + 77 * 4, 4);
  EXPECT_EQ(mmu.entry(0, 77), 3u);
  EXPECT_EQ(mmu.entry(1, 77), 4u);
  EXPECT_EQ(mmu.page(1, 77), 4u);
  EXPECT_EQ(mmu.read(0x2000 + 77 * 4), 4u);
}

TEST(CacheMmu, EntriesHaveNineBits) {
  CacheMmu mmu;
  mmu.write(0, 0xffffffff);
  EXPECT_EQ(mmu.read(0), 0x1ffu);
  EXPECT_EQ(mmu.page(0, 0), std::nullopt);
  mmu.write(0, 0xfffffeff);
  EXPECT_EQ(mmu.page(0, 0), 0xffu);
}

TEST(CacheMmu, WindowsOfTheEntries) {
  EXPECT_EQ(CacheMmu::window(0), (Window{0x3F400000, 0x10000, Target::kFlash, false}));
  EXPECT_EQ(CacheMmu::window(63), (Window{0x3F7F0000, 0x10000, Target::kFlash, false}));
  EXPECT_EQ(CacheMmu::window(64), (Window{0x40000000, 0x10000, Target::kFlash, true}));
  EXPECT_EQ(CacheMmu::window(77), (Window{0x400D0000, 0x10000, Target::kFlash, true}));
  EXPECT_EQ(CacheMmu::window(128), (Window{0x40400000, 0x10000, Target::kFlash, true}));
  EXPECT_EQ(CacheMmu::window(255), (Window{0x40BF0000, 0x10000, Target::kFlash, true}));
  EXPECT_EQ(CacheMmu::window(256), std::nullopt);
  EXPECT_EQ(CacheMmu::window(1151), std::nullopt);
  EXPECT_EQ(CacheMmu::window(1152), (Window{0x3F800000, 0x8000, Target::kPsram, false}));
  EXPECT_EQ(CacheMmu::window(1279), (Window{0x3FBF8000, 0x8000, Target::kPsram, false}));
  EXPECT_EQ(CacheMmu::window(1280), std::nullopt);
}

TEST(CacheMmu, TellsOfChangesOnly) {
  CacheMmu mmu;
  std::vector<std::pair<unsigned, unsigned>> changes;
  mmu.on_change = [&](unsigned cpu, unsigned entry) { changes.emplace_back(cpu, entry); };
  mmu.write(4, 7);
  mmu.write(4, 7);
  mmu.write(0x2004, 7);
  mmu.write(8, 0x100);
  EXPECT_EQ(changes, (std::vector<std::pair<unsigned, unsigned>>{{0, 1}, {1, 1}}));
  changes.clear();
  mmu.reset(ResetKind::kCore);
  EXPECT_EQ(changes, (std::vector<std::pair<unsigned, unsigned>>{{0, 1}, {1, 1}}));
  EXPECT_EQ(mmu.read(4), 0x100u);
}

TEST(CacheMmu, Archive) {
  CacheMmu mmu;
  mmu.write(4, 7);
  base::Archive out = base::Archive::saving();
  mmu.archive(out);
  mmu.reset(ResetKind::kSystem);
  base::Archive in = base::Archive::loading(out.bytes());
  mmu.archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(mmu.page(0, 1), 7u);
  EXPECT_EQ(mmu.page(0, 2), std::nullopt);
}

}  // namespace
}  // namespace espalier::devices
