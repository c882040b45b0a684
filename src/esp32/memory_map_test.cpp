#include "esp32/memory_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "esp32/system_bus.h"

namespace espalier::esp32 {
namespace {

using xtensa::Cause;

std::shared_ptr<const RomPages> blank_rom() {
  auto code = std::make_shared<SharedPages>("test-rom", kRomCodeSize);
  auto data = std::make_shared<SharedPages>("test-rom-data", kRomDataSize);
  code->data()[0x100] = 0x42;
  auto pages = std::make_shared<RomPages>();
  pages->code = {code, code};
  pages->data = data;
  return pages;
}

class MemoryMapTest : public testing::Test {
 protected:
  std::uint32_t load(unsigned cpu, std::uint32_t address, unsigned size = 4) {
    std::uint32_t value = 0;
    last_ = bus_.load(cpu, address, size, value);
    return value;
  }
  Cause store(unsigned cpu, std::uint32_t address, std::uint32_t value, unsigned size = 4) {
    return bus_.store(cpu, address, size, value).cause;
  }
  Cause load_cause(std::uint32_t address, unsigned size) {
    load(0, address, size);
    return last_.cause;
  }
  std::uint8_t attributes(unsigned cpu, std::uint32_t address) {
    return memory_.view(cpu).attributes[address >> 12];
  }
  // The address space's eight regions with one attribute for region `n`, 2 (everything) for the others.
  void protect(unsigned cpu, unsigned n, std::uint8_t attribute) {
    std::array<std::uint8_t, 8> regions;
    regions.fill(2);
    regions[n] = attribute;
    memory_.set_regions(cpu, regions, regions);
  }

