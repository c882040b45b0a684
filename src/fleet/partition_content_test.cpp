#include "fleet/partition_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "image/image_test_support.h"
#include "image/nvs_partition.h"

namespace espalier::fleet {
namespace {

using image::Bytes;
using image::NvsEntry;
using image::NvsType;
using image::test::bytes_of;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

const Identity kIdentity{
    .ordinal = 7, .name = "sensor-7", .mac = {2, 0, 0, 0, 0, 28}, .more = {{"site", "lab"}}};

PartitionSpec nvs(std::vector<image::NvsRow> rows) {
  PartitionSpec partition;
  partition.name = "nvs";
  partition.nvs = std::move(rows);
  return partition;
}

std::string refusal(const PartitionSpec& partition, std::size_t size = 0x3000) {
  const auto bytes = partition_content(partition, kIdentity, size);
  return bytes ? "taken" : bytes.error();
}

TEST(PartitionContent, NvsValuesAreTemplates) {
  image::test::TemporaryFolder folder;
  folder.write("key-7.bin", Bytes{1, 2, '{', 3});
  const auto bytes = partition_content(
      nvs({{.space = "app", .key = "name", .encoding = "string", .value = "{name}@{site} {{x}}"},
           {.space = "app", .key = "id", .encoding = "u16", .value = "{ordinal}"},
           {.space = "net", .key = "mac", .encoding = "string", .value = "{mac}"},
           {.space = "net",
            .key = "key",
            .encoding = "binary",
            .value = folder.path() / "key-{ordinal}.bin",
            .file = true}}),
      kIdentity, 0x6000);
  ASSERT_TRUE(bytes) << bytes.error();
  EXPECT_EQ(bytes->size(), 0x6000u);
  const auto contents = image::read_nvs(*bytes);
  ASSERT_TRUE(contents) << contents.error();
  EXPECT_THAT(
      contents->entries,
      ElementsAre(
          NvsEntry{
              .space = "app", .key = "name", .type = NvsType::kString, .data = bytes_of("sensor-7@lab {x}")},
          NvsEntry{.space = "app", .key = "id", .type = NvsType::kU16, .number = 7},
          NvsEntry{
              .space = "net", .key = "mac", .type = NvsType::kString, .data = bytes_of("02:00:00:00:00:1c")},
          NvsEntry{.space = "net", .key = "key", .type = NvsType::kBlob, .data = {1, 2, '{', 3}}));
}

TEST(PartitionContent, NvsMistakesNameTheKey) {
  EXPECT_EQ(refusal(nvs({{.space = "app", .key = "id", .encoding = "u8", .value = "{ordinal}00"}})),
            "app.id: 700 is not from 0 to 255");
  EXPECT_THAT(refusal(nvs({{.space = "app", .key = "id", .encoding = "string", .value = "{nmae}"}})),
              HasSubstr("app.id: '{nmae}': {nmae} is none of"));
  EXPECT_THAT(refusal(nvs({{.space = "app",
                            .key = "id",
                            .encoding = "binary",
                            .value = "/nowhere-{ordinal}",
                            .file = true}})),
              HasSubstr("app.id: /nowhere-7: No such file"));
  EXPECT_THAT(refusal(nvs({{.space = "app", .key = "id", .encoding = "u8", .value = "1"}}), 0x1000),
              HasSubstr("at least 3"));
}

TEST(PartitionContent, AFileIsTheWholePartition) {
  image::test::TemporaryFolder folder;
  folder.write("www-7.txt", bytes_of("{name}"));
  PartitionSpec partition;
  partition.name = "www";
  partition.file = folder.path() / "www-{ordinal}.txt";
  auto bytes = partition_content(partition, kIdentity, 16);
  ASSERT_TRUE(bytes) << bytes.error();
  Bytes expected = bytes_of("{name}");
  expected.resize(16, 0xff);
  EXPECT_EQ(*bytes, expected);
  EXPECT_THAT(refusal(partition, 5), EndsWith("www-7.txt has 6 bytes and the partition 5"));

  partition.is_template = true;
  bytes = partition_content(partition, kIdentity, 16);
  ASSERT_TRUE(bytes) << bytes.error();
  expected = bytes_of("sensor-7");
  expected.resize(16, 0xff);
  EXPECT_EQ(*bytes, expected);
  EXPECT_THAT(refusal(partition, 7), EndsWith("www-7.txt has 8 bytes and the partition 7"));
  folder.write("www-7.txt", bytes_of("a\nb {\n}"));
  EXPECT_THAT(refusal(partition), EndsWith("www-7.txt:2: a '{' without its '}'"));
  folder.write("www-7.txt", bytes_of("a\n\n{x}"));
  EXPECT_THAT(refusal(partition), HasSubstr("www-7.txt:3: {x} is none of"));
}

}  // namespace
}  // namespace espalier::fleet
