#include "image/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/descriptions.h"
#include "image/esp_image.h"
#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_elf;
using test::TestElfSection;
using testing::HasSubstr;

std::expected<Bytes, std::string> pack(const std::vector<TestElfSection>& sections,
                                       const PackOptions& options = {}) {
  auto elf = ElfFile::parse(make_elf(sections));
  if (!elf) return std::unexpected(elf.error());
  return pack_image(*elf, options);
}

// "address+size" of each segment.
std::string layout(const Bytes& bytes) {
  auto image = parse_image(bytes);
  if (!image) return image.error();
  std::string text;
  char part[32];
  for (const ImageSegment& segment : image->segments) {
    std::snprintf(part, sizeof part, "%x+%x ", segment.address, segment.size);
    text += part;
  }
  return text;
}

void expect_sound(const Bytes& bytes) {
  auto image = parse_image(bytes);
  ASSERT_TRUE(image) << image.error();
  EXPECT_TRUE(image->checksum_matches());
  EXPECT_TRUE(image->hash_matches());
  EXPECT_EQ(image->size, bytes.size());
  for (const ImageSegment& segment : image->segments) {
    if (!is_flash_mapped(segment.kind())) continue;
    EXPECT_EQ(segment.address % kFlashPage, segment.offset % kFlashPage);
  }
}

// The usual shape of an ESP-IDF application.
std::vector<TestElfSection> application(std::size_t iram = 0x12000) {
  return {{.name = ".iram0.vectors", .address = 0x40080000, .data = Bytes(0x403, 1)},
          {.name = ".iram0.text", .address = 0x40080404, .data = Bytes(iram, 2)},
          {.name = ".dram0.data", .address = 0x3ffb0000, .data = Bytes(0x1000, 3)},
          {.name = ".dram0.bss", .address = 0x3ffb1000, .type = SHT_NOBITS, .bss_size = 0x200},
          {.name = ".flash.appdesc", .address = 0x3f400020, .data = test::make_app_description("hello", "1")},
          {.name = ".flash.rodata", .address = 0x3f400120, .data = Bytes(0x2000, 4)},
          {.name = ".flash.text", .address = 0x400d0020, .data = Bytes(0x3000, 5)},
          {.name = ".debug_info", .data = Bytes(0x100, 6), .flags = 0}};
}

TEST(Pack, LaysOutAnApplicationAsEsptoolDoes) {
  auto image = pack(application());
  ASSERT_TRUE(image) << image.error();
  expect_sound(*image);
  // Mapped data first; RAM, by address, fills up to the next 64 KiB page and is split for it; then mapped
  // code; then the rest of RAM.
  EXPECT_EQ(layout(*image), "3f400020+2100 3ffb0000+1000 40080000+cee8 400d0020+3000 4008cee8+551c ");
}

TEST(Pack, WritesTheElfFilesHashIntoTheDescription) {
  Bytes file = make_elf(application());
  auto elf = ElfFile::parse(file);
  ASSERT_TRUE(elf);
  auto bytes = pack_image(*elf, {});
  ASSERT_TRUE(bytes);
  auto image = parse_image(*bytes);
  EXPECT_EQ(app_description(*bytes, *image)->elf_hash, sha256(file));
}

TEST(Pack, PadsWithAnEmptySegmentWhenRamHasRunOut) {
  auto image = pack({{.name = ".flash.rodata", .address = 0x3f400020, .data = Bytes(0x100, 1)},
                     {.name = ".iram", .address = 0x40080000, .data = Bytes(0x40, 2)},
                     {.name = ".flash.text", .address = 0x400d0020, .data = Bytes(0x100, 3)}});
  ASSERT_TRUE(image) << image.error();
  expect_sound(*image);
  EXPECT_EQ(layout(*image), "3f400020+100 40080000+40 0+fea8 400d0020+100 ");
}

TEST(Pack, MakesAnImageForTheBootloadersPlace) {
  auto image = pack({{.name = ".text", .address = 0x40080400, .data = Bytes(0x21, 1)},
                     {.name = ".data", .address = 0x3fff0000, .data = Bytes(0x10, 2)}});
  ASSERT_TRUE(image) << image.error();
  expect_sound(*image);
  EXPECT_EQ(layout(*image), "3fff0000+10 40080400+24 ");
  EXPECT_FALSE(parse_image(*image)->has_mapped_segment());
}

