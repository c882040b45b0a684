// The ROM's wrappers of the SHA, AES and RSA accelerators, on the accelerators' models; and secure boot,
// which needs them.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include "devices/aes.h"
#include "devices/device_test_support.h"
#include "devices/rsa.h"
#include "devices/sha.h"
#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::kScratch;
using testing::RomMachine;

constexpr std::uint32_t DPORT_PERI_CLK_EN_REG = 0x3ff0001c, DPORT_PERI_RST_EN_REG = 0x3ff00020;
constexpr std::uint32_t kSha256 = 1;

std::string digest(const EVP_MD* algorithm, std::string_view data) {
  std::string result(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(result.data()), &size, algorithm,
             nullptr);
  result.resize(size);
  return result;
}
std::string sha256(std::string_view data) {
  return digest(EVP_sha256(), data);
}

class Crypto : public ::testing::Test {
 protected:
  Crypto() {
    machine_.on_read = [this](std::uint32_t address, std::uint32_t& value) {
      devices::Device* device = find(address);
      if (device) value = device->read(address & 0xfff);
      return device != nullptr;
    };
    machine_.on_write = [this](std::uint32_t address, std::uint32_t value) {
      if (devices::Device* device = find(address)) device->write(address & 0xfff, value);
    };
  }
  devices::Device* find(std::uint32_t address) {
    switch (address >> 12) {
      case 0x3ff01:
        return &aes_;
      case 0x3ff02:
        return &rsa_;
      case 0x3ff03:
        return &sha_;
      default:
        return nullptr;
    }
  }
  std::string random(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    return bytes;
  }

  static const Rom& rom() {
    static const Rom rom;
    return rom;
  }
  RomMachine machine_{rom()};
  devices::testing::Bench bench_;
  devices::Aes aes_{bench_.context()};
  devices::Rsa rsa_{bench_.context()};
  devices::Sha sha_{bench_.context()};
  std::mt19937 random_{7};
};

// --- SHA ---
struct Algorithm {
  std::uint32_t type;  // as ets_sha_update() numbers them
  const EVP_MD* (*reference)();
};
class Sha : public Crypto, public ::testing::WithParamInterface<Algorithm> {};

TEST_P(Sha, MessagesInOneAndInSeveralPieces) {
  const std::uint32_t context = machine_.reserve(32), result = machine_.reserve(64);
  for (const std::size_t size : {0, 1, 3, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 300}) {
    const std::string message = random(size);
    const std::uint32_t data = machine_.put(message, kScratch + 0x1000);
    const std::string expected = digest(GetParam().reference(), message);
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{7}, std::size_t{64}}) {
      machine_.call("ets_sha_enable");
      machine_.call("ets_sha_init", {context});
      for (std::size_t at = 0; at < size; at += piece)
        machine_.call("ets_sha_update", {context, GetParam().type, static_cast<std::uint32_t>(data + at),
                                         static_cast<std::uint32_t>(8 * std::min(piece, size - at))});
      machine_.call("ets_sha_finish", {context, GetParam().type, result});
      EXPECT_EQ(machine_.bytes(result, static_cast<std::uint32_t>(expected.size())), expected)
          << size << " bytes in pieces of " << piece;
      machine_.call("ets_sha_disable");
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Crypto, Sha,
                         ::testing::Values(Algorithm{0, EVP_sha1}, Algorithm{1, EVP_sha256},
                                           Algorithm{2, EVP_sha384}, Algorithm{3, EVP_sha512}));

// Lengths are in bits: FIPS 180-4's padding after 5 bits ("01101") of SHA-1, from NIST's bit-oriented
// vectors.
TEST_F(Crypto, ShaOfSingleBits) {
  const std::uint32_t context = machine_.reserve(32), result = machine_.reserve(64),
                      data = machine_.put("\x68");
  machine_.call("ets_sha_init", {context});
  machine_.call("ets_sha_update", {context, kSha256, data, 5});
  machine_.call("ets_sha_finish", {context, kSha256, result});
  EXPECT_EQ(machine_.bytes(result, 4), "\xd6\xd3\xe0\x2a");
}

