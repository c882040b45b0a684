#include "devices/rsa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>

#include <memory>
#include <random>
#include <vector>

#include "devices/device_test_support.h"

namespace espalier::devices {
namespace {

using ::testing::Each;

constexpr std::uint32_t M = 0x000, Z = 0x200, Y = 0x400, X = 0x600, M_PRIME = 0x800, MODEXP_MODE = 0x804,
                        MODEXP_START = 0x808, MULT_MODE = 0x80c, MULT_START = 0x810, INTERRUPT = 0x814,
                        CLEAN = 0x818;
using Words = std::vector<std::uint32_t>;

struct Free {
  void operator()(BIGNUM* n) const { BN_free(n); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using BigNumber = std::unique_ptr<BIGNUM, Free>;

BigNumber big(const Words& words) {
  return BigNumber(BN_lebin2bn(reinterpret_cast<const unsigned char*>(words.data()),
                               static_cast<int>(words.size() * 4), nullptr));
}
Words words_of(const BIGNUM* n, std::size_t count) {
  Words words(count);
  EXPECT_GE(BN_bn2lebinpad(n, reinterpret_cast<unsigned char*>(words.data()), static_cast<int>(count * 4)),
            0);
  return words;
}

class RsaTest : public ::testing::Test {
 protected:
  Words random(std::size_t n) {
    Words words(n);
    for (auto& w : words) w = random_();
    return words;
  }
  Words odd(std::size_t n) {
    Words words = random(n);
    words.front() |= 1;
    words.back() |= 0x80000000;
    return words;
  }
  void put(std::uint32_t offset, const Words& words) {
    for (std::uint32_t i = 0; i < words.size(); ++i) rsa_.write(offset + i * 4, words[i]);
  }
  Words get(std::uint32_t offset, std::size_t n) {
    Words words(n);
    for (std::uint32_t i = 0; i < n; ++i) words[i] = rsa_.read(offset + i * 4);
    return words;
  }
  void start(std::uint32_t offset) {
    rsa_.write(INTERRUPT, 1);
    EXPECT_EQ(rsa_.read(INTERRUPT), 0u);
    rsa_.write(offset, 1);
    EXPECT_EQ(rsa_.read(INTERRUPT), 1u);
    EXPECT_TRUE(rsa_.interrupt.level());
    rsa_.write(INTERRUPT, 1);
    EXPECT_FALSE(rsa_.interrupt.level());
  }
  // -1 / m mod 2^32, by Newton's iteration.
  static std::uint32_t m_prime(std::uint32_t m) {
    std::uint32_t inverse = m;
    for (int i = 0; i < 5; ++i) inverse *= 2 - m * inverse;
    return 0 - inverse;
  }
  // R^2 mod m for R = 2^(32 n).
  Words r_squared(const Words& m) {
    BigNumber r(BN_new());
    BN_set_bit(r.get(), static_cast<int>(m.size() * 64));
    BigNumber result(BN_new());
    BN_mod(result.get(), r.get(), big(m).get(), context_.get());
    return words_of(result.get(), m.size());
  }
  // x * y mod m as ESP-IDF's esp_mpi_mul_mpi_mod_hw_op() does it.
  Words modular_product(const Words& x, const Words& y, const Words& m) {
    put(M, m);
    put(X, x);
    put(Z, r_squared(m));
    rsa_.write(M_PRIME, m_prime(m[0]));
    rsa_.write(MULT_MODE, static_cast<std::uint32_t>(m.size() / 16 - 1));
    start(MULT_START);
    put(X, y);
    start(MULT_START);
    return get(Z, m.size());
  }
  Words power(const Words& x, const Words& y, const Words& m) {
    put(M, m);
    put(X, x);
    put(Y, y);
    put(Z, r_squared(m));
    rsa_.write(M_PRIME, m_prime(m[0]));
    rsa_.write(MODEXP_MODE, static_cast<std::uint32_t>(m.size() / 16 - 1));
    start(MODEXP_START);
    return get(Z, m.size());
  }

  testing::Bench bench_;
  Rsa rsa_{bench_.context()};
  std::mt19937 random_{1};
  std::unique_ptr<BN_CTX, Free> context_{BN_CTX_new()};
};

TEST_F(RsaTest, ModularProducts) {
  for (std::size_t n = 16; n <= 128; n += 16) {
    const Words m = odd(n);
    Words x = random(n), y = random(n);
    x.back() &= 0x7fffffff;
    y.back() &= 0x7fffffff;
    BigNumber expected(BN_new());
    BN_mod_mul(expected.get(), big(x).get(), big(y).get(), big(m).get(), context_.get());
    EXPECT_EQ(modular_product(x, y, m), words_of(expected.get(), n)) << n * 32 << " bits";
  }
}

// The largest factors there are: every carry happens.
TEST_F(RsaTest, ModularProductOfTheLargestNumbers) {
  for (const std::size_t n : {16u, 128u}) {
    const Words m(n, 0xffffffff);
    Words largest = m;
    largest[0] = 0xfffffffe;  // -1 mod m
    Words one(n);
    one[0] = 1;
    EXPECT_EQ(modular_product(largest, largest, m), one);
  }
}

// ESP-IDF multiplies numbers that are too long for a plain product modulo 2^n - 1, with R^2 and M' of 1.
TEST_F(RsaTest, ProductModuloAllOnes) {
  const std::size_t n = 96;
  Words x = random(n), y = random(n), one(n);
  one[0] = 1;
  std::fill(x.begin() + 70, x.end(), 0);
  std::fill(y.begin() + 26, y.end(), 0);
  put(M, Words(n, 0xffffffff));
  rsa_.write(M_PRIME, 1);
  rsa_.write(MULT_MODE, n / 16 - 1);
  put(X, x);
  put(Z, one);
  start(MULT_START);
  put(X, y);
  start(MULT_START);
  BigNumber expected(BN_new());
  BN_mul(expected.get(), big(x).get(), big(y).get(), context_.get());
  EXPECT_EQ(get(Z, n), words_of(expected.get(), n));
}

TEST_F(RsaTest, PlainProducts) {
  for (std::size_t n = 16; n <= 64; n += 16) {
    put(X, Words(128, 0xffffffff));  // what was there before must not matter
    put(Z, Words(128, 0xffffffff));
    const Words x = random(n), y = random(n);
    put(X, x);
    put(Z + static_cast<std::uint32_t>(n) * 4, y);
    rsa_.write(MULT_MODE, static_cast<std::uint32_t>(n * 2 / 16 + 7));
    start(MULT_START);
    BigNumber expected(BN_new());
    BN_mul(expected.get(), big(x).get(), big(y).get(), context_.get());
    EXPECT_EQ(get(Z, n * 2), words_of(expected.get(), n * 2)) << n * 32 << " bits";
  }
}

TEST_F(RsaTest, PowersAgreeWithProducts) {
  for (const std::size_t n : {16u, 32u, 64u, 128u}) {
    const Words m = odd(n);
    Words x = random(n);
    x.back() &= 0x7fffffff;
    const Words square = modular_product(x, x, m);
    const Words fourth = modular_product(square, square, m);
    const Words fifth = modular_product(fourth, x, m);
    Words exponent(n);
    exponent[0] = 5;
    EXPECT_EQ(power(x, exponent, m), fifth) << n * 32 << " bits";
  }
}

// 2^521 - 1 is prime: 2 to the power of 521 * a + b is 2^b.
TEST_F(RsaTest, PowerWithALongExponent) {
  const std::size_t n = 32;
  BigNumber m(BN_new());
  BN_set_bit(m.get(), 521);
  BN_sub_word(m.get(), 1);
  Words exponent = random(n);
  exponent.back() = 0;
  BigNumber e = big(exponent);
  const auto rest = static_cast<int>(BN_mod_word(e.get(), 521));
  Words two(n);
  two[0] = 2;
  BigNumber expected(BN_new());
  BN_set_bit(expected.get(), rest);
  EXPECT_EQ(power(two, exponent, words_of(m.get(), n)), words_of(expected.get(), n));
}

TEST_F(RsaTest, PowerZeroAndModulusZero) {
  const Words m = odd(16), x = random(16);
  Words one(16);
  one[0] = 1;
  EXPECT_EQ(power(x, Words(16), m), one);
  put(M, Words(16));
  put(Z, x);
  start(MODEXP_START);
  EXPECT_THAT(get(Z, 16), Each(0u));
}

TEST_F(RsaTest, MemoriesLieApartAndAResetClearsThem) {
  for (const std::uint32_t base : {M, Z, Y, X}) {
    rsa_.write(base, base + 1);
    rsa_.write(base + 0x1fc, base + 2);
  }
  for (const std::uint32_t base : {M, Z, Y, X}) {
    EXPECT_EQ(rsa_.read(base), base + 1);
    EXPECT_EQ(rsa_.read(base + 0x1fc), base + 2);
  }
  rsa_.write(MULT_START, 1);
  rsa_.reset(ResetKind::kCore);
  EXPECT_EQ(rsa_.read(CLEAN), 1u);
  EXPECT_EQ(rsa_.read(INTERRUPT), 0u);
  EXPECT_FALSE(rsa_.interrupt.level());
  for (std::uint32_t offset = 0; offset < 0x800; offset += 4) EXPECT_EQ(rsa_.read(offset), 0u);
}

TEST_F(RsaTest, WritingZeroNeitherStartsNorClears) {
  rsa_.write(MULT_START, 0);
  rsa_.write(MODEXP_START, 0);
  EXPECT_EQ(rsa_.read(INTERRUPT), 0u);
  rsa_.write(MULT_START, 1);
  rsa_.write(INTERRUPT, 0);
  EXPECT_EQ(rsa_.read(INTERRUPT), 1u);
  rsa_.write(MULT_MODE, 9);
  rsa_.write(MODEXP_MODE, 3);
  rsa_.write(M_PRIME, 77);
  EXPECT_EQ(rsa_.read(MULT_MODE), 9u);
  EXPECT_EQ(rsa_.read(MODEXP_MODE), 3u);
  EXPECT_EQ(rsa_.read(M_PRIME), 77u);
}

TEST_F(RsaTest, Archive) {
  put(X, random(128));
  rsa_.write(MULT_START, 1);
  auto out = base::Archive::saving();
  rsa_.archive(out);
  Rsa other(bench_.context());
  auto in = base::Archive::loading(out.bytes());
  other.archive(in);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(other.read(X + 8), rsa_.read(X + 8));
  EXPECT_TRUE(other.interrupt.level());
}

}  // namespace
}  // namespace espalier::devices
