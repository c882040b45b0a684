#include "cli/image_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_test_support.h"
#include "cli/exit_code.h"
#include "image/file.h"
#include "image/image_test_support.h"

namespace espalier::cli {
namespace {

namespace test = image::test;
using image::Bytes;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

Outcome run(const std::vector<std::string>& arguments) {
  return outcome_of("", arguments);
}

void expect_refused(const std::vector<std::string>& arguments, std::string_view what) {
  expect_refusal("", arguments, what);
}

TEST(Cli, VersionAndHelp) {
  EXPECT_THAT(run({"--version"}).output, testing::MatchesRegex("espalier [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  Outcome help = run({"--help"});
  EXPECT_EQ(help.code, kDone);
  EXPECT_THAT(help.output, AllOf(HasSubstr("image"), HasSubstr("124 timeout")));
  EXPECT_THAT(help.errors, IsEmpty());
  EXPECT_EQ(run({"image", "info", "--help"}).code, kDone);
}

TEST(Cli, BadUsageIsOneLine) {
  expect_refused({}, "no command");
  expect_refused({"frobnicate"}, "frobnicate");
  expect_refused({"--frobnicate"}, "--frobnicate");
  expect_refused({"image"}, "info, merge, pack, nvs and nvs-gen");
  expect_refused({"image", "--frobnicate"}, "--frobnicate");
  expect_refused({"image", "info"}, "IMAGE");
  expect_refused({"image", "info", "a", "b"}, "b");
  expect_refused({"image", "merge", "a"}, "--output");
}

TEST(ImageInfo, OfAFlash) {
  test::TemporaryFolder folder;
  std::string file = folder.write("flash.bin", test::make_flash()).string();
  Outcome outcome = run({"image", "info", file});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  EXPECT_THAT(outcome.errors, IsEmpty());
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("flash of 2 MiB"), HasSubstr("bootloader at 0x1000"),
                                    HasSubstr("3 partitions, MD5 ok"), HasSubstr("factory"),
                                    HasSubstr("hello 1.2.3"), HasSubstr("ESP-IDF v5.0.1"),
                                    HasSubstr("DROM (mapped)"), testing::Not(HasSubstr("WRONG"))));
}

TEST(ImageInfo, AsJson) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder);
  Outcome outcome = run({"image", "info", folder.path().string(), "--json"});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  auto json = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(json["kind"], "flash");
  EXPECT_EQ(json["flash_size"], 2 << 20);
  EXPECT_EQ(json["bootloader"]["checksum"]["ok"], true);
  EXPECT_EQ(json["bootloader"]["sha256"]["ok"], true);
  EXPECT_EQ(json["partition_table"]["partitions"][2]["label"], "factory");
  EXPECT_EQ(json["applications"][0]["app"]["project"], "hello");
  EXPECT_EQ(json["applications"][0]["segments"][0]["memory"], "DROM (mapped)");
  EXPECT_EQ(json["findings"].size(), 0u);
}

TEST(ImageInfo, OfAnImageByItself) {
  test::TemporaryFolder folder;
  std::string file = folder.write("app.bin", test::make_app()).string();
  EXPECT_THAT(run({"image", "info", file}).output, AllOf(HasSubstr("ESP image"), HasSubstr("hello 1.2.3")));
  auto json = nlohmann::json::parse(run({"image", "info", "--json", file}).output);
  EXPECT_EQ(json["kind"], "image");
  EXPECT_EQ(json["image"]["app"]["version"], "1.2.3");
}

TEST(ImageInfo, OfAPartitionTable) {
  test::TemporaryFolder folder;
  std::string file = folder.write("table.bin", image::partition_table_bytes(test::make_table())).string();
  EXPECT_THAT(run({"image", "info", file}).output, AllOf(HasSubstr("3 partitions"), HasSubstr("phy_init")));
  EXPECT_EQ(nlohmann::json::parse(run({"image", "info", "--json", file}).output)["kind"], "partition_table");
  expect_refused({"image", "info", file, "--flash-size", "1M"}, file + ": points past the flash");
}

TEST(ImageInfo, DamageIsShownAndRefused) {
  test::TemporaryFolder folder;
  Bytes flash = test::make_flash();
  flash[0x10150] ^= 1;
  std::string file = folder.write("flash.bin", flash).string();
  Outcome outcome = run({"image", "info", file});
  EXPECT_EQ(outcome.code, kBadInput);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("WRONG"), HasSubstr("damaged: the application")));
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr(file), HasSubstr("wrong checksum")));
  Outcome as_json = run({"image", "info", file, "--json"});
  EXPECT_EQ(as_json.code, kBadInput);
  EXPECT_EQ(nlohmann::json::parse(as_json.output)["applications"][0]["checksum"]["ok"], false);
}

