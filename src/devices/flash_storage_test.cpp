#include "devices/flash_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace espalier::devices {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Range = FlashStorage::Range;

constexpr std::uint32_t kSize = 1024 * 1024;

std::vector<std::uint8_t> pattern(std::size_t n) {
  std::vector<std::uint8_t> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

std::shared_ptr<const FlashImage> image_of(std::span<const std::uint8_t> bytes) {
  auto image = FlashImage::create(bytes, kSize);
  EXPECT_TRUE(image) << image.error();
  return *image;
}

std::unique_ptr<FlashStorage> storage_of(std::shared_ptr<const FlashImage> image) {
  auto storage = FlashStorage::create(std::move(image));
  EXPECT_TRUE(storage) << storage.error();
  return std::move(*storage);
}

std::vector<std::uint8_t> read(const FlashStorage& flash, std::uint32_t address, std::size_t n) {
  std::vector<std::uint8_t> out(n, 0x5a);
  flash.read(address, out);
  return out;
}

// What a guest would see through a window onto `page`.
std::vector<std::uint8_t> read_window(const FlashStorage& flash, std::uint32_t page) {
  const auto backing = flash.backing(page);
  void* window = mmap(nullptr, kFlashPageSize, PROT_READ, MAP_SHARED, backing.fd, backing.offset);
  EXPECT_NE(window, MAP_FAILED);
  const auto* bytes = static_cast<const std::uint8_t*>(window);
  std::vector<std::uint8_t> out(bytes, bytes + kFlashPageSize);
  munmap(window, kFlashPageSize);
  return out;
}

TEST(FlashImage, PadsWithBlankBytes) {
  const auto bytes = pattern(100'000);
  const auto flash = storage_of(image_of(bytes));
  EXPECT_EQ(read(*flash, 0, bytes.size()), bytes);
  EXPECT_THAT(read(*flash, 100'000, kSize - 100'000), Each(0xff));
}

TEST(FlashImage, RefusesWhatNoFlashIs) {
  const std::vector<std::uint8_t> bytes(kSize + 1);
  EXPECT_THAT(FlashImage::create(bytes, kSize).error(), HasSubstr("1048577 bytes"));
  EXPECT_FALSE(FlashImage::create({}, 0));
  EXPECT_FALSE(FlashImage::create({}, 100'000));
  EXPECT_FALSE(FlashImage::create({}, 32 * 1024 * 1024));
  EXPECT_TRUE(FlashImage::create({}, 16 * 1024 * 1024));
}

TEST(FlashImage, StoresBlankPagesOnce) {
  std::vector<std::uint8_t> bytes(kSize, 0xff);
  bytes[5 * kFlashPageSize] = 0;
  const auto flash = storage_of(image_of(bytes));
  EXPECT_EQ(flash->backing(0), flash->backing(15));
  EXPECT_NE(flash->backing(0), flash->backing(5));
  EXPECT_EQ(flash->page(5)[0], 0);
}

TEST(FlashStorage, ReadsAcrossPagesAndBeyondTheEnd) {
  const auto bytes = pattern(kSize);
  const auto flash = storage_of(image_of(bytes));
  const std::uint32_t at = 2 * kFlashPageSize - 10;
  EXPECT_EQ(read(*flash, at, 20), std::vector(bytes.begin() + at, bytes.begin() + at + 20));
  const auto tail = read(*flash, kSize - 2, 4);
  EXPECT_THAT(tail, ElementsAre(bytes[kSize - 2], bytes[kSize - 1], 0xff, 0xff));
  EXPECT_THAT(read(*flash, 0xffffff00, 4), Each(0xff));
}

TEST(FlashStorage, ProgrammingOnlyClearsBits) {
  const auto flash = storage_of(image_of({}));
  flash->program(100, std::vector<std::uint8_t>{0xf0, 0x0f});
  flash->program(100, std::vector<std::uint8_t>{0x3c, 0xff});
  EXPECT_THAT(read(*flash, 99, 4), ElementsAre(0xff, 0x30, 0x0f, 0xff));
}

TEST(FlashStorage, ErasingSetsBytes) {
  const auto bytes = pattern(kSize);
  const auto flash = storage_of(image_of(bytes));
  flash->erase(0x1000, 0x1000);
  EXPECT_EQ(read(*flash, 0xfff, 1)[0], bytes[0xfff]);
  EXPECT_THAT(read(*flash, 0x1000, 0x1000), Each(0xff));
  EXPECT_EQ(read(*flash, 0x2000, 1)[0], bytes[0x2000]);
}

TEST(FlashStorage, WritesOutsideTheFlashAreDropped) {
  const auto flash = storage_of(image_of({}));
  flash->program(kSize - 1, std::vector<std::uint8_t>{1, 2});
  flash->program(kSize, std::vector<std::uint8_t>{1});
  flash->erase(kSize - 1, 100);
  flash->erase(0xffffffff, 100);
  EXPECT_THAT(read(*flash, kSize - 2, 2), Each(0xff));
}

TEST(FlashStorage, APageIsCopiedWhenItsContentsChangeAndNotBefore) {
  const auto image = image_of(pattern(kSize));
  const auto flash = storage_of(image);
  const auto before = flash->backing(3);
  std::vector<std::uint32_t> moved;
  flash->on_backing_change([&](std::uint32_t page) { moved.push_back(page); });

  flash->program(3 * kFlashPageSize, std::vector<std::uint8_t>(1000, 0xff));  // changes nothing
  EXPECT_EQ(flash->backing(3), before);
  flash->program(3 * kFlashPageSize + 5, std::vector<std::uint8_t>{0});
  EXPECT_NE(flash->backing(3), before);
  flash->erase(3 * kFlashPageSize, 0x1000);
  EXPECT_THAT(moved, ElementsAre(3));
}

TEST(FlashStorage, ErasingBlankFlashCopiesNothing) {
  const auto flash = storage_of(image_of({}));
  const auto before = flash->backing(0);
  flash->erase(0, kSize);
  EXPECT_EQ(flash->backing(0), before);
  EXPECT_THAT(flash->dirty_ranges(), IsEmpty());
}

TEST(FlashStorage, MachinesDoNotSeeEachOthersChanges) {
  const auto image = image_of(pattern(kSize));
  const auto a = storage_of(image);
  const auto b = storage_of(image);
  const auto before = read(*b, 0, 16);
  EXPECT_EQ(a->backing(0), b->backing(0));
  a->erase(0, 0x1000);
  EXPECT_EQ(read(*b, 0, 16), before);
  EXPECT_NE(a->backing(0), b->backing(0));
  EXPECT_EQ(a->backing(1), b->backing(1));
}

TEST(FlashStorage, AWindowShowsWhatReadGives) {
  const auto flash = storage_of(image_of(pattern(kSize)));
  EXPECT_EQ(read_window(*flash, 2), read(*flash, 2 * kFlashPageSize, kFlashPageSize));
  flash->erase(2 * kFlashPageSize + 0x3000, 0x1000);
  flash->program(2 * kFlashPageSize + 0x3000, std::vector<std::uint8_t>{1, 2, 3});
  EXPECT_EQ(read_window(*flash, 2), read(*flash, 2 * kFlashPageSize, kFlashPageSize));
}

TEST(FlashStorage, ReportsExactlyWhatChanged) {
  const auto flash = storage_of(image_of({}));
  std::vector<std::pair<std::uint32_t, std::uint32_t>> changes;
  flash->on_contents_change(
      [&](std::uint32_t address, std::uint32_t n) { changes.emplace_back(address, n); });
  flash->program(0x1000, std::vector<std::uint8_t>{0xff, 0, 0xff, 1, 0xff});
  EXPECT_THAT(changes, ElementsAre(std::pair(0x1001u, 3u)));
  changes.clear();
  flash->erase(0, 0x10000);
  EXPECT_THAT(changes, ElementsAre(std::pair(0x1001u, 3u)));
  changes.clear();
  flash->program(kFlashPageSize - 1, std::vector<std::uint8_t>{0, 0});
  EXPECT_THAT(changes, ElementsAre(std::pair(kFlashPageSize - 1, 1u), std::pair(kFlashPageSize, 1u)));
}

TEST(FlashStorage, BackingChangeComesBeforeContentsChange) {
  const auto flash = storage_of(image_of({}));
  std::vector<std::string> order;
  flash->on_backing_change([&](std::uint32_t page) {
    order.emplace_back("backing");
    EXPECT_EQ(flash->page(page)[0], 0xff);
  });
  flash->on_contents_change([&](std::uint32_t, std::uint32_t) {
    order.emplace_back("contents");
    EXPECT_EQ(flash->page(0)[0], 0);
  });
  flash->program(0, std::vector<std::uint8_t>{0});
  EXPECT_THAT(order, ElementsAre("backing", "contents"));
}

TEST(FlashStorage, DirtyRangesJoinAdjacentSectors) {
  const auto flash = storage_of(image_of({}));
  const std::vector<std::uint8_t> zero{0};
  flash->program(0x5000, zero);
  flash->program(0x6fff, zero);
  flash->program(0xffff, zero);
  flash->program(0x10000, zero);
  EXPECT_THAT(flash->dirty_ranges(), ElementsAre(Range{0x5000, 0x2000}, Range{0xf000, 0x2000}));
}

TEST(FlashStorage, ArchiveBringsBackExactlyTheSavedContents) {
  const auto image = image_of(pattern(kSize));
  const auto saved = storage_of(image);
  saved->erase(0x20000, 0x1000);
  auto out = base::Archive::saving();
  saved->archive(out);
  EXPECT_LT(out.bytes().size(), 2 * kFlashPageSize);

  const auto loaded = storage_of(image);
  loaded->erase(0x50000, 0x1000);  // must be gone after loading
  std::vector<std::uint32_t> moved;
  loaded->on_backing_change([&](std::uint32_t page) { moved.push_back(page); });
  auto in = base::Archive::loading(out.bytes());
  loaded->archive(in);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_THAT(moved, ElementsAre(2, 5));
  EXPECT_EQ(read(*loaded, 0, kSize), read(*saved, 0, kSize));
  EXPECT_EQ(loaded->dirty_ranges(), saved->dirty_ranges());
  loaded->program(0x50000, std::vector<std::uint8_t>{0});
  EXPECT_EQ(read(*loaded, 0x50001, 16), read(*saved, 0x50001, 16));
}

TEST(FlashStorage, ArchiveOfAnotherSizeIsRefused) {
  const auto small = storage_of(image_of({}));
  auto out = base::Archive::saving();
  small->archive(out);
  auto image = FlashImage::create({}, 2 * kSize);
  const auto large = storage_of(*image);
  auto in = base::Archive::loading(out.bytes());
  large->archive(in);
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace espalier::devices
