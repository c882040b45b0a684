#include "image/build_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/esp_image.h"
#include "image/flash_image.h"
#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string files_of(const FlashPlan& plan) {
  std::string text;
  for (const FlashPart& part : plan.parts) text += std::to_string(part.offset) + "=" + part.file + ";";
  return text;
}

TEST(FlasherArgs, ReadsFilesAndSettings) {
  auto plan = parse_flasher_args_json(
      R"({"flash_settings": {"flash_mode": "dio", "flash_size": "4MB", "flash_freq": "80m"},
      "flash_files": {"0x8000": "p.bin", "0x1000": "b.bin", "65536": "a.bin"}})");
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_EQ(files_of(*plan), "4096=b.bin;32768=p.bin;65536=a.bin;");
  EXPECT_EQ(plan->settings.mode, 2);
  EXPECT_EQ(plan->settings.size, 2);
  EXPECT_EQ(plan->settings.frequency, 15);
}

TEST(FlasherArgs, LeavesWhatIsToBeKept) {
  auto plan = parse_flasher_args_json(
      R"({"flash_settings": {"flash_mode": "keep", "flash_size": "detect"}, "flash_files": {"0x1000": "b"}})");
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->settings.mode || plan->settings.size || plan->settings.frequency);
}

TEST(FlasherArgs, RefusesWhatItCannotFollow) {
  EXPECT_THAT(parse_flasher_args_json("{").error(), HasSubstr("not valid JSON"));
  EXPECT_THAT(parse_flasher_args_json("").error(), HasSubstr("not valid JSON"));
  EXPECT_THAT(parse_flasher_args_json("[]").error(), HasSubstr("no JSON object"));
  EXPECT_THAT(parse_flasher_args_json("{}").error(), HasSubstr("no flash_files"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": []})").error(), HasSubstr("no flash_files"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": {}})").error(), HasSubstr("names no files"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": {"0x": "a"}})").error(),
              HasSubstr("'0x' is no flash offset"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": {"0x123456789": "a"}})").error(),
              HasSubstr("no flash offset"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": {"-1": "a"}})").error(),
              HasSubstr("no flash offset"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": {"0x1000": 7}})").error(), HasSubstr("no text"));
  EXPECT_THAT(parse_flasher_args_json(R"({"flash_files": {"0x1000": ""}})").error(),
              HasSubstr("no file is named"));
  EXPECT_THAT(
      parse_flasher_args_json(R"({"flash_settings": {"flash_mode": 3}, "flash_files": {"0x1000": "a"}})")
          .error(),
      HasSubstr("flash_mode"));
  EXPECT_THAT(
      parse_flasher_args_json(R"({"flash_settings": {"flash_mode": "x"}, "flash_files": {"0x1000": "a"}})")
          .error(),
      HasSubstr("'x' is none of qio"));
  EXPECT_THAT(
      parse_flasher_args_json(R"({"extra_esptool_args": {"chip": "esp32c3"}, "flash_files": {"0x0": "a"}})")
          .error(),
      HasSubstr("esp32c3"));
}

TEST(FlashArgs, ReadsOptionsAndPairs) {
  auto plan = parse_flash_args(
      "--flash_mode dio --flash_freq 80m --flash_size 4MB\n0x1000 b.bin\n0x8000 p.bin\r\n0xe000 "
      "boot_app0.bin\n0x10000 "
      "a.bin");
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_EQ(files_of(*plan), "4096=b.bin;32768=p.bin;57344=boot_app0.bin;65536=a.bin;");
  EXPECT_EQ(plan->settings.frequency, 15);
}

TEST(FlashArgs, ReadsNewerAndShortSpellingsAndQuotes) {
  auto plan =
      parse_flash_args("--flash-mode qio -ff 40m -fs keep 0x1000 \"my boot.bin\" 4096 'o\"ne' 8192 a\\ b");
  ASSERT_TRUE(plan) << plan.error();
  EXPECT_EQ(plan->settings.mode, 0);
  EXPECT_EQ(plan->settings.frequency, 0);
  EXPECT_FALSE(plan->settings.size);
  EXPECT_EQ(files_of(*plan), "4096=my boot.bin;4096=o\"ne;8192=a b;");
}

TEST(FlashArgs, RefusesWhatItCannotFollow) {
  EXPECT_THAT(parse_flash_args("").error(), HasSubstr("names no files"));
  EXPECT_THAT(parse_flash_args("--flash_mode dio").error(), HasSubstr("names no files"));
  EXPECT_THAT(parse_flash_args("0x1000").error(), HasSubstr("ends after '0x1000'"));
  EXPECT_THAT(parse_flash_args("b.bin 0x1000").error(), HasSubstr("'b.bin' is no flash offset"));
  EXPECT_THAT(parse_flash_args("--erase-all yes 0x1000 a").error(), HasSubstr("--erase-all"));
  EXPECT_THAT(parse_flash_args("- x").error(), HasSubstr("option -"));
  EXPECT_THAT(parse_flash_args("--flash_size 3MB 0x1000 a").error(), HasSubstr("3MB"));
}

