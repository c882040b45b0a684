// `espalier disasm`: what it finds in files, what it takes for code, and how it is shown.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli.h"
#include "cli/disasm_listing.h"
#include "cli/disasm_program.h"
#include "cli/exit_code.h"
#include "image/image_test_support.h"

namespace espalier::cli {
namespace {

using image::Bytes;
using image::test::make_elf;
using image::test::make_flash;
using image::test::make_idf_bootloader;
using image::test::make_image;
using image::test::make_table;
using image::test::TemporaryFolder;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kBase = 0x40080000;

// Two literals, then two functions with fill between them:
//   40080000  the address of `value`
//   40080004  the address of the second function
//   40080008  entry a1, 32; l32r a8, 40080000; l32r a9, 40080004; callx8 a9; j 40080018; a byte of fill
//   40080018  retw.n; 2 bytes of fill
//   4008001c  entry a1, 16; retw.n; 11 zero bytes
Bytes code() {
  return {0x00, 0x00, 0xfb, 0x3f, 0x1c, 0x00, 0x08, 0x40,  //
          0x36, 0x41, 0x00, 0x81, 0xfd, 0xff, 0x91, 0xfd, 0xff, 0xe0, 0x09, 0x00, 0x06, 0x00, 0x00, 0x00,
          0x1d, 0xf0, 0x00, 0x00,  //
          0x36, 0x21, 0x00, 0x1d, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
}

Bytes elf() {
  return make_elf({{.name = ".text", .address = kBase, .data = code(), .flags = SHF_ALLOC | SHF_EXECINSTR},
                   {.name = ".data", .address = 0x3ffb0000, .data = Bytes(8, 0x36)}},
                  {{.name = "first", .value = kBase + 8, .size = 18},
                   {.name = "second", .value = kBase + 0x1c, .size = 5},
                   {.name = "value", .value = 0x3ffb0000, .size = 4, .type = STT_OBJECT, .section = 2}},
                  {}, kBase + 8);
}

struct Outcome {
  int exit_code;
  std::string out, err;
};

Outcome disasm(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "disasm");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int exit_code = run_cli(arguments, {});
  std::fflush(stdout);
  return {exit_code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(Disasm, ListsAnElfFileLikeObjdump) {
  TemporaryFolder folder;
  const Outcome outcome = disasm({folder.write("a.elf", elf()).string()});
  EXPECT_EQ(outcome.exit_code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "\n"
            ".text at 40080000:\n"
            "40080000:\t3ffb0000\t.word\t3ffb0000 <value>\n"
            "40080004:\t4008001c\t.word\t4008001c <second>\n"
            "\n"
            "40080008 <first>:\n"
            "40080008:\t004136  \tentry\ta1, 32\n"
            "4008000b:\tfffd81  \tl32r\ta8, 0x40080000 (3ffb0000 <value>)\n"
            "4008000e:\tfffd91  \tl32r\ta9, 0x40080004 (4008001c <second>)\n"
            "40080011:\t0009e0  \tcallx8\ta9\n"
            "40080014:\t000006  \tj\t40080018 <first+0x10>\n"
            "40080017:\t00      \t.byte\t0x00\n"
            "40080018:\tf01d    \tretw.n\n"
            "4008001a:\t00      \t.byte\t0x00\n"
            "4008001b:\t00      \t.byte\t0x00\n"
            "\n"
            "4008001c <second>:\n"
            "4008001c:\t002136  \tentry\ta1, 16\n"
            "4008001f:\tf01d    \tretw.n\n"
            "\t...\n");
}

TEST(Disasm, ShowsOneFunction) {
  TemporaryFolder folder;
  const std::string file = folder.write("a.elf", elf()).string();
  const Outcome by_name = disasm({file, "second"});
  EXPECT_EQ(by_name.exit_code, kDone) << by_name.err;
  EXPECT_EQ(by_name.out,
            "\n"
            ".text at 40080000:\n"
            "\n"
            "4008001c <second>:\n"
            "4008001c:\t002136  \tentry\ta1, 16\n"
            "4008001f:\tf01d    \tretw.n\n");
  EXPECT_EQ(disasm({file, "0x4008001c"}).out, by_name.out);
  const Outcome two = disasm({file, "second", "--to", "0x4008001f"});
  EXPECT_THAT(two.out, HasSubstr("entry"));
  EXPECT_THAT(two.out, Not(HasSubstr("retw.n")));
}

TEST(Disasm, FindsFunctionsWithoutSymbols) {
  TemporaryFolder folder;
  const std::string file =
      folder.write("app.bin", make_image({{kBase, code()}}, {.entry = kBase + 8})).string();
  const Outcome outcome = disasm({file});
  EXPECT_EQ(outcome.exit_code, kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "\n"
            "image at 40080000:\n"
            "40080000:\t3ffb0000\t.word\t0x3ffb0000\n"
            "40080004:\t4008001c\t.word\t0x4008001c\n"
            "40080008:\t004136  \tentry\ta1, 32\n"
            "4008000b:\tfffd81  \tl32r\ta8, 0x40080000 (0x3ffb0000)\n"
            "4008000e:\tfffd91  \tl32r\ta9, 0x40080004 (0x4008001c)\n"
            "40080011:\t0009e0  \tcallx8\ta9\n"
            "40080014:\t000006  \tj\t0x40080018\n"
            "40080017:\t00      \t.byte\t0x00\n"
            "40080018:\tf01d    \tretw.n\n"
            "4008001a:\t00      \t.byte\t0x00\n"
            "4008001b:\t00      \t.byte\t0x00\n"
            "4008001c:\t002136  \tentry\ta1, 16\n"
            "4008001f:\tf01d    \tretw.n\n"
            "\t...\n");
}

TEST(Disasm, NamesAnImagesAddressesByAnElfFile) {
  TemporaryFolder folder;
  const std::string image = folder.write("app.bin", make_image({{kBase, code()}})).string();
  const std::string names = folder.write("a.elf", elf()).string();
  const Outcome outcome = disasm({image, "--elf", names, "second"});
  EXPECT_EQ(outcome.exit_code, kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("4008001c <second>:\n4008001c:\t002136  \tentry\ta1, 16\n"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("first")));
}

TEST(Disasm, ShowsAPartOfAFlashImage) {
  TemporaryFolder folder;
  const Bytes app = make_image({{0x400d0000, code()}}, {.entry = 0x400d0008});
  const std::string flash =
      folder.write("flash.bin", make_flash(make_idf_bootloader(), make_table(), app)).string();
  EXPECT_THAT(disasm({flash}).out, HasSubstr("factory at 400d0000:"));
  EXPECT_THAT(disasm({flash, "--part", "factory"}).out, HasSubstr("400d0008:\t004136  \tentry\ta1, 32\n"));
  const Outcome bootloader = disasm({flash, "--part", "bootloader"});
  EXPECT_THAT(bootloader.out, HasSubstr("bootloader at 40080400:"));
  EXPECT_THAT(bootloader.out, Not(HasSubstr("400d0008")));
  const Outcome none = disasm({flash, "--part", "ota_7"});
  EXPECT_EQ(none.exit_code, kBadInput);
  EXPECT_THAT(none.err, HasSubstr("has no part \"ota_7\" with code; it has factory, bootloader"));
}

TEST(Disasm, FromAnAddressOnInAnImage) {
  TemporaryFolder folder;
  const std::string file = folder.write("app.bin", make_image({{kBase, code()}})).string();
  EXPECT_THAT(disasm({file, "0x40080018"}).out,
              HasSubstr("image at 40080000:\n40080018:\tf01d    \tretw.n\n"));
  EXPECT_THAT(disasm({file, "1074266136"}).out, HasSubstr("40080018:\tf01d    \tretw.n\n"));
}

void expect_refused(const std::vector<std::string>& arguments, std::string_view text) {
  const Outcome outcome = disasm(arguments);
  EXPECT_EQ(outcome.exit_code, kBadInput);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr(text));
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
}

TEST(Disasm, RefusesBadInputInOneLine) {
  TemporaryFolder folder;
  const std::string file = folder.write("a.elf", elf()).string();
  const std::string image = folder.write("app.bin", make_image({{kBase, code()}})).string();
  expect_refused({}, "FILE");
  expect_refused({folder.path() / "absent"}, "absent");
  expect_refused({folder.write("empty", Bytes{}).string()}, "empty");
  expect_refused({folder.write("table", image::partition_table_bytes(make_table())).string()},
                 "partition table");
  expect_refused({file, "third"}, "a.elf: has no symbol \"third\"");
  expect_refused({image, "second"}, "app.bin: has no symbols");
  expect_refused({file, "0x3ffb0000"}, "0x3ffb0000 lies in none of its code");
  expect_refused({file, "value"}, "lies in none of its code");
  expect_refused({file, "first", "--to", "0x40080008"}, "is not behind");
  expect_refused({image, "--elf", folder.path() / "absent"}, "absent");
  expect_refused({image, "--elf", image}, "app.bin");
  Bytes truncated = elf();
  truncated.resize(truncated.size() / 2);
  expect_refused({folder.write("cut.elf", truncated).string()}, "cut.elf");
  const Bytes data_only = make_image({{0x3ffb0000, Bytes(16, 1)}});
  expect_refused({folder.write("data.bin", data_only).string()}, "holds no code");
}

// The map never claims a byte twice, and an instruction that the region cuts off is none.
TEST(CodeMap, KeepsToTheRegion) {
  Program program;
  program.regions.push_back({"x", kBase, true, {0x36, 0x41, 0x00, 0x3d, 0xf0, 0xf0, 0x20}});
  program.entries = {kBase, kBase + 1, kBase + 100, 0};
  const CodeMap map(program);
  EXPECT_EQ(map.at(kBase), CodeMap::Kind::kInstruction);
  EXPECT_EQ(map.at(kBase + 1), CodeMap::Kind::kInside);
  EXPECT_EQ(map.at(kBase + 3), CodeMap::Kind::kInstruction);
  EXPECT_EQ(map.at(kBase + 5), CodeMap::Kind::kUnknown);
  EXPECT_EQ(map.at(kBase + 7), CodeMap::Kind::kUnknown);
  std::string text;
  list_code(program, map, 0, std::uint64_t{1} << 32, [&](std::string_view line) {
    text += std::string(line) + '\n';
    return true;
  });
  EXPECT_THAT(text,
              testing::EndsWith("40080005:\tf0      \t.byte\t0xf0\n40080006:\t20      \t.byte\t0x20\n"));
}

}  // namespace
}  // namespace espalier::cli