TEST_F(Crypto, ClocksAndResets) {
  machine_.registers[DPORT_PERI_RST_EN_REG] = 0x1f;
  machine_.call("ets_sha_enable");
  EXPECT_EQ(machine_.registers[DPORT_PERI_CLK_EN_REG], 2);
  EXPECT_EQ(machine_.registers[DPORT_PERI_RST_EN_REG], 0x15);
  machine_.call("ets_sha_disable");
  EXPECT_EQ(machine_.registers[DPORT_PERI_CLK_EN_REG], 0);
  EXPECT_EQ(machine_.registers[DPORT_PERI_RST_EN_REG], 0x1f);
  machine_.call("ets_aes_enable");
  EXPECT_EQ(machine_.registers[DPORT_PERI_CLK_EN_REG], 1);
  EXPECT_EQ(machine_.registers[DPORT_PERI_RST_EN_REG], 0x06);
}

// --- AES ---
TEST_F(Crypto, AesOfEveryKeySize) {
  const EVP_CIPHER* ciphers[] = {EVP_aes_128_ecb(), EVP_aes_192_ecb(), EVP_aes_256_ecb()};
  for (std::uint32_t size = 0; size < 3; ++size) {
    const std::string key = random(16 + 8 * size), text = random(16);
    std::string expected(32, '\0');
    int length = 0;
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    EVP_EncryptInit_ex(context.get(), ciphers[size], nullptr,
                       reinterpret_cast<const unsigned char*>(key.data()), nullptr);
    EVP_EncryptUpdate(context.get(), reinterpret_cast<unsigned char*>(expected.data()), &length,
                      reinterpret_cast<const unsigned char*>(text.data()), 16);
    expected.resize(16);

    const std::uint32_t key_at = machine_.put(key), from = machine_.put(text), to = machine_.reserve(16);
    const std::uint32_t back = machine_.reserve(16);
    machine_.call("ets_aes_enable");
    machine_.call("ets_aes_set_endian", {0, 0, 0, 0, 0, 0});
    EXPECT_EQ(machine_.call("ets_aes_setkey_enc", {key_at, size}), 1);
    machine_.call("ets_aes_crypt", {from, to});
    EXPECT_EQ(machine_.bytes(to, 16), expected);
    EXPECT_EQ(machine_.call("ets_aes_setkey_dec", {key_at, size}), 1);
    machine_.call("ets_aes_crypt", {to, back});
    EXPECT_EQ(machine_.bytes(back, 16), text);
    machine_.call("ets_aes_disable");
  }
  EXPECT_EQ(machine_.call("ets_aes_setkey_enc", {kScratch, 3}), 0);
  EXPECT_EQ(machine_.call("ets_aes_setkey_dec", {0, 0}), 0);
}