TEST(Pack, TakesTheHeaderFromTheOptions) {
  auto image = pack({{.name = ".text", .address = 0x40080000, .data = Bytes(4, 1)}},
                    {.flash = {.mode = 2, .frequency = 15, .size = 2},
                     .min_revision = 1,
                     .min_revision_full = 100,
                     .max_revision_full = 399,
                     .append_hash = false});
  ASSERT_TRUE(image);
  EXPECT_EQ(Bytes(image->begin(), image->begin() + 24),
            (Bytes{0xe9, 1, 2, 0x2f, 0, 0, 8, 0x40, 0xee, 0, 0, 0, 0, 0, 1, 100, 0, 0x8f, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(image->size(), 48u);
}

TEST(Pack, JoinsNeighboursButNotAcrossKindsOfMemoryOrGaps) {
  auto image = pack({{.name = ".a", .address = 0x3ffdff00, .data = Bytes(0x80, 1)},
                     {.name = ".b", .address = 0x3ffdff80, .data = Bytes(0x80, 1)},
                     {.name = ".c", .address = 0x3ffe0000, .data = Bytes(0x10, 1)},
                     {.name = ".d", .address = 0x3ffe0020, .data = Bytes(0x10, 1)}});
  ASSERT_TRUE(image);
  EXPECT_EQ(layout(*image), "3ffdff00+100 3ffe0000+10 3ffe0020+10 ");
}

TEST(Pack, GivesEveryMappedPageAtLeastTheBytesThatTheBootloaderMaps) {
  // The code would end 4 bytes into a page: it is filled up to 0x24.
  auto image = pack({{.name = ".flash.text", .address = 0x400d0020, .data = Bytes(0x10000 - 0x20 + 4, 1)}});
  ASSERT_TRUE(image);
  expect_sound(*image);
  EXPECT_EQ(layout(*image), "400d0020+10004 ");
}

TEST(Pack, AlignsAnyMappedAddressAndAnySizeOfRam) {
  for (std::uint32_t address : {0x400d0000u, 0x400d0004u, 0x400d0010u, 0x400d0018u, 0x400d0020u, 0x400d0024u,
                                0x400d8000u, 0x400dfff8u, 0x400dfffcu}) {
    for (std::size_t ram :
         {0u, 4u, 0xfe00u, 0xffa0u, 0xffb0u, 0xffb8u, 0xffc0u, 0xffd0u, 0xffe0u, 0x10000u, 0x1fff0u}) {
      std::vector<TestElfSection> sections{{.name = ".rodata", .address = 0x3f400020, .data = Bytes(0x20, 1)},
                                           {.name = ".text", .address = address, .data = Bytes(0x40, 3)}};
      if (ram != 0) sections.push_back({.name = ".iram", .address = 0x40080000, .data = Bytes(ram, 2)});
      auto image = pack(sections);
      ASSERT_TRUE(image) << image.error();
      SCOPED_TRACE(testing::Message() << std::hex << address << " " << ram << ": " << layout(*image));
      expect_sound(*image);
      std::size_t loaded = 0;
      auto parsed = parse_image(*image);
      for (const ImageSegment& segment : parsed->segments) {
        if (segment.kind() == MemoryKind::kSram0) loaded += segment.size;
      }
      EXPECT_EQ(loaded, ram);
    }
  }
}

TEST(Pack, SecurePaddingEndsOnAPage) {
  auto v2 = pack(application(), {.secure_pad = SecurePad::kV2});
  ASSERT_TRUE(v2);
  expect_sound(*v2);
  EXPECT_EQ(v2->size() % kFlashPage, 0u);
  auto v1 = pack(application(), {.secure_pad = SecurePad::kV1});
  ASSERT_TRUE(v1);
  expect_sound(*v1);
  EXPECT_EQ((v1->size() + 4 + 64 + 12) % kFlashPage, 0u);
  EXPECT_THAT(pack(application(), {.append_hash = false, .secure_pad = SecurePad::kV2}).error(),
              HasSubstr("secure boot"));
}

TEST(Pack, TakesProgramHeadersAtTheirLoadAddresses) {
  auto elf = ElfFile::parse(make_elf({{.name = ".text", .address = 0x40080000, .data = Bytes(4, 1)}}, {},
                                     {{0x40080000, 0x40090000, Bytes(8, 2)}, {0x3ffb0000, 0x3ffb0000, {}}}));
  ASSERT_TRUE(elf);
  auto image = pack_image(*elf, {.use_segments = true});
  ASSERT_TRUE(image) << image.error();
  EXPECT_EQ(layout(*image), "40090000+8 ");
}

TEST(Pack, RefusesWhatNoImageCanHold) {
  EXPECT_THAT(pack({}).error(), HasSubstr("holds nothing to load"));
  EXPECT_THAT(pack({{.name = ".s3", .address = 0x42000020, .data = Bytes(4, 1)}}).error(),
              HasSubstr(".s3 at 0x42000020"));
  EXPECT_THAT(pack({{.name = ".odd", .address = 0x40080002, .data = Bytes(4, 1)}}).error(),
              HasSubstr("multiple of 4"));
  EXPECT_THAT(pack({{.name = ".one", .address = 0x400d0020, .data = Bytes(4, 1)},
                    {.name = ".two", .address = 0x400d8000, .data = Bytes(4, 1)}})
                  .error(),
              HasSubstr("share a 64 KiB page"));
  std::vector<TestElfSection> many;
  for (std::uint32_t i = 0; i < 17; ++i) {
    many.push_back({.name = ".s", .address = 0x40080000 + i * 16, .data = Bytes(4, 1)});
  }
  EXPECT_THAT(pack(many).error(), HasSubstr("17 segments"));
  many.pop_back();
  EXPECT_TRUE(pack(many));
}

TEST(Pack, RefusesAPlaceForTheHashThatIsNotFree) {
  std::vector<TestElfSection> sections{{.name = ".text", .address = 0x40080000, .data = Bytes(0x100, 1)}};
  EXPECT_THAT(pack(sections, {.elf_hash_offset = 0x40}).error(), HasSubstr("not empty"));
  EXPECT_THAT(pack(sections, {.elf_hash_offset = 0x18}).error(), HasSubstr("not inside one segment"));
  EXPECT_THAT(pack(sections, {.elf_hash_offset = 0x118}).error(), HasSubstr("not inside one segment"));
}

}  // namespace
}  // namespace espalier::image
