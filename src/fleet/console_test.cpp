#include "fleet/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::fleet {
namespace {

std::string text_of(std::span<const std::uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(Console, KeepsTheLast64KiB) {
  Console console;
  console.write("first\n");
  std::string expected = "first\n";
  for (int i = 0; i < 20'000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    console.write(line);
    expected += line;
  }
  EXPECT_EQ(console.tail({}), expected.substr(expected.size() - Console::kCapacity));
  console.write(std::string(100'000, 'x') + "end");
  EXPECT_EQ(console.tail({}), std::string(Console::kCapacity - 3, 'x') + "end");
}

TEST(Console, GivesTheLastLines) {
  Console console;
  EXPECT_EQ(console.tail(3), "");
  console.write("one\ntwo\nthree\n");
  EXPECT_EQ(console.tail(0), "");
  EXPECT_EQ(console.tail(1), "three\n");
  EXPECT_EQ(console.tail(2), "two\nthree\n");
  EXPECT_EQ(console.tail(9), "one\ntwo\nthree\n");
  console.write("> ");
  EXPECT_EQ(console.tail(1), "> ");
  EXPECT_EQ(console.tail(2), "three\n> ");
}

TEST(Console, FollowersGetTheTailAndWhatComes) {
  Console console;
  console.write("one\ntwo\n");
  std::string seen;
  bool ended = false;
  Subscription subscription = console.follow(1, [&](std::span<const std::uint8_t> bytes) {
    seen += text_of(bytes);
    ended |= bytes.empty();
  });
  EXPECT_EQ(seen, "two\n");
  console.write("three\n");
  EXPECT_EQ(seen, "two\nthree\n");
  EXPECT_FALSE(ended);
  console.end();
  EXPECT_TRUE(ended);
  subscription.reset();
  console.write("four\n");
  EXPECT_EQ(seen, "two\nthree\n");
}

TEST(Console, SubscriptionsMayOutliveIt) {
  auto console = std::make_unique<Console>();
  const Subscription subscription = console->follow({}, [](auto) {});
  console.reset();
}

TEST(PanicLines, FindsPanicsInPieces) {
  PanicLines lines;
  const auto see = [&](std::string_view text) {
    return lines.see({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  EXPECT_FALSE(see("all is well\r\nGuru Medi"));
  EXPECT_FALSE(see("tation Error: Core  0 panic'ed (LoadProhibited)"));
  EXPECT_EQ(see("\r\n"), "Guru Meditation Error: Core  0 panic'ed (LoadProhibited)");
  EXPECT_FALSE(see("Core  0 register dump:\n"));
  EXPECT_EQ(see("abort() was called at PC 0x400d1234 on core 0\n"),
            "abort() was called at PC 0x400d1234 on core 0");
  EXPECT_EQ(see("panic: core 1: LoadProhibited at pc 400d0000\n"),
            "panic: core 1: LoadProhibited at pc 400d0000");
}

TEST(ConsoleLine, RefusesWhatNobodyReads) {
  ConsoleLine line([](auto) {});
  const std::vector<std::uint8_t> bytes(ConsoleLine::kMostWaiting / 2, 'x');
  EXPECT_TRUE(line.type(bytes));
  EXPECT_TRUE(line.type(bytes));
  EXPECT_FALSE(line.type(std::vector<std::uint8_t>{'y'}));
  std::size_t taken = 0;
  line.on_input([&](std::span<const std::uint8_t> offered) {
    taken += offered.size();
    return offered.size();
  });
  EXPECT_EQ(taken, ConsoleLine::kMostWaiting);
  EXPECT_TRUE(line.type(std::vector<std::uint8_t>{'y'}));
}

}  // namespace
}  // namespace espalier::fleet