// --- RSA ---
struct Free {
  void operator()(BIGNUM* n) const { BN_free(n); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using Number = std::unique_ptr<BIGNUM, Free>;

Number number() {
  return Number(BN_new());
}
Number from_bytes(const std::string& little_endian) {
  return Number(BN_lebin2bn(reinterpret_cast<const unsigned char*>(little_endian.data()),
                            static_cast<int>(little_endian.size()), nullptr));
}
Number from_hex(const char* hex) {
  BIGNUM* n = nullptr;
  BN_hex2bn(&n, hex);
  return Number(n);
}
std::string to_bytes(const Number& n, std::size_t size) {
  std::string bytes(size, '\0');
  EXPECT_GE(BN_bn2lebinpad(n.get(), reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)),
            0);
  return bytes;
}

// A modulus with what the accelerator wants to know of it.
struct Modulus {
  explicit Modulus(Number n, std::size_t size) : value(std::move(n)), bytes(to_bytes(value, size)) {
    Number r = number();
    BN_set_bit(r.get(), static_cast<int>(16 * size));
    Number remainder = number();
    BN_mod(remainder.get(), r.get(), value.get(), context.get());
    r_squared = to_bytes(remainder, size);
    std::uint32_t low = 0;
    std::memcpy(&low, bytes.data(), 4);
    std::uint32_t inverse = 1;
    for (int i = 0; i < 5; ++i) inverse *= 2 - low * inverse;
    m_dash = 0 - inverse;
  }
  std::unique_ptr<BN_CTX, Free> context{BN_CTX_new()};
  Number value;
  std::string bytes, r_squared;
  std::uint32_t m_dash = 0;
};

class Rsa : public Crypto, public ::testing::WithParamInterface<std::uint32_t> {
 protected:
  std::uint32_t bits() const { return GetParam(); }
  std::size_t size() const { return GetParam() / 8; }
  Modulus make_modulus() {
    std::string m = random(size());
    m.front() |= 1;
    m.back() |= '\x80';
    return Modulus(from_bytes(m), size());
  }
};

TEST_P(Rsa, ModularPower) {
  const Modulus m = make_modulus();
  const std::string x = random(size() - 1) + '\0',
                    y = std::string("\1\0\1", 3) + std::string(size() - 3, '\0');
  Number expected = number();
  BN_mod_exp(expected.get(), from_bytes(x).get(), from_bytes(y).get(), m.value.get(), m.context.get());
  const std::uint32_t z = machine_.reserve(512);
  machine_.call("ets_bigint_enable");
  EXPECT_EQ(
      machine_.call("ets_bigint_mod_power_prepare", {machine_.put(x), machine_.put(y), machine_.put(m.bytes),
                                                     m.m_dash, machine_.put(m.r_squared), bits(), 0}),
      1);
  EXPECT_EQ(machine_.call("ets_bigint_mod_power_getz", {z, bits()}), 1);
  EXPECT_EQ(machine_.bytes(z, static_cast<std::uint32_t>(size())), to_bytes(expected, size()));
  machine_.call("ets_bigint_disable");
}

TEST_P(Rsa, ModularProduct) {
  const Modulus m = make_modulus();
  const std::string x = random(size() - 1) + '\0', y = random(size() - 1) + '\0';
  Number expected = number();
  BN_mod_mul(expected.get(), from_bytes(x).get(), from_bytes(y).get(), m.value.get(), m.context.get());
  const std::uint32_t z = machine_.reserve(512), m_at = machine_.put(m.bytes);
  machine_.call("ets_bigint_enable");
  EXPECT_EQ(machine_.call("ets_bigint_mod_mult_prepare", {machine_.put(x), machine_.put(y), m_at, m.m_dash,
                                                          machine_.put(m.r_squared), bits(), 0}),
            1);
  EXPECT_EQ(machine_.call("ets_bigint_mod_mult_getz", {m_at, z, bits()}), 1);
  EXPECT_EQ(machine_.bytes(z, static_cast<std::uint32_t>(size())), to_bytes(expected, size()));
}

TEST_P(Rsa, Product) {
  if (bits() > 2048) {
    EXPECT_EQ(machine_.call("ets_bigint_mult_prepare", {kScratch, kScratch, bits()}), 0);
    return;
  }
  const std::string x = random(size()), y = random(size());
  Number expected = number();
  const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
  BN_mul(expected.get(), from_bytes(x).get(), from_bytes(y).get(), context.get());
  const std::uint32_t z = machine_.reserve(512);
  machine_.call("ets_bigint_enable");
  EXPECT_EQ(machine_.call("ets_bigint_mult_prepare", {machine_.put(x), machine_.put(y), bits()}), 1);
  EXPECT_EQ(machine_.call("ets_bigint_mult_getz", {z, bits()}), 1);
  EXPECT_EQ(machine_.bytes(z, static_cast<std::uint32_t>(2 * size())), to_bytes(expected, 2 * size()));
}
INSTANTIATE_TEST_SUITE_P(Crypto, Rsa, ::testing::Values(512, 1024, 2048, 4096));

TEST_F(Crypto, RsaRefusesOtherLengths) {
  for (const std::uint32_t bits : {0, 511, 768, 4608})
    EXPECT_EQ(
        machine_.call("ets_bigint_mod_power_prepare", {kScratch, kScratch, kScratch, 0, kScratch, bits, 0}),
        0);
  EXPECT_EQ(machine_.call("ets_bigint_mod_power_prepare", {0, kScratch, kScratch, 0, kScratch, 512, 0}), 0);
}

// --- RSA-PSS and secure boot ---

// Two primes of 1536 bits, made for this test.
constexpr const char* kP =
    "F1E6D96871D648E5F4EB9C42E331702E93A6FCE994D33A1E9AD0AD6C9BFDC75D7F47832F4789240F7E221CED5396018F8CB39935"
    "5"
    "5F6801A4115F4BFF9D038B899C93C75E4C7975B84A744AFE95B00F1530AEFCD43C3D98382B27381B06F4E1966327CFA488F89A25"
    "1"
    "B6307744FA96910DE013E4A07B2C8DD2236895A3607B0890890ACD0A335778B0EB6948291D6FC9DA017B7D663755F068E051B669"
    "4"
    "8909A88A7469FF367221988D47872EE3C2ECCD44D01CA93CA9F084565B7896634C987";
constexpr const char* kQ =
    "ED3C6336DFED00444243319B49EA3BFED07A70E01E9FF681AFA25E49DC6AD15750A10BAA18F9A1B4849771BE80F299BE45188CDE"
    "8"
    "C60D0B61220615EC2E0DC5FFA46AC8CD104FADC5A17AD06211B1031580AD6057184DF7F2C4260D464754CCFD68FC355C2E570D0D"
    "3"
    "A229D5F1AA5CCB3EE8AB0DFFE26CD1CD46397651AEEF39308FF42875FBB959EBBC22DF54C58C2FF318FB6F2CE08F1EC3EEFED638"
    "3"
    "67558FCA24B8EE496917FB8AEE3C85069487BB72E61987BD4413CD4D34C69D1FBC0EB";
constexpr std::size_t kKeySize = 384;
constexpr std::uint32_t kExponent = 65537, kSuccess = 0x3a5a5aa5, kFailure = 0xa533885a;

void put32(std::string& to, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint32_t crc32(std::string_view data) {
  std::uint32_t crc = ~0u;
  for (const char c : data) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

std::string mgf1(const std::string& seed, std::size_t size) {
  std::string mask;
  for (std::uint8_t i = 0; mask.size() < size; ++i)
    mask += sha256(seed + std::string(3, '\0') + static_cast<char>(i));
  return mask.substr(0, size);
}

class SecureBoot : public Crypto {
 protected:
  SecureBoot() : modulus_(product(), kKeySize) {
    key_ = modulus_.bytes;
    put32(key_, kExponent);
    key_ += modulus_.r_squared;
    put32(key_, modulus_.m_dash);
  }
  static Number product() {
    const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
    Number n = number();
    BN_mul(n.get(), from_hex(kP).get(), from_hex(kQ).get(), context.get());
    return n;
  }

  // EMSA-PSS-ENCODE of RFC 8017, and the key's power: little endian, as in a signature block.
  std::string encode(const std::string& message_digest) {
    const std::string salt = random(32);
    const std::string h = sha256(std::string(8, '\0') + message_digest + salt);
    std::string db = std::string(kKeySize - 32 - 32 - 2, '\0') + '\1' + salt;
    const std::string mask = mgf1(h, db.size());
    for (std::size_t i = 0; i < db.size(); ++i) db[i] = static_cast<char>(db[i] ^ mask[i]);
    db[0] &= 0x7f;
    return db + h + '\xbc';
  }
  std::string sign(const std::string& message_digest) {
    std::string encoded = encode(message_digest);
    std::ranges::reverse(encoded);
    const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
    Number p = from_hex(kP), q = from_hex(kQ), phi = number(), d = number(), e = number(), s = number();
    BN_sub_word(p.get(), 1);
    BN_sub_word(q.get(), 1);
    BN_mul(phi.get(), p.get(), q.get(), context.get());
    BN_set_word(e.get(), kExponent);
    BN_mod_inverse(d.get(), e.get(), phi.get(), context.get());
    BN_mod_exp(s.get(), from_bytes(encoded).get(), d.get(), modulus_.value.get(), context.get());
    return to_bytes(s, kKeySize);
  }
  // A signature block of ESP-IDF's format.
  std::string block(const std::string& image_digest) {
    std::string block = std::string("\xe7\x02\0\0", 4) + image_digest + key_ + sign(image_digest);
    put32(block, crc32(block));
    return block + std::string(16, '\0');
  }
  std::uint32_t verify(const std::string& blocks, const std::string& image_digest,
                       const std::string& trusted) {
    machine_.console.clear();
    const std::string sector = blocks + std::string(4096 - blocks.size(), '\xff');
    return machine_.call(
        "ets_secure_boot_verify_signature",
        {machine_.put(sector, kScratch + 0x2000), machine_.put(image_digest, kScratch + 0x1000),
         machine_.put(trusted, kScratch + 0x1100), kVerified});
  }

  static constexpr std::uint32_t kVerified = kScratch + 0x1200;
  Modulus modulus_;
  std::string key_;
  std::string digest_ = sha256("an image");
};

TEST_F(SecureBoot, Mgf1) {
  for (const std::uint32_t size : {1, 32, 33, 351}) {
    const std::uint32_t mask = machine_.reserve(size + 4);
    machine_.write32(mask + size / 4 * 4, 0);
    machine_.call("ets_mgf1_sha256", {machine_.put("the seed"), 8, size, mask});
    EXPECT_EQ(machine_.bytes(mask, size), mgf1("the seed", size));
  }
}

TEST_F(SecureBoot, AnEncodedMessage) {
  const std::string encoded = encode(digest_);
  const std::uint32_t at = machine_.put(encoded), digest_at = machine_.put(digest_);
  EXPECT_EQ(machine_.call("ets_emsa_pss_verify", {at, digest_at, kVerified}), 1);
  EXPECT_EQ(machine_.bytes(kVerified, 32), digest_);
  // Anything else in it is refused.
  for (const std::size_t i : {std::size_t{0}, std::size_t{5}, std::size_t{317}, std::size_t{318},
                              std::size_t{350}, std::size_t{351}, std::size_t{382}, std::size_t{383}}) {
    std::string bad = encoded;
    bad[i] = static_cast<char>(bad[i] ^ (i == 0 ? 0x80 : 1));
    machine_.put(bad, at);
    EXPECT_EQ(machine_.call("ets_emsa_pss_verify", {at, digest_at, kVerified}), 0) << i;
  }
  machine_.put(encoded, at);
  EXPECT_EQ(machine_.call("ets_emsa_pss_verify", {at, machine_.put(sha256("another")), kVerified}), 0);
}

TEST_F(SecureBoot, ASignature) {
  machine_.initialise();
  EXPECT_EQ(verify(block(digest_), digest_, sha256(key_)), kSuccess);
  EXPECT_EQ(machine_.bytes(kVerified, 32), digest_);
  EXPECT_EQ(machine_.console, "");
}

TEST_F(SecureBoot, OneValidBlockIsEnough) {
  machine_.initialise();
  const std::string good = block(digest_);
  std::string bad = good;
  bad[100] = static_cast<char>(bad[100] ^ 1);
  EXPECT_EQ(verify(bad + bad + good, digest_, sha256(key_)), kSuccess);
  EXPECT_NE(machine_.console.find("Sig block 1 invalid: Stored CRC 0x"), std::string::npos)
      << machine_.console;
}

TEST_F(SecureBoot, WhatIsWrongIsSaid) {
  machine_.initialise();
  const std::string good = block(digest_), trusted = sha256(key_);
  EXPECT_EQ(verify(std::string(16, '\xff'), digest_, trusted), kFailure);
  EXPECT_EQ(machine_.console,
            "No signature block magic byte found at signature sector (found 0xff not 0xe7). Image not V2 "
            "signed?\r\n");
  EXPECT_EQ(verify(good, sha256("another"), trusted), kFailure);
  EXPECT_EQ(machine_.console, "Sig block 0 invalid: Image digest does not match\r\n");
  EXPECT_EQ(verify(good, digest_, sha256("another key")), kFailure);
  EXPECT_EQ(machine_.console, "Sig block 0 signed with untrusted key\r\n");

  std::string forged = good;
  forged[36 + 776] = static_cast<char>(forged[36 + 776] ^ 1);  // in the signature
  std::string crc;
  put32(crc, crc32(std::string_view(forged).substr(0, 1196)));
  forged.replace(1196, 4, crc);
  EXPECT_EQ(verify(forged, digest_, trusted), kFailure);
  EXPECT_EQ(machine_.console, "Signature Check Failed\r\nSig block 0 signature verification failed\r\n");
}

// A bootloader that is signed, booted by a chip that asks for it.
class SignedBoot : public SecureBoot {
 protected:
  static constexpr std::uint32_t kEntry = 0x40081000;
  SignedBoot() {
    machine_.registers[0x3ff5a00c] = 1 << 15;  // revision 3
    machine_.registers[0x3ff5a014] = 1 << 20;
    machine_.registers[0x3ff5a018] = 1 << 5;  // ABS_DONE_1
    const std::string trusted = sha256(key_);
    for (unsigned i = 0; i < 8; ++i) std::memcpy(&machine_.registers[0x3ff5a058 + 4 * i], &trusted[4 * i], 4);

    std::string image = {'\xe9', 1, 2, 0x20};
    put32(image, kEntry);
    image += '\xee';
    image.resize(24, '\0');
    put32(image, kEntry);
    put32(image, 4);
    const auto program = xtensa::testing::assemble("loop: j loop; .align 4", kEntry);
    image.append(program.bytes.begin(), program.bytes.end());
    image.resize(image.size() / 16 * 16 + 15, '\0');
    image.push_back('\0');
    image += sha256(image);
    image.resize(4096, '\xff');
    flash(image + block(sha256(image)));
  }
  void flash(const std::string& image) { std::ranges::copy(image, machine_.flash.begin() + 0x1000); }
};

TEST_F(SignedBoot, Goes) {
  const std::string shown = machine_.boot("entry 0x40081000\r\n", 30'000'000);
  EXPECT_TRUE(shown.ends_with(
      "mode:2, clock div:2\r\nsecure boot v2 enabled\r\nsecure boot verification succeeded\r\n"
      "load:0x40081000 len:0x4\r\nentry 0x40081000\r\n"))
      << shown;
  machine_.core().run(10'000);
  EXPECT_EQ(machine_.core().state().pc, kEntry);
}

TEST_F(SignedBoot, StopsIfTheImageIsNotTheOneThatWasSigned) {
  machine_.flash[0x1000 + 32] ^= 1;
  const std::string shown = machine_.boot("verification failed\r\n", 30'000'000);
  EXPECT_TRUE(
      shown.ends_with("secure boot v2 enabled\r\nSig block 0 invalid: Image digest does not match\r\n"
                      "secure boot verification failed\r\n"))
      << shown;
}

TEST_F(SignedBoot, StopsIfTheImageIsTooLarge) {
  machine_.flash[0x1000 + 24 + 6] = 1;  // 64 KiB more
  const std::string shown = machine_.boot("74 \r\n", 30'000'000);
  EXPECT_TRUE(
      shown.ends_with("secure boot v2 enabled\r\nBootloader is too large for 48KB staging area.\r\n"
                      "ets_secure_boot_v2.c 74 \r\n"))
      << shown;
}

TEST_F(SignedBoot, StopsAtASegmentThatIsNotInWords) {
  machine_.flash[0x1000 + 24] ^= 2;
  const std::string shown = machine_.boot("74 \r\n", 30'000'000);
  EXPECT_TRUE(shown.ends_with("Invalid image block, can't verify.\r\nets_secure_boot_v2.c 74 \r\n")) << shown;
}

}  // namespace
}  // namespace espalier::rom
