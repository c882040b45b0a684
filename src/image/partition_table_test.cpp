#include "image/partition_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"

namespace espalier::image {
namespace {

using test::make_table;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kFlash = 2u << 20;

TEST(PartitionTable, RoundTrip) {
  Bytes bytes = partition_table_bytes(make_table());
  EXPECT_EQ(bytes.size(), kPartitionTableSize);
  auto table = parse_partition_table(bytes, kFlash);
  ASSERT_TRUE(table) << table.error();
  EXPECT_TRUE(table->has_md5);
  ASSERT_EQ(table->partitions.size(), 3u);
  const Partition* factory = table->find("factory");
  ASSERT_NE(factory, nullptr);
  EXPECT_EQ(factory->offset, 0x10000u);
  EXPECT_EQ(factory->size, 0x100000u);
  EXPECT_TRUE(factory->is_app());
  EXPECT_EQ(table->find("none"), nullptr);
  EXPECT_THAT(partition_table_oddities(*table, kPartitionTableOffset), IsEmpty());
}

TEST(PartitionTable, BytesByHand) {
  PartitionTable table{
      .partitions = {
          {.label = "nvs", .type = 1, .subtype = 2, .offset = 0x9000, .size = 0x6000, .flags = 1}}};
  Bytes bytes = partition_table_bytes(table);
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 32),
            (Bytes{0xaa, 0x50, 1, 2, 0, 0x90, 0, 0, 0, 0x60, 0, 0, 'n', 'v', 's', 0,
                   0,    0,    0, 0, 0, 0,    0, 0, 0, 0,    0, 0, 1,   0,   0,   0}));
  EXPECT_EQ(bytes[32], 0xff);
}

TEST(PartitionTable, WithoutMd5) {
  PartitionTable made = make_table();
  made.has_md5 = false;
  auto table = parse_partition_table(partition_table_bytes(made), kFlash);
  ASSERT_TRUE(table);
  EXPECT_FALSE(table->has_md5);
}

TEST(PartitionTable, TellsAChangedByte) {
  Bytes bytes = partition_table_bytes(make_table());
  bytes[13] ^= 1;
  EXPECT_THAT(parse_partition_table(bytes, kFlash).error(), HasSubstr("MD5"));
}

TEST(PartitionTable, RefusesASecondMd5) {
  Bytes bytes = partition_table_bytes(make_table());
  std::copy_n(bytes.begin() + 96, 32, bytes.begin() + 128);
  EXPECT_THAT(parse_partition_table(bytes, kFlash).error(), HasSubstr("second MD5"));
}

TEST(PartitionTable, RefusesPartitionsPastTheFlash) {
  for (auto [offset, size] :
       std::initializer_list<std::pair<std::uint32_t, std::uint32_t>>{{0x10000, 0x1f0001},
                                                                      {0x200001, 0},
                                                                      {0xffffffff, 0xffffffff},
                                                                      {0x1000, 0xfffff000},
                                                                      {0x80000000, 0x80000000}}) {
    PartitionTable made = make_table();
    made.partitions[2].offset = offset;
    made.partitions[2].size = size;
    EXPECT_THAT(
        parse_partition_table(partition_table_bytes(made), kFlash).error(),
        testing::AllOf(HasSubstr("points past the flash"), HasSubstr("'factory'"), HasSubstr("0x200000")));
  }
}

TEST(PartitionTable, AcceptsAPartitionUpToTheLastByte) {
  PartitionTable made = make_table();
  made.partitions[2].size = 0x1f0000;
  EXPECT_TRUE(parse_partition_table(partition_table_bytes(made), kFlash));
}

TEST(PartitionTable, RefusesOtherContents) {
  EXPECT_THAT(parse_partition_table(Bytes(kPartitionTableSize, 0xff), kFlash).error(),
              HasSubstr("begins with 0xffff"));
  EXPECT_THAT(parse_partition_table(Bytes(kPartitionTableSize, 0), kFlash).error(),
              HasSubstr("begins with 0x0000"));
  EXPECT_THAT(parse_partition_table({}, kFlash).error(), HasSubstr("cut short"));
}