TEST(MergeParts, FillsGapsAndSorts) {
  auto flash = merge_parts({{6, "b", {4, 5}}, {1, "a", {1, 2, 3}}}, {}, 100);
  ASSERT_TRUE(flash) << flash.error();
  EXPECT_EQ(*flash, (Bytes{0xff, 1, 2, 3, 0xff, 0xff, 4, 5}));
}

TEST(MergeParts, NeighboursDoNotOverlap) {
  EXPECT_TRUE(merge_parts({{0, "a", {1, 2}}, {2, "b", {3}}}, {}, 3));
}

TEST(MergeParts, RefusesOverlaps) {
  EXPECT_THAT(merge_parts({{0, "a", {1, 2}}, {1, "b", {3}}}, {}, 100).error(),
              AllOf(HasSubstr("b: at 0x1"), HasSubstr("overlaps a")));
  EXPECT_THAT(merge_parts({{4, "a", {1}}, {4, "b", {3}}}, {}, 100).error(), HasSubstr("overlaps a"));
}

TEST(MergeParts, RefusesWhatDoesNotFit) {
  EXPECT_THAT(merge_parts({{0xffffffff, "a", Bytes(2)}}, {}, 16u << 20).error(),
              HasSubstr("past the flash, which has 16 MiB"));
  EXPECT_THAT(merge_parts({{1u << 20, "a", {1}}}, {}, 1u << 20).error(), HasSubstr("a: "));
  EXPECT_THAT(merge_parts({}, {}, 100).error(), HasSubstr("nothing"));
}

TEST(MergeParts, WritesSettingsIntoTheBootloaderOnly) {
  auto flash = merge_parts({{0x1000, "b", test::make_idf_bootloader(1)}, {0x10000, "a", test::make_app()}},
                           {.mode = 0, .frequency = {}, .size = 3}, 1u << 20);
  ASSERT_TRUE(flash);
  auto bootloader = parse_image(ByteView(*flash).subspan(0x1000));
  EXPECT_EQ(bootloader->header.flash.mode, 0);
  EXPECT_EQ(bootloader->header.flash.size, 3);
  EXPECT_TRUE(bootloader->hash_matches());
  EXPECT_EQ(Bytes(flash->begin() + 0x10000, flash->end()), test::make_app());
}

TEST(BuildFolder, MergesAsBuilt) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder);
  auto flash = load_flash_image(folder.path());
  ASSERT_TRUE(flash) << flash.error();
  EXPECT_EQ(flash->bytes.size(), 2u << 20);
  EXPECT_FALSE(flash->file);
  Bytes expected = test::make_flash();
  EXPECT_EQ(flash->data_end, expected.size());
  expected.resize(2u << 20, 0xff);
  EXPECT_EQ(flash->bytes, expected);
}

TEST(BuildFolder, TheListsFlashSizeCounts) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder, "8MB");
  EXPECT_EQ(load_flash_image(folder.path())->bytes.size(), 8u << 20);
  EXPECT_EQ(load_flash_image(folder.path(), {.flash_size = 16u << 20})->bytes.size(), 16u << 20);
}

TEST(BuildFolder, NamesAMissingFileAndItsList) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder);
  std::filesystem::remove(folder.path() / "hello.bin");
  EXPECT_THAT(load_flash_image(folder.path()).error(),
              AllOf(HasSubstr((folder.path() / "hello.bin").string()), HasSubstr("No such file"),
                    HasSubstr("flasher_args.json"), HasSubstr("0x10000")));
}

TEST(BuildFolder, NamesTheListThatIsWrong) {
  test::TemporaryFolder folder;
  folder.write("flash_args", "0x1000");
  EXPECT_THAT(load_flash_image(folder.path()).error(),
              HasSubstr((folder.path() / "flash_args: ends after").string()));
}

TEST(BuildFolder, ReadsAnArduinoExport) {
  test::TemporaryFolder folder;
  folder.write("web.ino.bootloader.bin", test::make_idf_bootloader());
  folder.write("web.ino.partitions.bin", partition_table_bytes(test::make_table()));
  folder.write("web.ino.bin", test::make_app());
  auto flash = load_flash_image(folder.path());
  ASSERT_TRUE(flash) << flash.error();
  Bytes expected = test::make_flash();
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), flash->bytes.begin()));
  folder.write("boot_app0.bin", test::bytes_of("slot"));
  flash = load_flash_image(folder.path());
  ASSERT_TRUE(flash);
  EXPECT_EQ(flash->bytes[0xe000], 's');
  folder.write("other.ino.bootloader.bin", test::make_idf_bootloader());
  EXPECT_THAT(load_flash_image(folder.path()).error(), HasSubstr("more than one Arduino sketch"));
}

TEST(BuildFolder, SaysWhatAFolderLacks) {
  test::TemporaryFolder folder;
  EXPECT_THAT(load_flash_image(folder.path()).error(),
              AllOf(HasSubstr(folder.path().string()), HasSubstr("no flasher_args.json")));
  EXPECT_THAT(load_flash_image(folder.path() / "none").error(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace espalier::image
