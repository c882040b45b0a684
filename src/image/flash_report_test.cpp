#include "image/flash_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "image/file.h"
#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_flash;
using test::make_idf_bootloader;
using test::make_table;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

// What stops a machine with this flash; empty if nothing does.
std::string refusal(const Bytes& bytes, FlashImageOptions options = {}) {
  auto flash = flash_image_from_bytes(bytes, "some.bin", options);
  if (!flash) return flash.error();
  auto bootable = check_bootable(*flash);
  return bootable ? "" : bootable.error();
}

FlashReport report_of(const Bytes& bytes) {
  return inspect_flash(*flash_image_from_bytes(bytes, "some.bin"));
}

TEST(FlashImage, ShorterFilesArePadded) {
  auto flash = flash_image_from_bytes(make_flash(), "some.bin");
  ASSERT_TRUE(flash);
  EXPECT_EQ(flash->bytes.size(), 2u << 20);
  EXPECT_EQ(flash->bytes.back(), 0xff);
  EXPECT_EQ(flash->data_end, make_flash().size());
  EXPECT_EQ(flash->file_offset, 0u);
}

TEST(FlashImage, SizeIsTheLargerOfFileAndHeader) {
  Bytes four = make_flash(make_idf_bootloader(1));
  four.resize(4u << 20, 0xff);
  EXPECT_EQ(flash_image_from_bytes(four, "x")->bytes.size(), 4u << 20);
  EXPECT_EQ(flash_image_from_bytes(make_flash(make_idf_bootloader(4)), "x")->bytes.size(), 16u << 20);
  EXPECT_EQ(flash_image_from_bytes(make_flash(make_idf_bootloader(0)), "x")->bytes.size(), 1u << 20);
  // A size that no modelled chip has.
  EXPECT_EQ(flash_image_from_bytes(make_flash(make_idf_bootloader(5)), "x")->bytes.size(), 1u << 20);
}

TEST(FlashImage, SizeAskedForWins) {
  Bytes flash = make_flash();
  EXPECT_EQ(flash_image_from_bytes(flash, "x", {.flash_size = 8u << 20})->bytes.size(), 8u << 20);
  flash.resize(2u << 20, 0xff);
  EXPECT_THAT(flash_image_from_bytes(flash, "x", {.flash_size = 1u << 20}).error(),
              HasSubstr("more than the flash of 1 MiB"));
}

TEST(FlashImage, RefusesWhatNoChipHolds) {
  EXPECT_THAT(flash_image_from_bytes(Bytes((16u << 20) + 1, 0xff), "big.bin").error(),
              HasSubstr("big.bin: is 16777217 bytes"));
  test::TemporaryFolder folder;
  auto file = folder.write("big.bin", Bytes((16u << 20) + 1));
  EXPECT_THAT(load_flash_image(file).error(), HasSubstr("larger than 16 MiB"));
}

TEST(FlashImage, ADownloadThatBeginsWithTheBootloaderGoesTo0x1000) {
  Bytes whole = make_flash();
  Bytes download(whole.begin() + 0x1000, whole.end());
  auto flash = flash_image_from_bytes(download, "download.bin");
  ASSERT_TRUE(flash) << flash.error();
  EXPECT_EQ(flash->file_offset, 0x1000u);
  EXPECT_TRUE(std::equal(whole.begin(), whole.end(), flash->bytes.begin()));
  EXPECT_TRUE(check_bootable(*flash));
  EXPECT_EQ(file_kind(download), FileKind::kFlash);
}

TEST(FlashImage, AProgramInTheBootloadersPlaceGoesTo0x1000) {
  Bytes program = test::make_image({{0x40080000, Bytes(64, 1)}});
  auto flash = flash_image_from_bytes(program, "guest.bin");
  ASSERT_TRUE(flash);
  EXPECT_EQ(flash->bytes[0x1000], kImageMagic);
  EXPECT_TRUE(check_bootable(*flash));
  EXPECT_EQ(file_kind(program), FileKind::kImage);
}

TEST(FlashImage, AFileKnowsWhereItCameFrom) {
  test::TemporaryFolder folder;
  auto file = folder.write("flash.bin", make_flash());
  auto flash = load_flash_image(file);
  ASSERT_TRUE(flash) << flash.error();
  EXPECT_EQ(flash->file, file);
  EXPECT_EQ(flash->name, file.string());
}

TEST(FlashReport, OfAWholeFlash) {
  FlashReport report = report_of(make_flash());
  EXPECT_THAT(report.findings, IsEmpty());
  ASSERT_TRUE(report.bootloader);
  EXPECT_EQ(report.bootloader->offset, 0x1000u);
  EXPECT_EQ(report.table_offset, 0x8000u);
  ASSERT_EQ(report.apps.size(), 1u);
  EXPECT_EQ(report.apps[0].partition, "factory");
  EXPECT_EQ(report.apps[0].app->project, "hello");
  EXPECT_EQ(refusal(make_flash()), "");
}

