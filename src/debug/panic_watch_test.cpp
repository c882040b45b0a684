#include "debug/panic_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/image_test_support.h"

namespace espalier::debug {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const image::ElfFile> program() {
  return std::make_shared<image::ElfFile>(
      image::ElfFile::parse(
          image::test::make_elf({{.name = ".text",
                                  .address = 0x400d0000,
                                  .data = image::Bytes(0x1000, 1),
                                  .flags = SHF_ALLOC | SHF_EXECINSTR}},
                                {{.name = "app_main", .value = 0x400d0100, .size = 0x40},
                                 {.name = "_ZN5Motor5startEi", .value = 0x400d0200, .size = 0x40}}))
          .value());
}

struct PanicWatchTest : ::testing::Test {
  void see(std::string_view text) {
    watch.see({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  Symbols symbols{program()};
  const Symbols* known = &symbols;
  unsigned asked = 0;
  std::string told;
  PanicWatch watch{[this] { return ++asked, known; }, [this](std::string_view text) { told += text; }};
};

TEST(Backtrace, IsReadAsEveryVersionPrintsIt) {
  EXPECT_THAT(parse_backtrace("Backtrace: 0x400d1234:0x3ffb5e10 0x400d2345:0x3ffb5e30").addresses,
              ElementsAre(0x400d1234, 0x400d2345));
  EXPECT_THAT(parse_backtrace("Backtrace:0x400d1234:0x3ffb5e10 ").addresses, ElementsAre(0x400d1234));
  EXPECT_THAT(parse_backtrace("backtrace: 400d1234:3ffb5e10 40080000:3ffb5e30").addresses,
              ElementsAre(0x400d1234, 0x40080000));
  EXPECT_THAT(parse_backtrace("\x1b[0;31mBacktrace: 0x400d1234:0x3ffb5e10 |<-CONTINUES").addresses,
              ElementsAre(0x400d1234));
  EXPECT_THAT(parse_backtrace("Backtrace: 0x800d1234:0x3ffb5e10").addresses, ElementsAre(0x400d1231))
      << "a return address";
  EXPECT_THAT(parse_backtrace("Backtrace: none").addresses, IsEmpty());
  EXPECT_THAT(parse_backtrace("Backtrace: 0x400d1234").addresses, IsEmpty());
  EXPECT_THAT(parse_backtrace("Backtrace: 0x400d1234:").addresses, IsEmpty());
  EXPECT_THAT(parse_backtrace("no trace").addresses, IsEmpty());
}

TEST(Backtrace, SaysWhereItIsCorrupted) {
  const Backtrace found = parse_backtrace("Backtrace: 0x400d1234:0x3ffb5e10 |<-CORRUPTED");
  EXPECT_TRUE(found.corrupted);
  EXPECT_THAT(found.addresses, ElementsAre(0x400d1234));
  EXPECT_FALSE(parse_backtrace("Backtrace: 0x400d1234:0x3ffb5e10").corrupted);
}

TEST(Backtrace, BeginsWithThePcThatTheRegistersShow) {
  EXPECT_THAT(parse_backtrace("Backtrace: 0x400d0fff:0x3ffb5e10 0x400d2345:0x3f", 0x400d1002).addresses,
              ElementsAre(0x400d1002, 0x400d2345));
  EXPECT_THAT(parse_backtrace("Backtrace: 0x400d1002:0x3ffb5e10", 0x400d1002).addresses,
              ElementsAre(0x400d1002))
      << "ESP-IDF 3";
  EXPECT_THAT(parse_backtrace("Backtrace: 0x400d1000:0x3ffb5e10", 0x400d1002).addresses,
              ElementsAre(0x400d1000));
}

TEST_F(PanicWatchTest, NamesTheFunctions) {
  see("Guru Meditation Error\r\n\r\nBacktrace: 0x400d0112:0x3ffb5e10 0x400d0200:0x3ffb5e30 "
      "0x50000000:0x3ffb5e50 0x40058000:0x3ffb5e70\r\n\r\n");
  // 0x40058000 is in the mask ROM.
  EXPECT_EQ(told,
            "#0  app_main+0x12 (0x400d0112)\n"
            "#1  Motor::start(int) (0x400d0200)\n"
            "#2  0x50000000\n"
            "#3  " +
                symbols.describe(0x40058000) + "\n");
  EXPECT_THAT(symbols.describe(0x40058000), ::testing::HasSubstr(" (0x40058000)"));
}

TEST_F(PanicWatchTest, TakesBytesInAnyPieces) {
  for (const char c : std::string_view("PC      : 0x400d0115  PS      : 0x00060030\r\n"
                                       "Backtrace:0x400d0112:0x3ffb5e10 |<-CORRUPTED\r\n"))
    see({&c, 1});
  EXPECT_EQ(told,
            "#0  app_main+0x15 (0x400d0115)\n"
            "    the stack is corrupted: nothing is known of what comes before\n");
}

TEST_F(PanicWatchTest, AsksForSymbolsOnlyWhenThereIsSomethingToExplain) {
  see("Hello world!\nBacktrace: of nothing\n");
  std::string long_line(3 * PanicWatch::kLongestLine, 'x');
  long_line += "Backtrace: 0x400d0112:0x3ffb5e10\n";
  see(long_line);
  EXPECT_EQ(asked, 0u);
  known = nullptr;
  see("Backtrace: 0x400d0112:0x3ffb5e10\n");
  EXPECT_EQ(asked, 1u);
  EXPECT_EQ(told, "");
}

}  // namespace
}  // namespace espalier::debug
