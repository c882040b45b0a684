#include "image/esp_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/descriptions.h"
#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_image;
using testing::HasSubstr;

Bytes two_segments(bool hash = true) {
  return make_image({{0x3fff0000, Bytes(20, 0x5a)}, {0x40080400, Bytes(100, 0x33)}},
                    {.flash = {.mode = 2, .frequency = 15, .size = 2},
                     .entry = 0x40080404,
                     .min_revision = 1,
                     .min_revision_full = 100,
                     .max_revision_full = 399,
                     .hash_appended = hash});
}

TEST(EspImage, ReadsHeaderAndSegments) {
  Bytes bytes = two_segments();
  auto image = parse_image(bytes);
  ASSERT_TRUE(image) << image.error();
  EXPECT_EQ(image->header.entry, 0x40080404u);
  EXPECT_EQ(image->header.flash.mode, 2);
  EXPECT_EQ(image->header.flash.frequency, 15);
  EXPECT_EQ(image->header.flash.size, 2);
  EXPECT_EQ(image->header.min_revision, 1);
  EXPECT_EQ(image->header.min_revision_full, 100);
  EXPECT_EQ(image->header.max_revision_full, 399);
  EXPECT_EQ(image->header.chip_id, kChipIdEsp32);
  ASSERT_EQ(image->segments.size(), 2u);
  EXPECT_EQ(image->segments[0].address, 0x3fff0000u);
  EXPECT_EQ(image->segments[0].offset, 32u);
  EXPECT_EQ(image->segments[1].size, 100u);
  EXPECT_EQ(image->segments[1].offset, 32u + 20 + 8);
  EXPECT_EQ(image->segments[1].kind(), MemoryKind::kSram0);
  EXPECT_FALSE(image->has_mapped_segment());
  EXPECT_TRUE(image->checksum_matches());
  EXPECT_TRUE(image->hash_matches());
  EXPECT_EQ(image->size, bytes.size());
}

TEST(EspImage, ChecksumOfAnImageByHand) {
  // One segment of 01 02 04 08: 0xef ^ 0x01 ^ 0x02 ^ 0x04 ^ 0x08 = 0xe0, in the last byte of a line of 16.
  Bytes bytes = make_image({{0x40080000, {1, 2, 4, 8}}});
  ASSERT_EQ(bytes.size(), 48u);
  EXPECT_EQ(bytes[47], 0xe0);
}

TEST(EspImage, FollowsWithoutHash) {
  Bytes bytes = two_segments(false);
  auto image = parse_image(bytes);
  ASSERT_TRUE(image);
  EXPECT_FALSE(image->stored_hash);
  EXPECT_TRUE(image->hash_matches());
  EXPECT_EQ(image->size, bytes.size());
  EXPECT_EQ(image->size % 16, 0u);
}

TEST(EspImage, IgnoresWhatFollows) {
  Bytes bytes = two_segments();
  std::size_t size = bytes.size();
  bytes.resize(size + 1000, 0x77);
  auto image = parse_image(bytes);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->size, size);
  EXPECT_TRUE(image->hash_matches());
}

TEST(EspImage, ChecksumHasALineToItselfWhenSegmentsEndOnOne) {
  // 24 + 8 + 16 ends exactly on a line, so the checksum is at 63.
  auto image = parse_image(make_image({{0x40080000, Bytes(16, 1)}}));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->size, 64u);
}

TEST(EspImage, AcceptsEmptySegmentsAsOldToolsWriteThem) {
  auto image = parse_image(make_image({{0x3ff80000, {}}, {0x40080000, Bytes(4, 1)}, {0x50000000, {}}}));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->segments.size(), 3u);
  EXPECT_TRUE(image->checksum_matches());
}

TEST(EspImage, TellsAChangedByte) {
  Bytes bytes = two_segments();
  bytes[40] ^= 0x10;
  auto image = parse_image(bytes);
  ASSERT_TRUE(image);
  EXPECT_FALSE(image->checksum_matches());
  EXPECT_FALSE(image->hash_matches());
}

TEST(EspImage, HashCoversTheHeaderThatTheChecksumDoesNot) {
  Bytes bytes = two_segments();
  bytes[4] ^= 4;
  auto image = parse_image(bytes);
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->checksum_matches());
  EXPECT_FALSE(image->hash_matches());
}

