#include "devices/aes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t START = 0x00, IDLE = 0x04, MODE = 0x08, KEY = 0x10, TEXT = 0x30, ENDIAN = 0x40;
using Bytes = std::vector<std::uint8_t>;

// FIPS 197, appendix C: the same plain text under keys 00, 01, 02, ... of three lengths.
const Bytes kPlain = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                      0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
const Bytes kCipher[] = {
    {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a},
    {0xdd, 0xa9, 0x7c, 0xa4, 0x86, 0x4c, 0xdf, 0xe0, 0x6e, 0xaf, 0x70, 0xa0, 0xec, 0x0d, 0x71, 0x91},
    {0x8e, 0xa2, 0xb7, 0xca, 0x51, 0x67, 0x45, 0xbf, 0xea, 0xfc, 0x49, 0x90, 0x4b, 0x49, 0x60, 0x89}};

Bytes key_of(std::size_t bytes) {
  Bytes key(bytes);
  for (std::size_t i = 0; i < bytes; ++i) key[i] = static_cast<std::uint8_t>(i);
  return key;
}

class AesTest : public ::testing::Test {
 protected:
  // As ESP-IDF's aes_ll.h: words in memory order.
  void put(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 4) {
      aes_.write(offset + static_cast<std::uint32_t>(i),
                 bytes[i] | bytes[i + 1] << 8 | bytes[i + 2] << 16 | std::uint32_t{bytes[i + 3]} << 24);
    }
  }
  Bytes text() {
    Bytes bytes;
    for (std::uint32_t i = 0; i < 16; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(aes_.read(TEXT + (i & ~3u)) >> i % 4 * 8));
    }
    return bytes;
  }
  Bytes run(unsigned mode, const Bytes& key, const Bytes& block) {
    put(KEY, key);
    aes_.write(MODE, mode);
    put(TEXT, block);
    aes_.write(START, 1);
    EXPECT_EQ(aes_.read(IDLE), 1u);
    return text();
  }

  testing::Bench bench_;
  Aes aes_{bench_.context()};
};

TEST_F(AesTest, KnownVectors) {
  for (unsigned size = 0; size < 3; ++size) {
    const Bytes key = key_of(16 + size * 8);
    EXPECT_EQ(run(size, key, kPlain), kCipher[size]);
    EXPECT_EQ(run(4 + size, key, kCipher[size]), kPlain);
  }
}

TEST_F(AesTest, TheKeyStaysForMoreBlocks) {
  EXPECT_EQ(run(0, key_of(16), kPlain), kCipher[0]);
  put(TEXT, kPlain);
  aes_.write(START, 1);
  EXPECT_EQ(text(), kCipher[0]);
  aes_.write(KEY, 0);
  put(TEXT, kPlain);
  aes_.write(START, 1);
  EXPECT_NE(text(), kCipher[0]);
}

TEST_F(AesTest, ByteOrders) {
  EXPECT_EQ(aes_.read(ENDIAN), 0x3fu);
  // Everything turned round: the first byte is the highest of the last word.
  aes_.write(ENDIAN, 0);
  Bytes key = key_of(16), block = kPlain, result = kCipher[0];
  std::ranges::reverse(key);
  std::ranges::reverse(block);
  std::ranges::reverse(result);
  EXPECT_EQ(run(0, key, block), result);
  // Bytes in a word turned round, words not; for the text in, then for the text out.
  const auto swap_words = [](Bytes bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 4) std::reverse(bytes.begin() + i, bytes.begin() + i + 4);
    return bytes;
  };
  aes_.write(ENDIAN, 0x3f & ~0x04);
  EXPECT_EQ(run(0, key_of(16), swap_words(kPlain)), kCipher[0]);
  aes_.write(ENDIAN, 0x3f & ~0x10);
  EXPECT_EQ(run(0, key_of(16), kPlain), swap_words(kCipher[0]));
  aes_.write(ENDIAN, 0x3f & ~0x01);
  EXPECT_EQ(run(1, swap_words(key_of(24)), kPlain), kCipher[1]);
}

TEST_F(AesTest, RegistersReadBackAndReset) {
  put(KEY, key_of(32));
  aes_.write(MODE, 6);
  EXPECT_EQ(aes_.read(KEY + 28), 0x1f1e1d1cu);
  EXPECT_EQ(aes_.read(MODE), 6u);
  EXPECT_EQ(aes_.read(START), 0u);
  aes_.reset(ResetKind::kCore);
  EXPECT_EQ(aes_.read(KEY + 28), 0u);
  EXPECT_EQ(aes_.read(MODE), 0u);
  EXPECT_EQ(aes_.read(ENDIAN), 0x3fu);
}

TEST_F(AesTest, ArchiveKeepsTheKey) {
  run(2, key_of(32), kPlain);
  auto out = base::Archive::saving();
  aes_.archive(out);
  run(0, key_of(16), kPlain);
  auto in = base::Archive::loading(out.bytes());
  aes_.archive(in);
  EXPECT_TRUE(in.at_end());
  put(TEXT, kPlain);
  aes_.write(START, 1);
  EXPECT_EQ(text(), kCipher[2]);
}

}  // namespace
}  // namespace espalier::devices