TEST(ImageInfo, RefusesBadInput) {
  test::TemporaryFolder folder;
  expect_refused({"image", "info", "/nonexistent"}, "/nonexistent: No such file");
  std::string empty = folder.write("empty.bin", "").string();
  expect_refused({"image", "info", empty}, empty + ": is empty");
  std::string text = folder.write("text.bin", "hello").string();
  expect_refused({"image", "info", text}, text + ": is cut short");
  Bytes half = test::make_app();
  half.resize(200);
  std::string cut = folder.write("cut.bin", half).string();
  expect_refused({"image", "info", cut}, cut + ": is cut short");
  std::string chip =
      folder.write("c3.bin", test::make_image({{0x40380000, Bytes(4)}}, {.entry = 0, .chip_id = 5})).string();
  expect_refused({"image", "info", chip}, "ESP32-C3");
  expect_refused({"image", "info", chip, "--flash-size", "5M"}, "--flash-size");
}

TEST(ImageInfo, FileNamesNeedNotBeUtf8) {
  test::TemporaryFolder folder;
  std::string file = folder.write("fl\xff.bin", test::make_flash()).string();
  Outcome outcome = run({"image", "info", file, "--json"});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  EXPECT_TRUE(nlohmann::json::accept(outcome.output));
}

TEST(ImageMerge, WritesAWholeFlash) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder);
  std::string file = (folder.path() / "flash.bin").string();
  Outcome outcome = run({"image", "merge", folder.path().string(), "-o", file});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  Bytes expected = test::make_flash();
  expected.resize(2u << 20, 0xff);
  EXPECT_EQ(image::read_file(file).value(), expected);
  EXPECT_EQ(run({"image", "merge", folder.path().string(), "-o", file, "--flash-size", "4M"}).code, kDone);
  EXPECT_EQ(std::filesystem::file_size(file), 4u << 20);
}

TEST(ImageMerge, WritesNothingWhenSomethingIsWrong) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder);
  std::string file = (folder.path() / "flash.bin").string();
  std::filesystem::remove(folder.path() / "partition_table" / "partition-table.bin");
  expect_refused({"image", "merge", folder.path().string(), "-o", file}, "partition-table.bin: No such file");
  EXPECT_FALSE(std::filesystem::exists(file));
  image::PartitionTable past = test::make_table();
  past.partitions[2].size = 0x800000;
  folder.write("partition_table/partition-table.bin", image::partition_table_bytes(past));
  expect_refused({"image", "merge", folder.path().string(), "-o", file}, "points past the flash");
  EXPECT_FALSE(std::filesystem::exists(file));
  expect_refused({"image", "merge", (folder.path() / "hello.bin").string(), "-o", file}, "is no folder");
  expect_refused({"image", "merge", "/nonexistent", "-o", file}, "/nonexistent: No such file");
}

TEST(ImageMerge, NamesAnOutputThatCannotBeWritten) {
  test::TemporaryFolder folder;
  test::make_build_folder(folder);
  expect_refused({"image", "merge", folder.path().string(), "-o", "/nonexistent/flash.bin"},
                 "/nonexistent/flash.bin: No such file");
}

TEST(ImagePack, MakesAnImageThatInfoReads) {
  test::TemporaryFolder folder;
  std::string elf =
      folder.write("a.elf", test::make_elf({{.name = ".text", .address = 0x40080000, .data = Bytes(64, 1)}}))
          .string();
  std::string file = (folder.path() / "a.bin").string();
  Outcome outcome = run({"image", "pack", elf, "-o", file, "--flash-mode", "dio", "--flash-freq", "80m",
                         "--flash-size", "4MB", "--min-rev-full", "100", "--max-rev-full", "399"});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  EXPECT_THAT(
      run({"image", "info", file}).output,
      AllOf(HasSubstr("dio, 80m, 4MB"), HasSubstr("revision v1.0 to v3.99"), HasSubstr("IRAM (SRAM0)")));
}

TEST(ImagePack, RefusesBadInput) {
  test::TemporaryFolder folder;
  std::string text = folder.write("text.elf", "no elf").string();
  std::string out = (folder.path() / "a.bin").string();
  expect_refused({"image", "pack", text, "-o", out}, text + ": is no ELF file");
  expect_refused({"image", "pack", text, "-o", out, "--flash-mode", "zio"}, "none of qio");
  expect_refused({"image", "pack", text, "-o", out, "--secure-pad", "--secure-pad-v2"}, "--secure-pad");
  std::string empty = folder.write("empty.elf", test::make_elf({})).string();
  expect_refused({"image", "pack", empty, "-o", out}, empty + ": holds nothing to load");
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace espalier::cli