TEST(EspImage, EveryTruncationIsAnErrorOfOneLine) {
  Bytes bytes = two_segments();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto image = parse_image(ByteView(bytes).first(size));
    ASSERT_FALSE(image) << size;
    EXPECT_EQ(image.error().find('\n'), std::string::npos);
    EXPECT_THAT(image.error(), testing::AnyOf(HasSubstr("cut short"), HasSubstr("is empty")));
  }
}

TEST(EspImage, RefusesOtherFirstBytes) {
  Bytes bytes = two_segments();
  bytes[0] = 0x7f;
  EXPECT_THAT(parse_image(bytes).error(), HasSubstr("begins with 0x7f, not 0xe9"));
}

TEST(EspImage, RefusesImpossibleSegmentCounts) {
  Bytes bytes = two_segments();
  for (int count : {0, 17, 255}) {
    bytes[1] = static_cast<std::uint8_t>(count);
    EXPECT_THAT(parse_image(bytes).error(), HasSubstr(std::to_string(count) + " segments"));
  }
}

TEST(EspImage, RefusesSegmentsThatReachPastTheEnd) {
  Bytes bytes = two_segments();
  for (std::uint32_t size : {0xfffffff8u, 0xffffffffu, 0x80000000u, 0x1000u}) {
    for (int i = 0; i < 4; ++i)
      bytes[28 + static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(size >> (8 * i));
    EXPECT_THAT(parse_image(bytes).error(), HasSubstr("segment 0 of 2"));
  }
}

TEST(EspImage, RefusesSegmentsOfOddLength) {
  Bytes bytes = two_segments();
  bytes[28] = 21;
  EXPECT_THAT(parse_image(bytes).error(), HasSubstr("no multiple of 4"));
}

TEST(EspImage, HeaderRoundTrip) {
  ImageHeader header{.segment_count = 3,
                     .flash = {.mode = 1, .frequency = 2, .size = 4},
                     .entry = 0x12345678,
                     .wp_pin = 7,
                     .spi_pin_drive = {1, 2, 3},
                     .chip_id = 9,
                     .min_revision = 4,
                     .min_revision_full = 0x1234,
                     .max_revision_full = 0x5678,
                     .hash_appended = true};
  Bytes bytes;
  append_header(bytes, header);
  ASSERT_EQ(bytes.size(), kImageHeaderSize);
  EXPECT_EQ(bytes, (Bytes{0xe9, 3, 1, 0x42, 0x78, 0x56, 0x34, 0x12, 7, 1, 2, 3,
                          9,    0, 4, 0x34, 0x12, 0x78, 0x56, 0,    0, 0, 0, 1}));
}

TEST(EspImage, NamesMemory) {
  EXPECT_EQ(memory_kind(0), MemoryKind::kPadding);
  EXPECT_EQ(memory_kind(0x3f400000), MemoryKind::kDrom);
  EXPECT_EQ(memory_kind(0x3f7fffff), MemoryKind::kDrom);
  EXPECT_EQ(memory_kind(0x3f800000), MemoryKind::kExternalRam);
  EXPECT_EQ(memory_kind(0x3ffdffff), MemoryKind::kSram2);
  EXPECT_EQ(memory_kind(0x3ffe0000), MemoryKind::kSram1Data);
  EXPECT_EQ(memory_kind(0x400cffff), MemoryKind::kElsewhere);
  EXPECT_EQ(memory_kind(0x400d0000), MemoryKind::kIrom);
  EXPECT_EQ(memory_kind(0x40400000), MemoryKind::kElsewhere);
  EXPECT_EQ(memory_kind(0xffffffff), MemoryKind::kElsewhere);
  EXPECT_EQ(name_of(MemoryKind::kElsewhere), "unknown memory");
}

TEST(EspImage, NamesChipsAndRevisions) {
  EXPECT_EQ(chip_name(0), "ESP32");
  EXPECT_EQ(chip_name(9), "ESP32-S3");
  EXPECT_EQ(chip_name(0x7777), "chip 0x7777");
  EXPECT_EQ(revision_name(301), "v3.1");
}

TEST(FlashSettings, AreWrittenWithTheHash) {
  Bytes bytes = two_segments();
  ASSERT_TRUE(apply_flash_settings(bytes, {.mode = 0, .frequency = {}, .size = 4}));
  auto image = parse_image(bytes);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->header.flash.mode, 0);
  EXPECT_EQ(image->header.flash.frequency, 15);
  EXPECT_EQ(image->header.flash.size, 4);
  EXPECT_TRUE(image->hash_matches());
}

