#include "devices/sha.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Algorithm {
  const char* name;
  std::uint32_t registers;  // START, CONTINUE, LOAD, BUSY
  std::size_t block, digest;
  const EVP_MD* (*reference)();
};
const Algorithm kAlgorithms[] = {{"SHA-1", 0x80, 64, 20, EVP_sha1},
                                 {"SHA-256", 0x90, 64, 32, EVP_sha256},
                                 {"SHA-384", 0xa0, 128, 48, EVP_sha384},
                                 {"SHA-512", 0xb0, 128, 64, EVP_sha512}};

// FIPS 180-4's padding, which software does.
Bytes padded(const std::string& message, std::size_t block) {
  Bytes bytes(message.begin(), message.end());
  bytes.push_back(0x80);
  // The length has as many bits as the block has bytes; its upper half is zero.
  while (bytes.size() % block != block - block / 8) bytes.push_back(0);
  bytes.resize(bytes.size() + block / 8 - 8);
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(std::uint64_t{message.size()} * 8 >> shift));
  }
  return bytes;
}

std::string hex(const Bytes& bytes) {
  std::string text;
  for (const std::uint8_t b : bytes) text += fmt::format("{:02x}", b);
  return text;
}

class ShaTest : public ::testing::Test {
 protected:
  void block(const Algorithm& a, const std::uint8_t* bytes, bool first) {
    for (std::uint32_t i = 0; i < a.block; i += 4) {
      sha_.write(i, std::uint32_t{bytes[i]} << 24 | bytes[i + 1] << 16 | bytes[i + 2] << 8 | bytes[i + 3]);
    }
    sha_.write(a.registers + (first ? 0 : 4), 1);
    EXPECT_EQ(sha_.read(a.registers + 12), 0u);
  }
  Bytes load(const Algorithm& a) {
    sha_.write(a.registers + 8, 1);
    Bytes bytes;
    for (std::uint32_t i = 0; i < a.digest; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(sha_.read(i & ~3u) >> (24 - i % 4 * 8)));
    }
    return bytes;
  }
  Bytes hash(const Algorithm& a, const std::string& message) {
    const Bytes bytes = padded(message, a.block);
    for (std::size_t at = 0; at < bytes.size(); at += a.block) block(a, &bytes[at], at == 0);
    return load(a);
  }

  testing::Bench bench_;
  Sha sha_{bench_.context()};
};

TEST_F(ShaTest, KnownVectors) {
  EXPECT_EQ(hex(hash(kAlgorithms[0], "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(hash(kAlgorithms[1], "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hash(kAlgorithms[2], "abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(hex(hash(kAlgorithms[3], "abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex(hash(kAlgorithms[1], "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_F(ShaTest, MessagesOfSeveralBlocks) {
  for (const Algorithm& a : kAlgorithms) {
    for (const std::size_t n : {0u, 55u, 56u, 64u, 111u, 112u, 1000u}) {
      std::string message(n, 'x');
      for (std::size_t i = 0; i < n; ++i) message[i] = static_cast<char>(i * 31);
      Bytes expected(a.digest);
      ASSERT_EQ(EVP_Digest(message.data(), n, expected.data(), nullptr, a.reference(), nullptr), 1);
      EXPECT_EQ(hash(a, message), expected) << a.name << " of " << n << " bytes";
    }
  }
}

// ESP-IDF runs SHA-1, SHA-256 and SHA-512 side by side: each engine has its own state.
TEST_F(ShaTest, EnginesDoNotDisturbEachOther) {
  std::vector<Bytes> messages;
  const std::string text(200, 'q');
  for (const Algorithm* a : {&kAlgorithms[0], &kAlgorithms[1], &kAlgorithms[3]}) {
    messages.push_back(padded(text, a->block));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    std::size_t m = 0;
    for (const Algorithm* a : {&kAlgorithms[0], &kAlgorithms[1], &kAlgorithms[3]}) {
      if (i * a->block < messages[m].size()) block(*a, &messages[m][i * a->block], i == 0);
      ++m;
    }
  }
  for (const Algorithm* a : {&kAlgorithms[0], &kAlgorithms[1], &kAlgorithms[3]}) {
    Bytes expected(a->digest);
    EVP_Digest(text.data(), text.size(), expected.data(), nullptr, a->reference(), nullptr);
    EXPECT_EQ(load(*a), expected) << a->name;
  }
}

TEST_F(ShaTest, AnIntermediateResultCanBeLoaded) {
  const Bytes bytes = padded(std::string(100, 'z'), 64);
  block(kAlgorithms[1], &bytes[0], true);
  const Bytes first = load(kAlgorithms[1]);
  block(kAlgorithms[1], &bytes[64], false);
  const Bytes second = load(kAlgorithms[1]);
  EXPECT_NE(first, second);
  const std::string text(100, 'z');
  Bytes expected(32);
  EVP_Digest(text.data(), text.size(), expected.data(), nullptr, EVP_sha256(), nullptr);
  EXPECT_EQ(second, expected);
}

TEST_F(ShaTest, TextReadsBackAndZeroStartsNothing) {
  sha_.write(0x7c, 0x12345678);
  EXPECT_EQ(sha_.read(0x7c), 0x12345678u);
  sha_.write(0x90, 0);
  sha_.write(0x9c, 1);
  EXPECT_EQ(sha_.read(0x90), 0u);
  sha_.write(0x98, 1);
  EXPECT_EQ(sha_.read(0), 0u);  // nothing hashed since reset
  sha_.reset(ResetKind::kCore);
  EXPECT_EQ(sha_.read(0x7c), 0u);
}

TEST_F(ShaTest, ArchiveInTheMiddleOfAMessage) {
  const std::string text(300, 'm');
  for (const Algorithm& a : kAlgorithms) {
    const Bytes bytes = padded(text, a.block);
    block(a, &bytes[0], true);
    auto out = base::Archive::saving();
    sha_.archive(out);
    sha_.reset(ResetKind::kCore);
    auto in = base::Archive::loading(out.bytes());
    sha_.archive(in);
    EXPECT_TRUE(in.at_end());
    for (std::size_t at = a.block; at < bytes.size(); at += a.block) block(a, &bytes[at], false);
    Bytes expected(a.digest);
    EVP_Digest(text.data(), text.size(), expected.data(), nullptr, a.reference(), nullptr);
    EXPECT_EQ(load(a), expected) << a.name;
  }
}

}  // namespace
}  // namespace espalier::devices
