// The ROM's functions that look through memory until something comes: the same results, and the same time,
// where the memory is plain (searched a page at a time) and where it is not (byte by byte); and nothing is
// touched behind the place where a search ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "rom/rom.h"
#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::kFlashWindow;
using testing::RomMachine;

constexpr std::uint32_t kPage = 4096;
constexpr std::uint32_t kRam = 0x3ffe4000;
constexpr std::uint32_t kRamEnd = 0x40000000;  // no bytes can be read from there on
constexpr std::uint32_t kAbcd = 0x64636261;

const Rom& built_in() {
  static const Rom rom;
  return rom;
}

int sign(std::uint32_t value) {
  return (static_cast<std::int32_t>(value) > 0) - (static_cast<std::int32_t>(value) < 0);
}

class Searches : public ::testing::Test {
 protected:
  Searches() { machine_.initialise(); }

  struct Outcome {
    std::uint32_t result;
    std::uint64_t time;
    bool operator==(const Outcome&) const = default;
  };
  Outcome call(std::string_view name, const std::vector<std::uint32_t>& arguments) {
    const std::uint64_t before = machine_.core().instructions();
    const std::uint32_t result = machine_.call(name, arguments);
    return {result, machine_.core().instructions() - before};
  }
  // Puts the bytes into RAM at `address` and to the same place of its page into the flash window,
  // which is no plain memory here. Its address there.
  std::uint32_t put_both(std::string_view bytes, std::uint32_t address, std::uint32_t window) {
    machine_.put(bytes, address);
    const std::uint32_t twin = kFlashWindow + window + address % kPage;
    std::copy(bytes.begin(), bytes.end(), machine_.flash.begin() + (twin - kFlashWindow));
    return twin;
  }
  bool faults(std::string_view name, const std::vector<std::uint32_t>& arguments) {
    machine_.call_limit = 10'000;
    try {
      machine_.call(name, arguments);
    } catch (const std::runtime_error&) {
      return true;
    }
    return false;
  }

  RomMachine machine_{built_in()};
};

TEST_F(Searches, ComparisonsOfAllLengthsAcrossPages) {
  std::mt19937 random(1);
  for (unsigned round = 0; round < 300; ++round) {
    const std::uint32_t length = random() % (round % 10 == 0 ? 2 * kPage : 40);
    std::string a(length, 0), b;
    for (char& c : a) c = static_cast<char>(random());
    b = a;
    if (length != 0 && round % 4 != 0) b[random() % length] ^= static_cast<char>(1 + random() % 255);
    const std::uint32_t at = kRam + kPage - random() % 30, to = kRam + 5 * kPage - random() % 30;
    const std::uint32_t at_twin = put_both(a, at, 0), to_twin = put_both(b, to, 4 * kPage);
    const Outcome plain = call("memcmp", {at, to, length});
    EXPECT_EQ(sign(plain.result), std::clamp(std::memcmp(a.data(), b.data(), length), -1, 1)) << round;
    EXPECT_EQ(call("memcmp", {at_twin, to_twin, length}), plain) << round;
    EXPECT_EQ(call("memcmp", {at, to_twin, length}), plain) << round;
  }
}

TEST_F(Searches, StringComparisonsOfAllLengthsAcrossPages) {
  std::mt19937 random(2);
  for (unsigned round = 0; round < 300; ++round) {
    const std::uint32_t length = random() % (round % 10 == 0 ? 2 * kPage : 40);
    std::string a(length, 0), b;
    for (char& c : a) c = static_cast<char>(1 + random() % 255);
    b = a;
    if (length != 0 && round % 4 != 0) b[random() % length] = static_cast<char>(random() % 3 != 0 ? 0 : 'x');
    // What comes behind the NUL differs.
    a.append(1, 0).append("this is never looked at");
    b.append(1, 0).append("nor is this");
    const std::uint32_t at = kRam + kPage - random() % 30, to = kRam + 5 * kPage - random() % 30;
    const std::uint32_t at_twin = put_both(a, at, 0), to_twin = put_both(b, to, 4 * kPage);
    const Outcome plain = call("strcmp", {at, to});
    EXPECT_EQ(sign(plain.result), std::clamp(std::strcmp(a.c_str(), b.c_str()), -1, 1)) << round;
    EXPECT_EQ(call("strcmp", {at_twin, to_twin}), plain) << round;
    const std::uint32_t limit = random() % 50;
    const Outcome limited = call("strncmp", {at, to, limit});
    EXPECT_EQ(sign(limited.result), std::clamp(std::strncmp(a.c_str(), b.c_str(), limit), -1, 1)) << round;
    EXPECT_EQ(call("strncmp", {at_twin, to, limit}), limited) << round;
  }
}

TEST_F(Searches, CharactersInStringsAcrossPages) {
  std::mt19937 random(3);
  for (unsigned round = 0; round < 300; ++round) {
    const std::uint32_t length = random() % (round % 10 == 0 ? 2 * kPage : 40);
    std::string text(length, 0);
    for (char& c : text) c = static_cast<char>(1 + random() % 255);
    const std::uint32_t at = kRam + kPage - random() % 30;
    const std::uint32_t twin = put_both(text + std::string("\0\1\2\3\4\5\6\7", 8), at, 0);
    const auto wanted = static_cast<std::uint8_t>(random());
    const char* first = std::strchr(text.c_str(), wanted);
    const Outcome plain = call("strchr", {at, wanted}), slow = call("strchr", {twin, wanted});
    EXPECT_EQ(plain.result, first ? at + static_cast<std::uint32_t>(first - text.c_str()) : 0) << round;
    EXPECT_EQ(slow.result, first ? plain.result - at + twin : 0) << round;
    EXPECT_EQ(slow.time, plain.time) << round;
    EXPECT_EQ(call("strlen", {at}), call("strlen", {twin})) << round;
    EXPECT_EQ(call("strlen", {at}).result, length) << round;
  }
}

TEST_F(Searches, NothingBehindTheEndIsTouched) {
  machine_.write32(kRamEnd - 4, kAbcd & 0xffffff);
  machine_.put("abx", kRam);
  EXPECT_EQ(call("strlen", {kRamEnd - 4}).result, 3);
  EXPECT_EQ(call("strcmp", {kRamEnd - 4, kRamEnd - 4}).result, 0);
  EXPECT_EQ(call("strchr", {kRamEnd - 4, 'c'}).result, kRamEnd - 2);
  EXPECT_EQ(call("strchr", {kRamEnd - 4, 'z'}).result, 0);
  EXPECT_EQ(sign(call("memcmp", {kRamEnd - 4, kRam, 100}).result), -1);
  EXPECT_EQ(sign(call("strncmp", {kRam, kRamEnd - 4, ~0u}).result), 1);
}

TEST_F(Searches, WhatGoesBeyondTheMemoryIsAFault) {
  machine_.write32(kRamEnd - 4, kAbcd);
  machine_.put("abcd", kRam);
  EXPECT_TRUE(faults("strcmp", {kRamEnd - 4, kRam}));
  EXPECT_EQ(machine_.core().state().excvaddr, kRamEnd);
  EXPECT_EQ(machine_.core().state().epc[1], symbol_address("strcmp"));
}

TEST_F(Searches, AComparisonThatGoesBeyondTheMemoryIsAFault) {
  machine_.write32(kRamEnd - 4, kAbcd);
  machine_.put("abcd", kRam);
  EXPECT_TRUE(faults("memcmp", {kRamEnd - 4, kRam, 5}));
  EXPECT_EQ(machine_.core().state().excvaddr, kRamEnd);
}

}  // namespace
}  // namespace espalier::rom