TEST(FlashSettings, LeaveAnImageWithAWrongChecksumAlone) {
  Bytes bytes = two_segments();
  bytes[40] ^= 1;
  Bytes before = bytes;
  EXPECT_FALSE(apply_flash_settings(bytes, {.mode = 0, .frequency = {}, .size = 4}));
  EXPECT_EQ(bytes, before);
}

TEST(FlashSettings, LeaveAWrongHashAloneWhenNothingChanges) {
  Bytes bytes = two_segments();
  bytes.back() ^= 1;
  Bytes before = bytes;
  EXPECT_TRUE(apply_flash_settings(bytes, {.mode = 2, .frequency = {}, .size = {}}));
  EXPECT_EQ(bytes, before);
}

TEST(FlashSettings, SizesAreSpelledInSeveralWays) {
  for (const char* text : {"4M", "4MB", "4MiB", "4194304"})
    EXPECT_EQ(parse_flash_size(text).value_or(0), 4u << 20);
  EXPECT_EQ(parse_flash_size("16M").value_or(0), 16u << 20);
  for (const char* text : {"", "3M", "0", "0M", "32M", "M", "4K", "4MBs", "-1M", "18446744073709551615M"}) {
    EXPECT_THAT(parse_flash_size(text).error(), HasSubstr("1M, 2M, 4M, 8M or 16M")) << text;
  }
}

TEST(FlashSettings, CodesHaveNames) {
  EXPECT_EQ(code_of_name(kFlashFrequencies, "80m").value_or(0), 15);
  EXPECT_THAT(code_of_name(kFlashModes, "zio").error(), HasSubstr("qio, qout, dio"));
  EXPECT_EQ(name_of_code(kFlashSizes, 9), "unknown (9)");
  EXPECT_EQ(flash_size_of_code(4), 16u << 20);
  EXPECT_FALSE(flash_size_of_code(8));
}

TEST(Descriptions, OfAnApplication) {
  Bytes bytes = test::make_app();
  auto image = parse_image(bytes);
  ASSERT_TRUE(image);
  auto app = app_description(bytes, *image);
  ASSERT_TRUE(app);
  EXPECT_EQ(app->project, "hello");
  EXPECT_EQ(app->version, "1.2.3");
  EXPECT_EQ(app->date, "Jun  8 2023");
  EXPECT_EQ(app->time, "12:51:54");
  EXPECT_EQ(app->idf_version, "v5.0.1");
  EXPECT_FALSE(bootloader_description(bytes, *image));
}

TEST(Descriptions, AreNotReadPastTheirSegment) {
  Bytes description = test::make_app_description("hello", "1");
  description.resize(252);
  Bytes bytes = make_image({{0x3f400020, description}});
  EXPECT_FALSE(app_description(bytes, *parse_image(bytes)));
}

TEST(Descriptions, WithoutTerminatorOrPrintableText) {
  Bytes description = test::make_app_description("hello", "1");
  std::fill_n(description.begin() + 48, 32, 'x');
  description[16] = 0x1b;
  Bytes bytes = make_image({{0x3f400020, description}});
  auto app = app_description(bytes, *parse_image(bytes));
  ASSERT_TRUE(app);
  EXPECT_EQ(app->project, std::string(32, 'x'));
  EXPECT_EQ(app->version, "?");
}

TEST(Descriptions, OfABootloader) {
  Bytes description{80, 0xff, 0xff, 3};
  append32(description, 7);
  description.resize(80, 0);
  std::ranges::copy(test::bytes_of("v5.5.4"), description.begin() + 8);
  Bytes bytes = make_image({{0x3fff0030, description}});
  auto found = bootloader_description(bytes, *parse_image(bytes));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->idf_version, "v5.5.4");
  EXPECT_EQ(found->version, 7u);
  EXPECT_EQ(found->secure_version, 3);
  EXPECT_EQ(found->date_time, "");
  description[8] = 0x80;
  bytes = make_image({{0x3fff0030, description}});
  EXPECT_FALSE(bootloader_description(bytes, *parse_image(bytes)));
}

}  // namespace
}  // namespace espalier::image
