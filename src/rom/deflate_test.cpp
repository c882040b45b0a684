// The ROM's compressor. What it makes is read back with the ROM's own decompressor.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::RomMachine;

// Flags and flushes of miniz.h.
constexpr std::uint32_t kZlibHeader = 0x1000, kComputeAdler = 0x2000, kGreedy = 0x4000, kRunsOnly = 0x10000,
                        kFilterShort = 0x20000, kOnlyStatic = 0x40000, kOnlyStored = 0x80000;
constexpr std::uint32_t kNoFlush = 0, kSyncFlush = 2, kFullFlush = 3, kFinish = 4;
constexpr std::uint32_t kOkay = 0, kDone = 1, kPutFailed = ~0u, kBadParameter = ~1u;
// Memory: the state takes 166 KB.
constexpr std::uint32_t kState = 0x3ffcc000, kSizes = 0x3ffb0000, kIn = 0x3ffb0100, kOut = 0x3ffbc000;

class Deflate : public ::testing::Test {
 protected:
  void init(std::uint32_t flags) { EXPECT_EQ(machine_.call("tdefl_init", {kState, 0, 0, flags}), kOkay); }
  // One call; what it has not used of `in` is taken from its front, and what it made is appended to `out`.
  std::uint32_t step(std::string& in, std::string& out, std::uint32_t flush, std::uint32_t room = 0x8000) {
    machine_.put(in.substr(0, 0xb000), kIn);
    machine_.write32(kSizes, static_cast<std::uint32_t>(std::min<std::size_t>(in.size(), 0xb000)));
    machine_.write32(kSizes + 4, room);
    const std::uint32_t status =
        machine_.call("tdefl_compress", {kState, kIn, kSizes, kOut, kSizes + 4, flush});
    in.erase(0, machine_.read32(kSizes));
    out += machine_.bytes(kOut, machine_.read32(kSizes + 4));
    return status;
  }
  std::string compress(std::string in, std::uint32_t flags) {
    init(flags);
    std::string out;
    while (step(in, out, in.size() <= 0xb000 ? kFinish : kNoFlush) == kOkay) {
    }
    EXPECT_EQ(in, "");
    EXPECT_EQ(machine_.call("tdefl_get_prev_return_status", {kState}), kDone);
    return out;
  }
  std::string expand(const std::string& compressed, std::uint32_t flags) {
    constexpr std::uint32_t kTo = kState, kRoom = 0x20000;
    const std::uint32_t from = machine_.put(compressed, kIn);
    const std::uint32_t size = machine_.call(
        "tinfl_decompress_mem_to_mem",
        {kTo, kRoom, from, static_cast<std::uint32_t>(compressed.size()), flags & kZlibHeader ? 1u : 0u});
    return size == ~0u ? "not a compressed text" : machine_.bytes(kTo, size);
  }
  std::string words(std::size_t size) {
    constexpr const char* kWords[] = {"the ",   "quick ", "brown ", "fox ",
                                      "jumps ", "over ",  "lazy ",  "dog.\n"};
    std::string text;
    while (text.size() < size) text += kWords[random_() % 8];
    text.resize(size);
    return text;
  }
  std::string noise(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    return bytes;
  }

  static const Rom& rom() {
    static const Rom rom;
    return rom;
  }
  RomMachine machine_{rom()};
  std::mt19937 random_{3};
};

TEST_F(Deflate, Nothing) {
  EXPECT_EQ(compress("", kZlibHeader), std::string("\x78\x01\x03\x00\x00\x00\x00\x01", 8));
  EXPECT_EQ(compress("", 0), std::string("\x03\x00", 2));
}

TEST_F(Deflate, TextsOfManyKinds) {
  const std::string runs = std::string(1000, 'a') + std::string(5, 'b') + std::string(40000, 'c');
  std::string far = noise(32000);
  far += far.substr(0, 300);
  for (const std::string& text : {std::string("x"), std::string("abc"), words(100), words(70000), noise(1),
                                  noise(50000), runs, far, words(10000) + noise(10000) + words(10000)}) {
    for (const std::uint32_t flags : {0u, 1u, 128u, 128 | kZlibHeader, 4095 | kGreedy, 16 | kRunsOnly,
                                      16 | kFilterShort, 16 | kOnlyStatic, 16 | kOnlyStored | kZlibHeader})
      EXPECT_EQ(expand(compress(text, flags), flags), text) << text.size() << " bytes, flags " << flags;
  }
}

TEST_F(Deflate, IsShort) {
  EXPECT_LT(compress(words(60000), 128).size(), 13000);
  EXPECT_LT(compress(words(60000), 0).size(), 36000);  // no matches: codes of a bit more than four bits
  EXPECT_LT(compress(std::string(60000, 'x'), 1).size(), 150);
  // What cannot be compressed is stored: 5 bytes for each block.
  const std::string random = noise(60000);
  EXPECT_LT(compress(random, 128).size(), random.size() + 5 * 4);
  EXPECT_LT(compress(random, kOnlyStored).size(), random.size() + 5 * 4);
}