TEST(FlashReport, EmptyFilesAndEmptyFlash) {
  EXPECT_EQ(refusal({}), "some.bin: is empty");
  EXPECT_THAT(refusal(Bytes(4u << 20, 0xff)), HasSubstr("some.bin: is empty flash"));
  EXPECT_THAT(refusal(Bytes(4u << 20, 0x00)),
              HasSubstr("some.bin: has no bootloader: at 0x1000 there is 0x00"));
  EXPECT_THAT(refusal({0x00}), HasSubstr("is cut short"));
}

TEST(FlashReport, RandomBytes) {
  std::mt19937 random(1);
  Bytes bytes(1u << 20);
  for (int round = 0; round < 20; ++round) {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    std::string text = refusal(bytes);
    EXPECT_THAT(text, HasSubstr("some.bin: "));
    EXPECT_EQ(text.find('\n'), std::string::npos);
  }
}

TEST(FlashReport, EveryTruncationIsRefused) {
  Bytes bytes = make_flash();
  for (std::size_t size = 0; size < bytes.size(); size += 61) {
    EXPECT_THAT(refusal(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))),
                HasSubstr("some.bin: "))
        << size;
  }
  bytes.pop_back();
  EXPECT_THAT(refusal(bytes), AllOf(HasSubstr("'factory'"), HasSubstr("cut short")));
}

TEST(FlashReport, OtherChips) {
  Bytes c3 = test::make_image({{0x3fcd0000, Bytes(64, 1)}}, {.entry = 0x40380000, .chip_id = 5});
  EXPECT_THAT(refusal(c3), HasSubstr("is for the ESP32-C3, not for the ESP32"));
  Bytes flash(4u << 20, 0xff);
  test::put(flash, 0, c3);
  EXPECT_THAT(refusal(flash), HasSubstr("is for the ESP32-C3, not for the ESP32"));
  Bytes c5(4u << 20, 0xff);
  test::put(c5, 0x2000,
            test::make_image({{0x40800000, Bytes(64, 1)}}, {.entry = 0x40800000, .chip_id = 0x17}));
  EXPECT_THAT(refusal(c5), HasSubstr("is for the ESP32-C5 (bootloader at 0x2000), not for the ESP32"));
  Bytes s2 = make_flash(test::make_image({{0x3fff0000, Bytes(64, 1)}}, {.entry = 0x40020000, .chip_id = 2}));
  EXPECT_THAT(refusal(s2), HasSubstr("the bootloader at 0x1000 is for the ESP32-S2"));
}

TEST(FlashReport, AnApplicationForAnotherChip) {
  Bytes flash =
      make_flash(make_idf_bootloader(), make_table(), test::make_app({.entry = 0x40080000, .chip_id = 9}));
  EXPECT_THAT(refusal(flash), AllOf(HasSubstr("'factory'"), HasSubstr("ESP32-S3")));
}

TEST(FlashReport, AnApplicationAlone) {
  EXPECT_THAT(refusal(test::make_image({{0x3f400020, Bytes(64, 1)}})),
              HasSubstr("is an application image alone"));
}

TEST(FlashReport, AnElfFile) {
  EXPECT_THAT(refusal(test::make_elf({})), HasSubstr("is an ELF file"));
}

TEST(FlashReport, ATableThatPointsPastTheFlash) {
  PartitionTable table = make_table();
  table.partitions[2].size = 0x1000000;
  EXPECT_THAT(refusal(make_flash(make_idf_bootloader(), table)),
              AllOf(HasSubstr("some.bin: the partition table at 0x8000 points past the flash"),
                    HasSubstr("'factory'")));
  EXPECT_THAT(refusal(make_flash(make_idf_bootloader(3)), {.flash_size = 1u << 20}),
              HasSubstr("points past the flash"));
}

TEST(FlashReport, ADamagedTable) {
  Bytes flash = make_flash();
  flash[0x8010] ^= 1;
  EXPECT_THAT(refusal(flash), HasSubstr("MD5"));
}

TEST(FlashReport, NoTableBehindEspIdfsBootloader) {
  Bytes flash = make_flash();
  std::fill_n(flash.begin() + 0x8000, 0xc00, 0xff);
  EXPECT_THAT(refusal(flash), HasSubstr("has no partition table at 0x8000"));
}

