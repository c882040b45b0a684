#include "image/nvs_partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "image/digest.h"
#include "image/image_test_support.h"
#include "image/nvs_format.h"
#include "image/nvs_rows.h"

namespace espalier::image {
namespace {

using test::bytes_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t kSize = 3 * kNvsPageSize;

NvsEntry text(std::string key, std::string_view value) {
  return {.space = "app", .key = std::move(key), .type = NvsType::kString, .data = bytes_of(value)};
}
NvsEntry blob(std::string key, std::size_t size) {
  Bytes data(size);
  std::iota(data.begin(), data.end(), std::uint8_t{1});
  return {.space = "app", .key = std::move(key), .type = NvsType::kBlob, .data = std::move(data)};
}
NvsEntry number(std::string key, NvsType type, std::uint64_t value) {
  return {.space = "app", .key = std::move(key), .type = type, .number = value};
}

Bytes made(const std::vector<NvsEntry>& entries, std::size_t size = kSize) {
  auto bytes = nvs_partition(entries, size);
  EXPECT_TRUE(bytes) << bytes.error();
  return bytes.value_or(Bytes(size, 0));
}

NvsContents contents_of(const Bytes& bytes) {
  auto contents = read_nvs(bytes);
  EXPECT_TRUE(contents) << contents.error();
  return contents.value_or(NvsContents{});
}

std::string refusal(const std::vector<NvsEntry>& entries, std::size_t size = kSize) {
  auto bytes = nvs_partition(entries, size);
  return bytes ? "taken" : bytes.error();
}

// The first entry's place in a page, and its state's.
std::size_t at(unsigned entry) {
  return nvs::kEntriesOffset + entry * nvs::kEntrySize;
}

TEST(NvsPartition, BytesByHand) {
  const Bytes bytes =
      made({{.space = "wifi", .key = "ssid", .type = NvsType::kString, .data = bytes_of("lab")}});
  ASSERT_EQ(bytes.size(), kSize);
  Bytes page(kNvsPageSize, 0xff);
  const auto put = [&](std::size_t offset, const Bytes& what) {
    std::ranges::copy(what, page.begin() + static_cast<std::ptrdiff_t>(offset));
  };
  put(0, {0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xfe});
  put(28, {0x84, 0x2d, 0xba, 0xb9});
  put(32, {0b11101010});  // three entries written
  put(64, {0, 1, 1, 0xff, 0x59, 0x11, 0x31, 0x27, 'w', 'i', 'f', 'i', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  put(96, {1, 0x21, 2, 0xff, 0x79, 0x51, 0x45, 0xac, 's', 's', 'i',  'd',  0,    0,    0,    0,
           0, 0,    0, 0,    0,    0,    0,    0,    4,   0,   0xff, 0xff, 0x76, 0x1f, 0xd1, 0x90});
  put(128, {'l', 'a', 'b', 0});
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + kNvsPageSize), page);
  EXPECT_EQ(Bytes(bytes.begin() + kNvsPageSize, bytes.end()), Bytes(2 * kNvsPageSize, 0xff));
}

// The hash is of what esp-idf-nvs-partition-gen (August 2025) makes of these rows.
TEST(NvsPartition, IsWhatEspIdfsToolMakes) {
  std::string csv =
      "key,type,encoding,value\nwifi,namespace,,\nssid,data,string,lab-7\nchannel,data,u8,6\noffset,data,i8,-"
      "5\n"
      "port,data,u16,65535\nlow,data,i16,-32768\nmask,data,u32,4294967295\nleast,data,i32,-2147483648\n"
      "id,data,u64,18446744073709551615\ntime,data,i64,-9223372036854775808\napp,namespace,,\nkey,data,"
      "hex2bin,";
  for (int i = 0; i < 9000; ++i) csv += "5a";
  csv += "\nsmall,data,base64,AAEC/w==\ntext,data,binary,text\nempty,data,string,\n";
  for (int i = 0; i < 150; ++i)
    csv += "k" + std::to_string(i) + ",data,u16," + std::to_string(i) + "\ns" + std::to_string(i) +
           ",data,string," + std::string(static_cast<std::size_t>(i * 7 % 97), 'x') + "\n";
  const auto rows = parse_nvs_csv(csv);
  ASSERT_TRUE(rows) << rows.error();
  std::vector<NvsEntry> entries;
  for (const NvsRow& row : *rows) {
    auto entry = nvs_entry(row, row.value);
    ASSERT_TRUE(entry) << entry.error();
    entries.push_back(*entry);
  }
  const Bytes bytes = made(entries, 0xc000);
  EXPECT_EQ(hex(sha256(bytes)), "8eaa70df250e96fc37a67e85432a8a8107ee7b524ee19bb3ff3520b2036c86db");

  const NvsContents contents = contents_of(bytes);
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_THAT(contents.spaces, ElementsAre("wifi", "app"));
  std::erase_if(entries, [](const NvsEntry& entry) { return entry.key.empty(); });
  EXPECT_EQ(contents.entries, entries);
}

TEST(NvsPartition, EveryTypeComesBack) {
  const std::vector<NvsEntry> entries = {number("u8", NvsType::kU8, 255),
                                         number("i8", NvsType::kI8, ~std::uint64_t{127}),
                                         number("i16", NvsType::kI16, ~std::uint64_t{0}),
                                         number("u32", NvsType::kU32, 0xffffffff),
                                         number("i32", NvsType::kI32, 0x7fffffff),
                                         number("i64", NvsType::kI64, 1ull << 63),
                                         number("float", NvsType::kFloat, 0x3f800000),
                                         number("double", NvsType::kDouble, 0x3ff0000000000000),
                                         text("none", ""),
                                         blob("nothing", 0),
                                         blob("one", 1),
                                         blob("entry", 32)};
  const NvsContents contents = contents_of(made(entries));
  EXPECT_EQ(contents.entries, entries);
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_EQ(contents.pages[0].state, NvsPage::State::kActive);
  EXPECT_EQ(contents.pages[0].version, 2u);
  EXPECT_EQ(contents.pages[1].state, NvsPage::State::kEmpty);
}

// Wherever in a page a value comes to lie: with each number of entries before it.
TEST(NvsPartition, ValuesAtTheEndOfAPage) {
  for (unsigned before = 100; before < 126; ++before)
    for (const std::size_t size : {0, 1, 31, 32, 33, 64, 700, 3999}) {
      std::vector<NvsEntry> entries;
      for (unsigned i = 0; i < before - 1; ++i)
        entries.push_back(number("n" + std::to_string(i), NvsType::kU8, i));
      entries.push_back(blob("blob", size));
      entries.push_back(text("text", std::string(size, 'x')));
      entries.push_back(number("last", NvsType::kI32, 1));
      const NvsContents contents = contents_of(made(entries, 6 * kNvsPageSize));
      ASSERT_TRUE(contents.entries == entries) << before << " " << size;
      ASSERT_THAT(contents.problems, IsEmpty()) << before << " " << size;
      for (std::size_t i = 0; i < contents.pages.size(); ++i) {
        const bool last =
            i + 1 == contents.pages.size() || contents.pages[i + 1].state == NvsPage::State::kEmpty;
        if (contents.pages[i].state == NvsPage::State::kEmpty) continue;
        ASSERT_EQ(contents.pages[i].state, last ? NvsPage::State::kActive : NvsPage::State::kFull);
      }
    }
}

TEST(NvsPartition, OnePageStaysFree) {
  // Two pages hold 252 entries: the namespace, a blob's two pieces and its index leave 248 * 32 bytes.
  EXPECT_THAT(contents_of(made({blob("big", 248 * 32)})).problems, IsEmpty());
  EXPECT_EQ(refusal({blob("big", 248 * 32 + 1)}), "app.big: there is no room for it in 12288 bytes of NVS");
  std::vector<NvsEntry> entries;
  for (unsigned i = 0; i < 251; ++i) entries.push_back(number("n" + std::to_string(i), NvsType::kU8, 0));
  EXPECT_EQ(contents_of(made(entries)).entries.size(), 251u);
  entries.push_back(text("more", "x"));
  EXPECT_THAT(refusal(entries), HasSubstr("app.more: there is no room"));
}

TEST(NvsPartition, WhatNvsDoesNotTakeIsRefused) {
  EXPECT_THAT(refusal({}, 2 * kNvsPageSize), HasSubstr("at least 3"));
  EXPECT_THAT(refusal({}, kSize + 1), HasSubstr("whole pages"));
  EXPECT_EQ(refusal({text("a234567890123456", "")}),
            "app.a234567890123456: the key 'a234567890123456' is longer than 15 characters");
  EXPECT_THAT(refusal({{.space = "a234567890123456", .key = "a"}}),
              HasSubstr("the namespace 'a234567890123456'"));
  EXPECT_THAT(refusal({{.space = "", .key = "a"}}), HasSubstr("name is empty"));
  EXPECT_THAT(refusal({text("k\xc3\xb6", "")}), HasSubstr("printable ASCII"));
  EXPECT_EQ(refusal({text("a", std::string(4000, 'x'))}), "app.a: a string of 4000 bytes; NVS takes 3999");
  EXPECT_EQ(refusal({text("a", std::string_view("x\0y", 3))}), "app.a: a string with a NUL in it");
  EXPECT_EQ(refusal({text("a", ""), text("a", "")}), "app.a: the key is there twice");
  EXPECT_THAT(refusal({blob("a", 127 * 4000 + 1)}, 200 * kNvsPageSize), HasSubstr("NVS takes 508000"));
  std::vector<NvsEntry> spaces;
  for (unsigned i = 0; i < 255; ++i) spaces.push_back({.space = "s" + std::to_string(i), .key = {}});
  EXPECT_EQ(refusal(spaces, 5 * kNvsPageSize), "more than 254 namespaces");
}

// ---- Reading what is damaged ----

TEST(NvsReader, AnErasedPartitionIsEmpty) {
  const NvsContents contents = contents_of(Bytes(kSize, 0xff));
  EXPECT_THAT(contents.entries, IsEmpty());
  EXPECT_THAT(contents.problems, IsEmpty());
}

TEST(NvsReader, WhatIsNoNvsIsAnError) {
  EXPECT_FALSE(read_nvs(Bytes{}));
  EXPECT_FALSE(read_nvs(Bytes(4095, 0xff)));
  EXPECT_EQ(read_nvs(Bytes(kSize, 0)).error(), "no page has the header of an NVS page");
}

TEST(NvsReader, EachFlippedBitIsTold) {
  const Bytes good = made({text("name", "sensor"), blob("key", 40), number("n", NvsType::kU32, 7)});
  for (const std::size_t offset :
       {4u, 8u, 28u, 64u, 65u, 66u, 68u, 72u, 88u, 96u, 120u, 128u, 133u, 160u, 200u, 230u}) {
    Bytes bytes = good;
    bytes[offset] ^= 0x04;
    const auto contents = read_nvs(bytes);
    EXPECT_TRUE(!contents || !contents->problems.empty()) << offset;
  }
}

TEST(NvsReader, ADamagedValueHidesNoOther) {
  Bytes bytes = made({text("name", "sensor"), number("n", NvsType::kU32, 7)});
  bytes[at(2)] ^= 1;  // of "sensor"
  NvsContents contents = contents_of(bytes);
  EXPECT_THAT(contents.entries, ElementsAre(number("n", NvsType::kU32, 7)));
  EXPECT_EQ(contents.problems.front(), "page 0, entry 1: the checksum of its value is wrong");
  // The value's entries are no entries themselves.
  EXPECT_EQ(contents.problems.back(), "page 0, entry 2: its checksum is wrong");
}

TEST(NvsReader, ErasedEntriesAreNotThere) {
  Bytes bytes = made({number("old", NvsType::kU8, 1), number("new", NvsType::kU8, 2)});
  bytes[nvs::kBitmapOffset] &= static_cast<std::uint8_t>(~0x0c);  // entry 1
  const NvsContents contents = contents_of(bytes);
  EXPECT_THAT(contents.entries, ElementsAre(number("new", NvsType::kU8, 2)));
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_EQ(contents.pages[0].erased, 1u);
}

TEST(NvsReader, PiecesAndIndexOfABlobNeedEachOther) {
  const Bytes good = made({blob("key", 40)});  // entries 1 to 3, and the index
  const auto erase = [&](unsigned entry) {
    Bytes bytes = good;
    bytes[nvs::kBitmapOffset + entry / 4] &= static_cast<std::uint8_t>(~(3u << entry % 4 * 2));
    return contents_of(bytes);
  };
  EXPECT_THAT(erase(4).problems, ElementsAre("page 0, entry 1: a piece of the blob key, which has no index"));
  const NvsContents missing = erase(1);
  EXPECT_EQ(missing.problems.back(), "page 0, entry 4: piece 0 of the blob key is missing");
  EXPECT_THAT(missing.entries, IsEmpty());
}

TEST(NvsReader, PagesInAnyOrder) {
  std::vector<NvsEntry> entries;
  for (unsigned i = 0; i < 200; ++i) entries.push_back(number("n" + std::to_string(i), NvsType::kU8, i));
  Bytes bytes = made(entries);
  std::swap_ranges(bytes.begin(), bytes.begin() + kNvsPageSize, bytes.begin() + kNvsPageSize);
  EXPECT_EQ(contents_of(bytes).entries, entries);
}

TEST(NvsReader, ADamagedPageHidesNoOther) {
  std::vector<NvsEntry> entries;
  for (unsigned i = 0; i < 200; ++i) entries.push_back(number("n" + std::to_string(i), NvsType::kU8, i));
  Bytes bytes = made(entries);
  bytes[kNvsPageSize + 5] = 1;
  NvsContents contents = contents_of(bytes);
  EXPECT_EQ(contents.entries.size(), 125u);
  EXPECT_THAT(contents.problems, ElementsAre("page 1: the checksum of its header is wrong"));
  bytes[2 * kNvsPageSize + 100] = 0;
  contents = contents_of(bytes);
  EXPECT_EQ(contents.problems.back(), "page 2: it is not empty, and has no header");
}

TEST(NvsReader, EncryptedEntriesAreOneLine) {
  Bytes bytes = made({text("name", "sensor"), number("n", NvsType::kU32, 7)});
  for (std::size_t i = at(0); i < at(5); ++i) bytes[i] ^= 0xa5;
  EXPECT_THAT(contents_of(bytes).problems,
              ElementsAre("page 0: all its entries have wrong checksums; is it encrypted?"));
}

// ---- Rows ----

std::string refused(std::string encoding, std::string_view content) {
  const auto entry = nvs_entry({.space = "app", .key = "k", .encoding = std::move(encoding)}, content);
  return entry ? "taken" : entry.error();
}
std::uint64_t number_of(std::string encoding, std::string_view content) {
  const auto entry = nvs_entry({.space = "app", .key = "k", .encoding = std::move(encoding)}, content);
  EXPECT_TRUE(entry) << entry.error();
  return entry ? entry->number : 0;
}

TEST(NvsRows, NumbersHaveTheRangeOfTheirType) {
  EXPECT_EQ(number_of("u8", "255"), 255u);
  EXPECT_EQ(number_of("u8", " 0xFf\n"), 255u);
  EXPECT_EQ(number_of("i8", "-128"), ~std::uint64_t{127});
  EXPECT_EQ(number_of("i64", "-9223372036854775808"), 1ull << 63);
  EXPECT_EQ(number_of("u64", "18446744073709551615"), ~std::uint64_t{0});
  EXPECT_EQ(refused("u8", "256"), "app.k: 256 is not from 0 to 255");
  EXPECT_EQ(refused("u8", "-1"), "app.k: -1 is not from 0 to 255");
  EXPECT_EQ(refused("i8", "128"), "app.k: 128 is not from -128 to 127");
  EXPECT_EQ(refused("i8", "-129"), "app.k: -129 is not from -128 to 127");
  EXPECT_EQ(refused("u64", "18446744073709551616"),
            "app.k: 18446744073709551616 is not from 0 to 18446744073709551615");
  EXPECT_EQ(refused("i64", "9223372036854775808"),
            "app.k: 9223372036854775808 is not from -9223372036854775808 to 9223372036854775807");
  for (const std::string_view text : {"", "-", "0x", "x", "1.5", "1 2", "--1"})
    EXPECT_THAT(refused("i32", text), HasSubstr("is no whole number")) << text;
  EXPECT_EQ(refused("u128", "1"),
            "app.k: there is no type 'u128'; there are u8, u16, u32, u64, i8, i16, i32, i64, "
            "string, binary, hex2bin, base64");
}

TEST(NvsRows, Bytes) {
  const auto data = [](std::string encoding, std::string_view content) {
    const auto entry = nvs_entry({.space = "app", .key = "k", .encoding = std::move(encoding)}, content);
    EXPECT_TRUE(entry) << entry.error();
    return entry ? entry->data : Bytes{};
  };
  EXPECT_EQ(data("hex2bin", "00fFa1\n"), (Bytes{0, 0xff, 0xa1}));
  EXPECT_EQ(data("base64", "AAEC\n/w=="), (Bytes{0, 1, 2, 255}));
  EXPECT_EQ(data("base64", ""), Bytes{});
  EXPECT_THAT(refused("hex2bin", "123"), HasSubstr("odd number"));
  EXPECT_THAT(refused("hex2bin", "0g"), HasSubstr("'0g' are no hexadecimal digits"));
  for (const std::string_view text : {"A", "AA", "AAA", "A===", "AA=A", "A*AA"})
    EXPECT_THAT(refused("base64", text), HasSubstr("no base64")) << text;
}

TEST(NvsRows, Csv) {
  const auto rows = parse_nvs_csv(
      "key,type,encoding,value\r\n# comment, with \"quotes\n\napp,namespace,,\r\na,data,string,\"x, "
      "\"\"y\"\"\nz\"\n"
      "b,file,binary,cert.pem\nother,namespace\n");
  ASSERT_TRUE(rows) << rows.error();
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ((*rows)[1].value, "x, \"y\"\nz");
  EXPECT_EQ((*rows)[1].space, "app");
  EXPECT_FALSE((*rows)[1].file);
  EXPECT_EQ((*rows)[2].line, 7u);
  EXPECT_TRUE((*rows)[2].file);
  EXPECT_EQ((*rows)[3].space, "other");
  EXPECT_EQ((*rows)[3].key, "");
}

TEST(NvsRows, MistakesInCsvNameTheLine) {
  const auto problem = [](const std::string& text) {
    const auto rows = parse_nvs_csv(text);
    return rows ? "taken" : rows.error();
  };
  const std::string header = "key,type,encoding,value\n";
  EXPECT_EQ(problem(""), "1: the first line has to be key,type,encoding,value");
  EXPECT_EQ(problem("# only a comment"), "1: the first line has to be key,type,encoding,value");
  EXPECT_EQ(problem("a,namespace,,\n"), "1: the first line has to be key,type,encoding,value");
  EXPECT_EQ(problem(header + "a,data,u8,1\n"), "2: a has no namespace: a row of that type comes first");
  EXPECT_EQ(problem(header + "a,namespace,,\nb,datum,u8,1\n"),
            "3: there is no type 'datum'; there are namespace, data, file");
  EXPECT_THAT(problem(header + "a,namespace,,\nb,data,u8,1,2\n"), HasSubstr("3: more than four fields"));
  EXPECT_THAT(problem(header + "a,namespace,,\nb,data,string,\"x\n"), HasSubstr("3: a '\"' without its end"));
  EXPECT_THAT(problem(header + ",namespace,,\n"), HasSubstr("2: the key is empty"));
  // Found by fuzzing: a quoted field may have lines, a message has one.
  EXPECT_EQ(problem(header + "\"a\nb\",data,u8,1\n"),
            "2: a?b has no namespace: a row of that type comes first");
  EXPECT_EQ(nvs_entry({.space = "s", .key = "a\nb", .encoding = "u9"}, "").error().find('\n'),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::image