TEST_F(Deflate, AnyRoomForTheOutputWillDo) {
  const std::string text = words(5000);
  std::string in = text, out;
  init(64 | kZlibHeader);
  std::uint32_t status = kOkay;
  for (unsigned room = 1; status == kOkay; room = room % 7 + 1) status = step(in, out, kFinish, room);
  EXPECT_EQ(status, kDone);
  EXPECT_EQ(expand(out, kZlibHeader), text);
}

// After a flush all that went in can be read.
TEST_F(Deflate, Flushes) {
  for (const std::uint32_t flush : {kSyncFlush, kFullFlush}) {
    const std::string first = words(3000);
    std::string in = first, out;
    init(64);
    EXPECT_EQ(step(in, out, flush), kOkay);
    EXPECT_EQ(in, "");
    EXPECT_TRUE(out.ends_with(std::string("\0\0\xff\xff", 4)));
    const std::string flushed = out;
    in = first;
    EXPECT_EQ(step(in, out, kFinish), kDone);
    // With an empty last block behind it.
    EXPECT_EQ(expand(flushed + std::string("\x03\x00", 2), 0), first);
    // A full flush forgets what was before it.
    if (flush == kFullFlush) {
      EXPECT_EQ(expand(out.substr(flushed.size()), 0), first);
    } else {
      EXPECT_LT(out.size() - flushed.size(), 200);
    }
  }
}

TEST_F(Deflate, Adler) {
  compress("Wikipedia", kComputeAdler);
  EXPECT_EQ(machine_.call("tdefl_get_adler32", {kState}), 0x11e60398);
  compress("Wikipedia", 0);
  EXPECT_EQ(machine_.call("tdefl_get_adler32", {kState}), 1);
}

TEST_F(Deflate, AFunctionThatTakesTheOutput) {
  const auto program = machine_.program(R"(
    append: entry a1, 32
    l32i a5, a4, 0
    beqz a5, no
    next: l8ui a6, a2, 0
    s8i a6, a5, 0
    addi a2, a2, 1
    addi a5, a5, 1
    addi a3, a3, -1
    bnez a3, next
    s32i a5, a4, 0
    movi.n a2, 1
    retw
    no: movi.n a2, 0
    retw
  )");
  const std::string text = words(30000);
  machine_.put(text, kIn);
  machine_.write32(kSizes, kOut);
  EXPECT_EQ(machine_.call("tdefl_init", {kState, program.at("append"), kSizes, 32 | kZlibHeader}), kOkay);
  EXPECT_EQ(machine_.call("tdefl_compress_buffer", {kState, kIn, 20000, kNoFlush}), kOkay);
  EXPECT_EQ(machine_.call("tdefl_compress_buffer", {kState, kIn + 20000, 10000, kFinish}), kDone);
  EXPECT_EQ(expand(machine_.bytes(kOut, machine_.read32(kSizes) - kOut), kZlibHeader), text);

  machine_.write32(kSizes, 0);  // it refuses
  machine_.call("tdefl_init", {kState, program.at("append"), kSizes, 32});
  EXPECT_EQ(machine_.call("tdefl_compress_buffer", {kState, kIn, 100, kFinish}), kPutFailed);
  EXPECT_EQ(machine_.call("tdefl_get_prev_return_status", {kState}), kPutFailed);
}

TEST_F(Deflate, BadParameters) {
  const auto call = [this](std::vector<std::uint32_t> arguments) {
    init(0);
    machine_.write32(kSizes, 1);
    machine_.write32(kSizes + 4, 1);
    return machine_.call("tdefl_compress", arguments);
  };
  EXPECT_EQ(call({0, kIn, kSizes, kOut, kSizes + 4, kFinish}), kBadParameter);
  EXPECT_EQ(call({kState, 0, kSizes, kOut, kSizes + 4, kFinish}), kBadParameter);
  EXPECT_EQ(call({kState, kIn, kSizes, 0, kSizes + 4, kFinish}), kBadParameter);
  EXPECT_EQ(machine_.read32(kSizes), 0);
  EXPECT_EQ(machine_.read32(kSizes + 4), 0);
  EXPECT_EQ(call({kState, kIn, kSizes, 0, 0, kFinish}), kBadParameter);  // nowhere to put it

  init(0);
  std::string in = "abc", out;
  EXPECT_EQ(step(in, out, kFinish, 1), kOkay);
  EXPECT_EQ(step(in, out, kNoFlush), kBadParameter);  // it is to finish already
}

}  // namespace
}  // namespace espalier::rom
