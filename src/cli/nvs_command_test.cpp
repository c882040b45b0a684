#include "cli/nvs_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_test_support.h"
#include "cli/exit_code.h"
#include "image/file.h"
#include "image/image_test_support.h"
#include "image/nvs_partition.h"

namespace espalier::cli {
namespace {

namespace test = image::test;
using image::Bytes;
using testing::HasSubstr;
using testing::IsEmpty;

Outcome run(const std::vector<std::string>& arguments) {
  return outcome_of("image", arguments);
}

void expect_refused(const std::vector<std::string>& arguments, std::string_view what) {
  expect_refusal("image", arguments, what);
}

TEST(NvsCommand, WhatIsMadeIsRead) {
  test::TemporaryFolder folder;
  folder.write("cert.pem", test::bytes_of("-----"));
  const auto csv = folder.write(
      "nvs.csv", test::bytes_of("key,type,encoding,value\napp,namespace,,\nname,data,string,a \"b\"\n"
                                "least,data,i64,-9223372036854775808\nmost,data,u64,"
                                "18446744073709551615\ncert,file,binary,cert.pem\n"));
  const std::string out = folder.path() / "nvs.bin";
  const Outcome made = run({"nvs-gen", csv, "-o", out, "--size", "0x3000"});
  EXPECT_EQ(made.code, kDone) << made.errors;
  const Outcome text = run({"nvs", out});
  EXPECT_EQ(text.code, kDone) << text.errors;
  EXPECT_THAT(text.output, HasSubstr("NVS of 3 pages, 8 of 252 entries written\n"));
  EXPECT_THAT(text.output, HasSubstr("app             cert            blob   5 bytes: 2d2d2d2d2d\n"));
  const auto json = nlohmann::json::parse(run({"nvs", out, "--json"}).output);
  EXPECT_EQ(json["entries"][0],
            nlohmann::json::parse(R"({"namespace":"app","key":"name","type":"string","value":"a \"b\""})"));
  EXPECT_EQ(json["entries"][1]["value"], std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(json["entries"][2]["value"], std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(json["entries"][3]["value"], "2d2d2d2d2d");
  EXPECT_THAT(json["problems"], IsEmpty());
}

TEST(NvsCommand, OfAFlashItReadsThePartition) {
  test::TemporaryFolder folder;
  image::PartitionTable table = test::make_table();
  Bytes flash = test::make_flash();
  const image::Partition* nvs = table.find("nvs");
  ASSERT_NE(nvs, nullptr);
  const auto bytes = image::nvs_partition(
      {{.space = "app", .key = "n", .type = image::NvsType::kU8, .number = 7}}, nvs->size);
  ASSERT_TRUE(bytes) << bytes.error();
  test::put(flash, nvs->offset, *bytes);
  const auto file = folder.write("flash.bin", flash);
  const Outcome found = run({"nvs", file});
  EXPECT_EQ(found.code, kDone) << found.errors;
  EXPECT_THAT(found.output, HasSubstr("app             n               u8     7\n"));
  EXPECT_EQ(run({"nvs", file, "--partition", "nvs"}).output, found.output);
  expect_refused({"nvs", file, "--partition", "other"}, "there is no partition other in its table");
  expect_refused({"nvs", file, "--partition", "factory"}, "factory: no page has the header of an NVS page");
}

TEST(NvsCommand, DamageIsShownAndIsBadInput) {
  test::TemporaryFolder folder;
  Bytes bytes = image::nvs_partition({{.space = "app", .key = "n", .type = image::NvsType::kU8, .number = 7},
                                      {.space = "app", .key = "m", .type = image::NvsType::kU8, .number = 8}},
                                     3 * image::kNvsPageSize)
                    .value();
  bytes[64 + 32 + 24] ^= 1;
  const auto file = folder.write("nvs.bin", bytes);
  const Outcome outcome = run({"nvs", file});
  EXPECT_EQ(outcome.code, kBadInput);
  EXPECT_THAT(outcome.output, HasSubstr("app             m               u8     8\n"));
  EXPECT_THAT(outcome.output, HasSubstr("damaged: page 0, entry 1: its checksum is wrong\n"));
  EXPECT_THAT(outcome.errors, HasSubstr("page 0, entry 1: its checksum is wrong"));
}

TEST(NvsCommand, MistakesNameFileAndLine) {
  test::TemporaryFolder folder;
  const auto csv = [&](std::string_view rows) {
    return folder
        .write("nvs.csv", test::bytes_of("key,type,encoding,value\napp,namespace,,\n" + std::string(rows)))
        .string();
  };
  const std::string out = folder.path() / "nvs.bin";
  expect_refused({"nvs-gen", csv("a,data,u8,256\n"), "-o", out, "--size", "12K"},
                 "nvs.csv:3: app.a: 256 is not from 0 to 255");
  expect_refused({"nvs-gen", csv("a,file,binary,none\n"), "-o", out, "--size", "12K"}, "none: No such file");
  expect_refused({"nvs-gen", csv("a,dat,u8,1\n"), "-o", out, "--size", "12K"},
                 "nvs.csv:3: there is no type 'dat'");
  for (const char* size : {"0", "4096", "12345", "0x3001", "x", "-1", "12k", "99999999M"})
    expect_refused({"nvs-gen", csv("a,data,u8,1\n"), "-o", out, "--size", size},
                   size[0] == 'x' ? "--size" : "");
  EXPECT_FALSE(std::filesystem::exists(out));
  expect_refused({"nvs", out}, "No such file");
  expect_refused({"nvs", csv("")}, "whole pages");
}

}  // namespace
}  // namespace espalier::cli