TEST(FlashReport, ASilentBootloaderIsKnownByItsLayout) {
  std::vector<test::TestSegment> segments{
      {0x3fff0030, Bytes(32, 1)}, {0x40078000, Bytes(32, 2)}, {0x40080400, Bytes(32, 3)}};
  Bytes flash(1u << 20, 0xff);
  test::put(flash, 0x1000, test::make_image(segments));
  EXPECT_THAT(refusal(flash), HasSubstr("has no partition table"));
  segments[0].data = test::bytes_of("Booting MCUboot build...");
  test::put(flash, 0x1000, test::make_image(segments));
  EXPECT_EQ(refusal(flash), "");
}

TEST(FlashReport, ProgramsInTheBootloadersPlaceNeedNoTable) {
  Bytes flash(1u << 20, 0xff);
  test::put(flash, 0x1000, test::make_image({{0x40080000, Bytes(64, 1)}}));
  EXPECT_EQ(refusal(flash), "");
}

TEST(FlashReport, NoApplication) {
  Bytes flash = make_flash();
  std::fill(flash.begin() + 0x10000, flash.end(), 0xff);
  EXPECT_THAT(refusal(flash), HasSubstr("partition 'factory' at 0x10000 is empty"));
  PartitionTable table = make_table();
  table.partitions.pop_back();
  EXPECT_THAT(refusal(make_flash(make_idf_bootloader(), table)), HasSubstr("no application partition"));
}

TEST(FlashReport, EmptyAndDamagedSlotsBesideAGoodOneAreNoObstacle) {
  PartitionTable table = make_table();
  table.partitions.push_back(
      {.label = "ota_0", .type = 0, .subtype = 0x10, .offset = 0x110000, .size = 0x10000});
  table.partitions.push_back(
      {.label = "ota_1", .type = 0, .subtype = 0x11, .offset = 0x120000, .size = 0x10000});
  Bytes flash = make_flash(make_idf_bootloader(), table);
  Bytes half = test::make_app();
  half.resize(100);
  test::put(flash, 0x120000, half);
  FlashReport report = report_of(flash);
  EXPECT_EQ(refusal(flash), "");
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].severity, Finding::Severity::kNote);
  EXPECT_THAT(report.findings[0].text, HasSubstr("'ota_1'"));
}

TEST(FlashReport, ChecksumsAreReportedButLeftToTheChip) {
  Bytes flash = make_flash();
  flash[0x1030] ^= 1;
  flash[0x10150] ^= 1;
  FlashReport report = report_of(flash);
  ASSERT_EQ(report.findings.size(), 4u);
  for (const Finding& finding : report.findings) EXPECT_EQ(finding.severity, Finding::Severity::kDamaged);
  EXPECT_THAT(report.findings[0].text, HasSubstr("the bootloader at 0x1000 has a wrong checksum"));
  EXPECT_THAT(report.findings[3].text,
              HasSubstr("the application in partition 'factory' at 0x10000 has a wrong SHA-256"));
  EXPECT_EQ(refusal(flash), "");
}

TEST(FlashReport, AnImageLargerThanItsPartition) {
  PartitionTable table = make_table();
  table.partitions[2].size = 0x100;
  EXPECT_THAT(refusal(make_flash(make_idf_bootloader(), table)), HasSubstr("'factory'"));
}

TEST(File, WritesWholeFilesOrNothing) {
  test::TemporaryFolder folder;
  auto path = folder.path() / "out.bin";
  ASSERT_TRUE(write_file(path, Bytes{1, 2, 3}));
  EXPECT_EQ(read_file(path).value(), (Bytes{1, 2, 3}));
  ASSERT_TRUE(write_file(path, Bytes{4}));
  EXPECT_EQ(read_file(path).value(), (Bytes{4}));
  EXPECT_THAT(write_file(folder.path() / "no" / "such", Bytes{1}).error(), HasSubstr("No such file"));
  EXPECT_THAT(write_file(folder.path(), Bytes{1}).error(), HasSubstr("is a folder"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  ASSERT_TRUE(write_file("/dev/null", Bytes{1}));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(File, WritesThroughASymbolicLink) {
  test::TemporaryFolder folder;
  auto target = folder.write("target", "old");
  std::filesystem::create_symlink("target", folder.path() / "link");
  ASSERT_TRUE(write_file(folder.path() / "link", Bytes{'n'}));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link"));
  EXPECT_EQ(read_text_file(target).value(), "n");
}

TEST(File, RefusesFoldersAndWhatIsTooLarge) {
  test::TemporaryFolder folder;
  EXPECT_THAT(read_file(folder.path()).error(), HasSubstr("is a folder"));
  auto path = folder.write("five", "12345");
  EXPECT_THAT(read_file(path, 4).error(), HasSubstr("larger"));
  EXPECT_EQ(read_file(path, 5)->size(), 5u);
  EXPECT_THAT(read_file("/dev/zero", 1000).error(), HasSubstr("larger"));
}

}  // namespace
}  // namespace espalier::image