  std::vector<std::pair<std::uint32_t, std::uint32_t>> invalidated_;
  base::Logger log_{[](base::LogLevel, base::LogArea, std::string_view) {}};
  MemoryMap memory_{blank_rom(), 2 * kMiB, [this](std::uint32_t address, std::uint32_t size) {
                      invalidated_.emplace_back(address, size);
                    }};
  base::Tracer tracer_;
  DeviceBus devices_{log_, tracer_};
  SystemBus bus_{memory_, devices_, log_};
  xtensa::Access last_;
};

TEST_F(MemoryMapTest, BothCoresSeeOneInternalRam) {
  store(0, 0x3ffb0000, 0x11223344);
  EXPECT_EQ(load(1, 0x3ffb0000), 0x11223344u);
  std::uint32_t host;
  std::memcpy(&host, memory_.view(1).base + 0x3ffb0000, 4);
  EXPECT_EQ(host, 0x11223344u);
}

TEST_F(MemoryMapTest, Sram1CountsBackwardsOnTheInstructionBus) {
  // TRM 1.3.2.3: 0x3FFE0000 is 0x400BFFFC, 0x3FFE0004 is 0x400BFFF8; bytes within a word keep their order.
  store(0, 0x3ffe0000, 0xaabbccdd);
  EXPECT_EQ(load(0, 0x400bfffc), 0xaabbccddu);
  store(0, 0x400a0000, 0x01020304);
  EXPECT_EQ(load(0, 0x3ffffffc), 0x01020304u);
  std::uint8_t bytes[4];
  ASSERT_TRUE(bus_.fetch(0, 0x400bfffe, bytes).ok);
  EXPECT_EQ(bytes[0], 0xbb);
  EXPECT_EQ(bytes[1], 0xaa);
}

TEST_F(MemoryMapTest, RtcFastMemoryIsTheProCpusOnBothBuses) {
  store(0, 0x3ff80010, 7);
  EXPECT_EQ(load(0, 0x400c0010), 7u);
  EXPECT_EQ(load(1, 0x3ff80010), 0u);
  EXPECT_EQ(attributes(1, 0x3ff80000), 0);
  store(0, 0x50000000, 9);
  EXPECT_EQ(load(1, 0x50000000), 9u);
}

TEST_F(MemoryMapTest, TheInstructionBusTakesAlignedWordsOnly) {
  EXPECT_EQ(attributes(0, 0x40080000) & (xtensa::kPageLoadNarrow | xtensa::kPageStoreNarrow), 0);
  EXPECT_EQ(load_cause(0x40080000, 4), Cause::kNone);
  EXPECT_EQ(load_cause(0x40080000, 1), Cause::kLoadStoreError);
  EXPECT_EQ(load_cause(0x40080000, 2), Cause::kLoadStoreError);
  EXPECT_EQ(load_cause(0x40080002, 4), Cause::kLoadStoreAlignment);
  EXPECT_EQ(store(0, 0x40080001, 0, 1), Cause::kLoadStoreError);
  EXPECT_EQ(load_cause(0x40000100, 1), Cause::kLoadStoreError);
  EXPECT_EQ(load(0, 0x40000100), 0x42u);
}

TEST_F(MemoryMapTest, RegionProtectionForbidsAndAllowsAgain) {
  protect(0, 1, 15);
  EXPECT_EQ(load_cause(0x3ffb0000, 4), Cause::kLoadProhibited);
  EXPECT_EQ(store(0, 0x3ffb0000, 1), Cause::kStoreProhibited);
  EXPECT_EQ(attributes(0, 0x3ffb0000), 0);
  EXPECT_NE(attributes(1, 0x3ffb0000), 0) << "the other core has regions of its own";
  protect(0, 1, 2);
  EXPECT_EQ(load_cause(0x3ffb0000, 4), Cause::kNone);
  protect(0, 0, 15);
  EXPECT_EQ(load_cause(0, 4), Cause::kLoadProhibited);
  protect(0, 2, 0);
  std::uint8_t bytes[4];
  EXPECT_EQ(bus_.fetch(0, 0x40080000, bytes).cause, Cause::kInstFetchProhibited);
}

TEST_F(MemoryMapTest, RegionsThatGrantTheSameKeepTheirCode) {
  protect(0, 2, 4);  // another way of caching
  EXPECT_TRUE(invalidated_.empty());
  protect(0, 2, 3);  // code alone
  EXPECT_EQ(attributes(0, 0x40080000), xtensa::kPageFetch);
  EXPECT_EQ(attributes(0, 0x50000000), xtensa::kPageFetch);
  EXPECT_THAT(invalidated_, testing::ElementsAre(std::pair(0x40000000u, 0x20000000u)));
}

TEST_F(MemoryMapTest, AWriteToDecodedCodeDropsItThroughEveryAlias) {
  memory_.watch_code(0x400bffc0, 8);  // SRAM1, on the data bus 0x3FFE0000..0x3FFE003F
  EXPECT_FALSE(attributes(1, 0x3ffe0000) & xtensa::kPageStore32);
  invalidated_.clear();
  store(1, 0x3ffe0080, 1);
  EXPECT_TRUE(invalidated_.empty()) << "data beside code";
  store(1, 0x3ffe003c, 1);
  EXPECT_THAT(invalidated_, testing::Contains(std::pair(0x400bffc0u, 64u)));
  EXPECT_TRUE(attributes(0, 0x3ffe0000) & xtensa::kPageStore32) << "no code is left: stores are fast again";
}

TEST_F(MemoryMapTest, DmaWritesDropDecodedCodeAndStayInInternalRam) {
  memory_.watch_code(0x400bffc0, 64);
  invalidated_.clear();
  const std::array<std::uint8_t, 4> data = {1, 2, 3, 4};
  EXPECT_TRUE(bus_.write(0x3ffe0000, data));
  EXPECT_FALSE(invalidated_.empty());
  EXPECT_TRUE(bus_.write(0x3ffffffc, data));
  EXPECT_FALSE(bus_.write(0x3ffffffd, data));
  EXPECT_FALSE(bus_.write(0x3f800000, data));
  EXPECT_FALSE(bus_.write(0xfffffffe, data));
  std::array<std::uint8_t, 4> back{};
  EXPECT_FALSE(bus_.read(0x3ffadffe, back));
}

TEST_F(MemoryMapTest, FlashWindowsShowAPageWhileTheirBusIsOn) {
  SharedPages flash("test-flash", 128 * kKiB);
  flash.data()[64 * kKiB + 0x123] = 0x5a;
  memory_.map_flash(0, 0x3f410000, {flash.fd(), 64 * kKiB});
  EXPECT_EQ(load(0, 0x3f410123, 1), 0u);
  memory_.set_cache_buses(0, 1u << static_cast<unsigned>(CacheBus::kDrom0));
  EXPECT_EQ(load(0, 0x3f410123, 1), 0x5au);
  EXPECT_EQ(load(1, 0x3f410123, 1), 0u);
  EXPECT_EQ(store(0, 0x3f410123, 1, 1), Cause::kNone);
  EXPECT_EQ(load(0, 0x3f410123, 1), 0x5au) << "flash is not written through the cache";
  memory_.map_flash(0, 0x3f410000, {});
  EXPECT_EQ(load(0, 0x3f410123, 1), 0u);
}

TEST_F(MemoryMapTest, TheFirstInstructionPageLeavesRtcFastMemoryVisible) {
  SharedPages flash("test-flash", 64 * kKiB);
  flash.data()[0x2000] = 0x77;
  store(0, 0x3ff80000, 0x33);
  memory_.set_cache_buses(0, 0xff);
  memory_.map_flash(0, 0x400c0000, {flash.fd(), 0});
  EXPECT_EQ(load(0, 0x400c2000), 0x77u);
  EXPECT_EQ(load(0, 0x400c0000), 0x33u);
}

TEST_F(MemoryMapTest, PsramPagesMapAnywhereInTheirWindow) {
  memory_.set_cache_buses(0, 0xff);
  memory_.map_psram(0, 0x3f808000, true, 0);
  store(0, 0x3f808004, 0xcafe);
  memory_.map_psram(0, 0x3f800000, true, 0);
  EXPECT_EQ(load(0, 0x3f800004), 0xcafeu);
  EXPECT_EQ(memory_.psram()[4], 0xfe);
  memory_.map_psram(0, 0x3f810000, true, 4 * kMiB);  // more than there is
  store(0, 0x3f810000, 1);
  EXPECT_EQ(load(0, 0x3f810000), 0u);
}

TEST_F(MemoryMapTest, UnalignedAccessesCrossPagesAndMemories) {
  store(0, 0x3ffdfffe, 0xddccbbaa);  // SRAM2 into SRAM1
  EXPECT_EQ(load(0, 0x3ffdfffc), 0xbbaa0000u);
  EXPECT_EQ(load(0, 0x3ffe0000), 0x0000ddccu);
  EXPECT_EQ(load(0, 0x3ffdfffe), 0xddccbbaau);
}

TEST_F(MemoryMapTest, UnknownRegistersReadBackAlsoByteByByte) {
  store(0, 0x3ff7f000, 0x12345678);
  EXPECT_EQ(load(1, 0x3ff7f000), 0x12345678u);
  store(0, 0x3ff7f001, 0xff, 1);
  EXPECT_EQ(load(0, 0x3ff7f000), 0x1234ff78u);
  EXPECT_EQ(load(0, 0x3ff7f002, 2), 0x1234u);
  store(0, 0x6003f010, 3);
  EXPECT_EQ(load(0, 0x3ff7f010), 3u) << "the AHB shows the same registers at 0x60000000";
}

// A map that begins with what another held, and the other one.
class ClonedMapTest : public MemoryMapTest {
 protected:
  ClonedMapTest() {
    store(0, 0x3ffb0000, 0x11111111);
    store(0, 0x3ffe0000, 0x22222222);  // SRAM1, whose words the instruction bus shows in reversed order
    store(0, 0x40080000, 0x33333333);
    memory_.set_cache_buses(0, 0xff);
    memory_.map_psram(0, 0x3f800000, true, 0);
    store(0, 0x3f804000, 0x44444444);
    clone_.emplace(
        rom_, 2 * kMiB, [](std::uint32_t, std::uint32_t) {}, memory_.snapshot());
    clone_->set_cache_buses(0, 0xff);
    clone_->map_psram(0, 0x3f800000, true, 0);
    bus_of_clone_.emplace(*clone_, devices_, log_);
  }
  std::uint32_t clones(unsigned cpu, std::uint32_t address) {
    std::uint32_t value = 0;
    EXPECT_TRUE(bus_of_clone_->load(cpu, address, 4, value).ok);
    return value;
  }
  void store_in_clone(unsigned cpu, std::uint32_t address, std::uint32_t value) {
    EXPECT_TRUE(bus_of_clone_->store(cpu, address, 4, value).ok);
  }
  std::shared_ptr<const RomPages> rom_ = blank_rom();
  std::optional<MemoryMap> clone_;
  std::optional<SystemBus> bus_of_clone_;
};

// Takes all the mappings that this process may still have.
class AllMappings {
 public:
  AllMappings() {
    std::ifstream("/proc/sys/vm/max_map_count") >> limit_;
    if (!few_enough()) return;
    size_ = 2 * limit_ * kPage;
    at_ = static_cast<std::uint8_t*>(
        mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (std::size_t page = 0; page < 2 * limit_; page += 2)
      if (mprotect(at_ + page * kPage, kPage, PROT_READ) != 0) break;
  }
  ~AllMappings() {
    if (size_ != 0) munmap(at_, size_);
  }
  bool few_enough() const { return limit_ != 0 && limit_ <= 300'000; }

 private:
  static constexpr std::size_t kPage = 4096;
  std::size_t limit_ = 0, size_ = 0;
  std::uint8_t* at_ = nullptr;
};

TEST_F(ClonedMapTest, WithoutRoomForMoreMappingsAllOfItsRamBecomesItsOwn) {
  {
    const AllMappings all;
    if (!all.few_enough()) GTEST_SKIP() << "this process may have too many mappings to use them all up";
    store_in_clone(0, 0x3ffb0000, 0x55555555);
  }
  EXPECT_FALSE(clone_->exhausted());
  EXPECT_EQ(clone_->own_ram(), MemoryMap::ram_size(2 * kMiB));
  store_in_clone(1, 0x3ffe0000, 0x66666666);
  for (const unsigned cpu : {0u, 1u}) {
    std::uint32_t seen = 0;
    std::memcpy(&seen, clone_->view(cpu).base + 0x3ffb0000, 4);
    EXPECT_EQ(seen, 0x55555555u);
    EXPECT_EQ(clones(cpu, 0x3ffe0000), 0x66666666u);
    EXPECT_EQ(clones(cpu, 0x40080000), 0x33333333u);
  }
  EXPECT_EQ(clones(0, 0x3f804000), 0x44444444u);
  EXPECT_EQ(load(0, 0x3ffb0000), 0x11111111u) << "the others' is left alone";
}

TEST_F(ClonedMapTest, WithoutRoomForMoreMappingsItSaysSoAndTheProcessGoesOn) {
  const SharedPages flash("flash", 64 * kKiB);
  clone_->map_flash(0, 0x3f400000, {flash.fd(), 0});
  {
    const AllMappings all;
    if (!all.few_enough()) GTEST_SKIP() << "this process may have too many mappings to use them all up";
    EXPECT_FALSE(clone_->show(0, 0x3f400000, false));
    EXPECT_TRUE(clone_->exhausted());
    clone_->set_cache_buses(0, 0);
    store_in_clone(0, 0x3ffb0000, 0x55555555);  // gets somewhere or nowhere, but not into the origin
  }
  EXPECT_EQ(load(0, 0x3ffb0000), 0x11111111u);
}

TEST_F(ClonedMapTest, BeginsWithTheSameAndSharesIt) {
  for (const unsigned cpu : {0u, 1u}) {
    EXPECT_EQ(clones(cpu, 0x3ffb0000), 0x11111111u);
    EXPECT_EQ(clones(cpu, 0x3ffe0000), 0x22222222u);
    EXPECT_EQ(clones(cpu, 0x400bfffc), 0x22222222u);
    EXPECT_EQ(clones(cpu, 0x40080000), 0x33333333u);
  }
  EXPECT_EQ(clones(0, 0x3f804000), 0x44444444u);
  EXPECT_EQ(clone_->own_ram(), 0u);
}

TEST_F(ClonedMapTest, AStoreIsTheClonesAloneAndForBothCores) {
  store_in_clone(0, 0x3ffb0004, 0xaaaaaaaa);
  EXPECT_EQ(clone_->own_ram(), 2 * 4096u);
  EXPECT_EQ(clones(1, 0x3ffb0004), 0xaaaaaaaau);
  EXPECT_EQ(clones(1, 0x3ffb0000), 0x11111111u) << "the rest of the page has come along";
  EXPECT_EQ(load(0, 0x3ffb0004), 0u) << "the first map's";
  store(0, 0x3ffb0000, 0xbbbbbbbb);
  EXPECT_EQ(clones(0, 0x3ffb0000), 0x11111111u);
}

TEST_F(ClonedMapTest, AStoreByAnyAddressIsSeenByAll) {
  store_in_clone(1, 0x400bfffc, 0xaaaaaaaa);  // the reversed side of SRAM1
  EXPECT_EQ(clones(0, 0x3ffe0000), 0xaaaaaaaau);
  store_in_clone(0, 0x3ff80010, 0xcccccccc);  // RTC fast memory on the data bus
  EXPECT_EQ(clones(0, 0x400c0010), 0xccccccccu);
  store_in_clone(0, 0x3f804004, 0xdddddddd);
  clone_->map_psram(0, 0x3f820000, true, 0);
  EXPECT_EQ(clones(0, 0x3f824004), 0xddddddddu);
  EXPECT_EQ(clones(0, 0x3f824000), 0x44444444u);
  EXPECT_EQ(load(0, 0x3f804004), 0u);
}

TEST_F(ClonedMapTest, HostStoresWorkOnceThePageIsItsOwn) {
  const auto stores = [&](std::uint32_t address) {
    return clone_->view(0).attributes[address >> 12] & xtensa::kPageStore32;
  };
  EXPECT_FALSE(stores(0x3ffb0000));
  EXPECT_TRUE(clone_->show(0, 0x3ffb0000, true));
  EXPECT_TRUE(stores(0x3ffb0000));
  EXPECT_FALSE(clone_->show(0, 0x3ffb0000, true)) << "there is nothing more to do";
  EXPECT_FALSE(clone_->show(0, 0x3ffb1000, false)) << "reading needs nothing";
  const std::uint32_t value = 0x55555555;
  std::memcpy(clone_->view(0).base + 0x3ffb0000, &value, 4);
  EXPECT_EQ(clones(1, 0x3ffb0000), value);
  EXPECT_EQ(load(0, 0x3ffb0000), 0x11111111u);
}

TEST_F(ClonedMapTest, DmaWritesToItsOwnPages) {
  std::vector<std::uint8_t> data(9000, 0x5a);
  EXPECT_TRUE(bus_of_clone_->write(0x3ffb0800, data));
  EXPECT_EQ(clones(0, 0x3ffb0800), 0x5a5a5a5au);
  EXPECT_EQ(clones(0, 0x3ffb0800 + 8996), 0x5a5a5a5au);
  EXPECT_EQ(clone_->own_ram(), 4 * 4096u);
  EXPECT_EQ(load(0, 0x3ffb0800), 0u);
}

TEST_F(ClonedMapTest, ALoadedStateIsItsOwn) {
  base::Archive saved = base::Archive::saving();
  memory_.archive(saved);
  store_in_clone(0, 0x3ffb0000, 1);
  base::Archive ar = base::Archive::loading(saved.bytes());
  clone_->archive(ar);
  EXPECT_FALSE(ar.failed());
  EXPECT_EQ(clones(0, 0x3ffb0000), 0x11111111u);
  store_in_clone(0, 0x3ffe0000, 1);
  EXPECT_EQ(load(0, 0x3ffe0000), 0x22222222u);
}

TEST_F(MemoryMapTest, FlashIsMappedWhenItIsLookedAt) {
  SharedPages flash("test-flash", 64 * kKiB);
  flash.data()[0x10] = 0x99;
  memory_.set_cache_buses(0, 0xff);
  memory_.map_flash(0, 0x3f400000, {flash.fd(), 0});
  EXPECT_EQ(attributes(0, 0x3f400000), 0);
  EXPECT_TRUE(memory_.show(0, 0x3f400000, false));
  EXPECT_EQ(attributes(0, 0x3f400000), xtensa::kPageLoad32 | xtensa::kPageLoadNarrow);
  EXPECT_EQ(memory_.view(0).base[0x3f400010], 0x99);
  EXPECT_FALSE(memory_.show(0, 0x3f400000, false));
  EXPECT_FALSE(memory_.show(0, 0x3f400000, true)) << "a flash takes no stores";
  memory_.map_flash(0, 0x3f400000, {});
  EXPECT_EQ(attributes(0, 0x3f400000), 0);
  EXPECT_FALSE(memory_.show(0, 0x3f400000, false));
}

}  // namespace
}  // namespace espalier::esp32