TEST(PartitionTable, RefusesARowThatMeansNothing) {
  Bytes bytes = partition_table_bytes(make_table());
  bytes[32] = 0x12;
  EXPECT_THAT(parse_partition_table(bytes, kFlash).error(), HasSubstr("row 1 begins with 0x5012"));
}

TEST(PartitionTable, NeedsAnEndRow) {
  Partition one{.label = "p", .type = 1, .subtype = 2, .offset = 0x9000, .size = 0};
  PartitionTable full{.partitions = std::vector<Partition>(95, one)};
  EXPECT_TRUE(parse_partition_table(partition_table_bytes(full), kFlash));
  full.partitions.push_back(one);
  EXPECT_THAT(parse_partition_table(partition_table_bytes(full), kFlash).error(), HasSubstr("no end row"));
}

TEST(PartitionTable, EveryTruncationIsAnError) {
  Bytes bytes = partition_table_bytes(make_table());
  for (std::size_t size = 0; size < 5 * 32; ++size) {
    EXPECT_FALSE(parse_partition_table(ByteView(bytes).first(size), kFlash)) << size;
  }
  EXPECT_TRUE(parse_partition_table(ByteView(bytes).first(5 * 32), kFlash));
}

TEST(PartitionTable, FindsOverlaps) {
  PartitionTable made = make_table();
  made.partitions[1].offset = 0xe000;
  EXPECT_THAT(partition_table_oddities(made, kPartitionTableOffset),
              ElementsAre("partition 'phy_init' (0xe000 to 0xf000) overlaps 'nvs' (0x9000 to 0xf000)"));
  made = make_table();
  made.partitions[0].offset = 0x8000;
  EXPECT_THAT(partition_table_oddities(made, kPartitionTableOffset),
              ElementsAre("partition 'nvs' (0x8000 to 0xe000) overlaps the partition table at 0x8000"));
}

TEST(PartitionTable, NeighboursDoNotOverlapAndEmptyPartitionsOverlapNothing) {
  PartitionTable made = make_table();
  made.partitions.push_back({.label = "empty", .type = 1, .subtype = 6, .offset = 0x8000, .size = 0});
  EXPECT_THAT(partition_table_oddities(made, kPartitionTableOffset), IsEmpty());
}

TEST(PartitionTable, FindsMisplacedAppsAndDoubleNames) {
  PartitionTable made = make_table();
  made.partitions[2].offset = 0x18000;
  made.partitions[1].label = "nvs";
  EXPECT_THAT(partition_table_oddities(made, kPartitionTableOffset),
              ElementsAre("two partitions are named 'nvs'",
                          "application partition 'factory' at 0x18000 is not on a 64 KiB boundary"));
}

TEST(PartitionTable, NamesTypes) {
  auto name = [](std::uint8_t type, std::uint8_t subtype) {
    Partition partition{.type = type, .subtype = subtype};
    return partition.type_name() + " " + partition.subtype_name();
  };
  EXPECT_EQ(name(0, 0), "app factory");
  EXPECT_EQ(name(0, 0x10), "app ota_0");
  EXPECT_EQ(name(0, 0x1f), "app ota_15");
  EXPECT_EQ(name(0, 0x20), "app test");
  EXPECT_EQ(name(1, 0x82), "data spiffs");
  EXPECT_EQ(name(1, 0x10), "data 0x10");
  EXPECT_EQ(name(0x40, 0), "0x40 0x00");
}

TEST(PartitionTable, IsFoundWhereAProjectMovedIt) {
  Bytes flash(0x20000, 0xff);
  EXPECT_FALSE(find_partition_table(flash));
  PartitionTable moved{
      .partitions = {{.label = "nvs", .type = 1, .subtype = 2, .offset = 0x11000, .size = 0x1000}},
      .has_md5 = true};
  test::put(flash, 0x10000, partition_table_bytes(moved));
  EXPECT_EQ(find_partition_table(flash), 0x10000u);
  flash[0xa000] = 0xaa;  // something that only begins like a table
  flash[0xa001] = 0x50;
  EXPECT_EQ(find_partition_table(flash), 0x10000u);
  flash[0x8000] = 0xaa;  // but a damaged one in the usual place is not passed over
  flash[0x8001] = 0x50;
  EXPECT_EQ(find_partition_table(flash), 0x8000u);
}

}  // namespace
}  // namespace espalier::image
