#include "esp32/cache_windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::esp32 {
namespace {

using devices::CacheMmu;

constexpr std::uint32_t kCtrl = 0x040, kCtrl1 = 0x044;  // DPORT_PRO_CACHE_CTRL(1)_REG
constexpr std::uint32_t kEnable = 1u << 3;              // DPORT_PRO_CACHE_ENABLE

std::shared_ptr<const RomPages> blank_rom() {
  auto pages = std::make_shared<RomPages>();
  const auto code = std::make_shared<SharedPages>("test-rom", kRomCodeSize);
  pages->code = {code, code};
  pages->data = std::make_shared<SharedPages>("test-rom-data", kRomDataSize);
  return pages;
}

// 1 MiB of flash, each page of which begins with its number.
std::shared_ptr<const devices::FlashImage> numbered_pages() {
  std::vector<std::uint8_t> image(kMiB, 0);
  for (std::size_t page = 0; page < image.size() / CacheMmu::kFlashPage; ++page)
    image[page * CacheMmu::kFlashPage] = static_cast<std::uint8_t>(page);
  return devices::FlashImage::create(image, kMiB).value();
}

class CacheWindowsTest : public testing::Test {
 protected:
  CacheWindowsTest() { dport_.write(kCtrl1, 0); }  // no bus masked
  void set_entry(unsigned entry, std::uint32_t value) { mmu_.write(entry * 4, value); }
  void enable(bool on) { dport_.write(kCtrl, on ? kEnable : 0); }
  // What the PRO CPU sees at an address; -1: nothing.
  int seen(std::uint32_t address) {
    const std::uint8_t* at = memory_.plain(0, address);
    return at == nullptr ? -1 : *at;
  }

  devices::testing::Bench bench_;
  devices::InterruptMatrix matrix_;
  devices::Dport dport_{bench_.context(), matrix_};
  CacheMmu mmu_;
  std::unique_ptr<devices::FlashStorage> flash_ = devices::FlashStorage::create(numbered_pages()).value();
  std::vector<std::pair<std::uint32_t, std::uint32_t>> invalidated_;
  MemoryMap memory_{blank_rom(), 0, [this](std::uint32_t address, std::uint32_t size) {
                      invalidated_.emplace_back(address, size);
                    }};
  CacheWindows windows_{dport_, mmu_, *flash_, memory_};
};

TEST_F(CacheWindowsTest, ShowsWhatTheTableSaysOnceTheCacheIsOn) {
  set_entry(0, 5);
  set_entry(77, 6);  // 0x400D0000
  EXPECT_EQ(seen(kDromBase), -1);
  enable(true);
  EXPECT_EQ(seen(kDromBase), 5);
  EXPECT_EQ(seen(0x400d0000), 6);
  set_entry(0, 7);
  EXPECT_EQ(seen(kDromBase), 7);
  set_entry(0, CacheMmu::kInvalid);
  EXPECT_EQ(seen(kDromBase), -1);
}

TEST_F(CacheWindowsTest, EntriesChangedWhileTheCacheIsOffCountWhenItComesOn) {
  set_entry(0, 5);
  set_entry(1, 6);
  enable(true);
  enable(false);
  set_entry(0, 8);
  set_entry(0, 9);
  set_entry(1, CacheMmu::kInvalid);
  EXPECT_EQ(seen(kDromBase), -1);
  enable(true);
  EXPECT_EQ(seen(kDromBase), 9);
  EXPECT_EQ(seen(kDromBase + CacheMmu::kFlashPage), -1);
}

TEST_F(CacheWindowsTest, ABusThatStaysMaskedShowsNothing) {
  set_entry(77, 6);
  dport_.write(kCtrl1, 1u << static_cast<unsigned>(CacheBus::kIram0));
  enable(true);
  EXPECT_EQ(seen(0x400d0000), -1);
  dport_.write(kCtrl1, 0);
  EXPECT_EQ(seen(0x400d0000), 6);
}

// The entry names another page while the cache is off, the first page is programmed meanwhile, and the entry
// comes back to it: code decoded from it before is stale, though the mapping is the old one.
TEST_F(CacheWindowsTest, APageThatChangedWhileItWasAwayIsInvalidated) {
  flash_->erase(6 * CacheMmu::kFlashPage + 0x1000, 0x1000);  // the page has left the shared image already
  set_entry(77, 6);
  enable(true);
  enable(false);
  set_entry(77, 7);
  const std::vector<std::uint8_t> zero(1, 0);
  flash_->program(6 * CacheMmu::kFlashPage, zero);
  set_entry(77, 6);
  invalidated_.clear();
  enable(true);
  EXPECT_EQ(seen(0x400d0000), 0);
  EXPECT_THAT(invalidated_, testing::Contains(std::pair(0x400d0000u, CacheMmu::kFlashPage)));
}

}  // namespace
}  // namespace espalier::esp32
