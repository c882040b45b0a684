/* The ROM's copies of what compilers call for arithmetic: 64-bit integers, bits, floating point in software.
 */
#include "check.h"

#define ROM(type, name, ...) type rom_##name(__VA_ARGS__) __asm__("__" #name)
ROM(uint64_t, muldi3, uint64_t, uint64_t);
ROM(int64_t, divdi3, int64_t, int64_t);
ROM(int64_t, moddi3, int64_t, int64_t);
ROM(uint64_t, udivdi3, uint64_t, uint64_t);
ROM(uint64_t, umoddi3, uint64_t, uint64_t);
ROM(uint64_t, udivmoddi4, uint64_t, uint64_t, uint64_t*);
ROM(uint64_t, umulsidi3, uint32_t, uint32_t);
ROM(uint64_t, ashldi3, uint64_t, int);
ROM(int64_t, ashrdi3, int64_t, int);
ROM(uint64_t, lshrdi3, uint64_t, int);
ROM(int64_t, negdi2, int64_t);
ROM(uint64_t, bswapdi2, uint64_t);
ROM(uint32_t, bswapsi2, uint32_t);
ROM(int, cmpdi2, int64_t, int64_t);
ROM(int, ucmpdi2, uint64_t, uint64_t);
ROM(int, clzsi2, uint32_t);
ROM(int, ctzsi2, uint32_t);
ROM(int, ffssi2, uint32_t);
ROM(int, popcountsi2, uint32_t);
ROM(int, paritysi2, uint32_t);
ROM(int, clrsbsi2, int32_t);
ROM(int, clzdi2, uint64_t);
ROM(int, ctzdi2, uint64_t);
ROM(int, ffsdi2, uint64_t);
ROM(int, popcountdi2, uint64_t);
ROM(int, clrsbdi2, int64_t);
ROM(int, absvsi2, int);
ROM(int, addvsi3, int, int);
ROM(int, mulsi3, int, int);
ROM(int, divsi3, int, int);
ROM(int, modsi3, int, int);
ROM(uint32_t, udivsi3, uint32_t, uint32_t);
ROM(uint32_t, umodsi3, uint32_t, uint32_t);

typedef uint64_t Double; /* bit patterns */
typedef uint32_t Float;
ROM(Double, adddf3, Double, Double);
ROM(Double, subdf3, Double, Double);
ROM(Double, muldf3, Double, Double);
ROM(Double, divdf3, Double, Double);
ROM(Double, negdf2, Double);
ROM(int, eqdf2, Double, Double);
ROM(int, ltdf2, Double, Double);
ROM(int, ledf2, Double, Double);
ROM(int, gtdf2, Double, Double);
ROM(int, gedf2, Double, Double);
ROM(int, unorddf2, Double, Double);
ROM(int, fixdfsi, Double);
ROM(int64_t, fixdfdi, Double);
ROM(uint32_t, fixunsdfsi, Double);
ROM(Double, floatsidf, int);
ROM(Double, floatunsidf, uint32_t);
ROM(Double, floatdidf, int64_t);
ROM(Double, floatundidf, uint64_t);
ROM(Float, truncdfsf2, Double);
ROM(Double, extendsfdf2, Float);
ROM(Float, addsf3, Float, Float);
ROM(Float, subsf3, Float, Float);
ROM(Float, mulsf3, Float, Float);
ROM(Float, divsf3, Float, Float);
ROM(Float, floatdisf, int64_t);
ROM(int64_t, fixsfdi, Float);
ROM(int, eqsf2, Float, Float);
ROM(int, ltsf2, Float, Float);
ROM(int, gtsf2, Float, Float);
ROM(int, unordsf2, Float, Float);
ROM(Double, powidf2, Double, int);

#define CHECK_EQ64(value, expected)                                    \
  do {                                                                 \
    const uint64_t value_ = (uint64_t)(value), expected_ = (expected); \
    CHECK_EQ((uint32_t)(value_ >> 32), (uint32_t)(expected_ >> 32));   \
    CHECK_EQ((uint32_t)value_, (uint32_t)expected_);                   \
  } while (0)

static uint32_t seed = 99;
static uint32_t random32(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}
static uint64_t random64(void) {
  const uint64_t high = random32(), low = random32(), both = high << 32 | low;
  return rom_lshrdi3(both, (int)(random32() & 63));
}

static void test_products_and_quotients(void) {
  CHECK_EQ64(rom_muldi3(0x123456789abcdefull, 0xfedcba987654321ull), 0x22236d88fe5618cf);
  CHECK_EQ64(rom_umulsidi3(0xffffffff, 0xffffffff), 0xfffffffe00000001);
  CHECK_EQ64(rom_udivdi3(0xffffffffffffffff, 10), 1844674407370955161);
  CHECK_EQ64(rom_umoddi3(0xffffffffffffffff, 10), 5);
  CHECK_EQ64(rom_divdi3(-1000000000000, 7), (uint64_t)-142857142857);
  CHECK_EQ64(rom_moddi3(-1000000000000, 7), (uint64_t)-1);
  for (unsigned i = 0; i < 300; ++i) {
    const uint64_t a = random64(), b = random64() | 1;
    uint64_t rest;
    const uint64_t quotient = rom_udivmoddi4(a, b, &rest);
    CHECK_EQ64(quotient, rom_udivdi3(a, b));
    CHECK(rest < b);
    CHECK_EQ64(rom_muldi3(quotient, b) + rest, a);
  }
}

static void test_words(void) {
  CHECK_EQ(rom_mulsi3(-7, 6), -42);
  CHECK_EQ(rom_divsi3(-17, 5), -3);
  CHECK_EQ(rom_modsi3(-17, 5), -2);
  CHECK_EQ(rom_udivsi3(0xfffffff0, 16), 0x0fffffff);
  CHECK_EQ(rom_umodsi3(0xffffffff, 10), 5);
  CHECK_EQ(rom_absvsi2(-5), 5);
  CHECK_EQ(rom_addvsi3(2, 3), 5);
}

static void test_shifts(void) {
  const uint64_t x = 0x8123456789abcdef;
  for (int n = 0; n < 64; ++n) {
    uint64_t left = 0, right = 0, sign = 0;
    for (int bit = 0; bit < 64; ++bit) {
      const uint64_t set = x >> bit & 1;
      if (bit + n < 64) left |= set << (bit + n);
      if (bit >= n) right |= set << (bit - n);
    }
    for (int bit = 0; bit < n; ++bit) sign |= 1ull << (63 - bit);
    CHECK_EQ64(rom_ashldi3(x, n), left);
    CHECK_EQ64(rom_lshrdi3(x, n), right);
    CHECK_EQ64(rom_ashrdi3((int64_t)x, n), right | sign);
  }
}

static void test_bits(void) {
  for (unsigned i = 0; i < 200; ++i) {
    const uint32_t x = random32() >> i % 32;
    int ones = 0, leading = 32, trailing = 32;
    for (int bit = 0; bit < 32; ++bit)
      if (x >> bit & 1) {
        ++ones;
        leading = 31 - bit;
        if (trailing == 32) trailing = bit;
      }
    CHECK_EQ(rom_popcountsi2(x), ones);
    CHECK_EQ(rom_paritysi2(x), ones & 1);
    if (x != 0) {
      CHECK_EQ(rom_clzsi2(x), leading);
      CHECK_EQ(rom_ctzsi2(x), trailing);
      CHECK_EQ(rom_clzdi2(x), leading + 32);
      CHECK_EQ(rom_ctzdi2((uint64_t)x << 32), trailing + 32);
    }
    CHECK_EQ(rom_ffssi2(x), x ? trailing + 1 : 0);
    CHECK_EQ(rom_popcountdi2((uint64_t)x << 32 | x), 2 * ones);
  }
  CHECK_EQ(rom_ffsdi2(1ull << 40), 41);
  CHECK_EQ(rom_clrsbsi2(-1), 31);
  CHECK_EQ(rom_clrsbsi2(1), 30);
  CHECK_EQ(rom_clrsbdi2(-1), 63);
  CHECK_EQ(rom_bswapsi2(0x01020304), 0x04030201);
  CHECK_EQ64(rom_bswapdi2(0x0102030405060708), 0x0807060504030201);
  CHECK_EQ64(rom_negdi2(5), (uint64_t)-5);
  CHECK_EQ(rom_cmpdi2(-1, 1), 0);
  CHECK_EQ(rom_cmpdi2(1, 1), 1);
  CHECK_EQ(rom_ucmpdi2((uint64_t)-1, 1), 2);
}

/* Doubles and floats by their bit patterns. */
#define D_0 0x0000000000000000ull
#define D_1 0x3ff0000000000000ull
#define D_2 0x4000000000000000ull
#define D_3 0x4008000000000000ull
#define D_THIRD 0x3fd5555555555555ull
#define D_TENTH 0x3fb999999999999aull
#define D_INFINITE 0x7ff0000000000000ull
#define D_NAN 0x7ff8000000000000ull
#define D_MINUS (1ull << 63)
#define D_LARGEST 0x7fefffffffffffffull

static void test_doubles(void) {
  CHECK_EQ64(rom_adddf3(D_1, D_2), D_3);
  CHECK_EQ64(rom_subdf3(D_1, D_3), D_2 | D_MINUS);
  CHECK_EQ64(rom_divdf3(D_1, D_3), D_THIRD);
  CHECK_EQ64(rom_muldf3(D_THIRD, D_3), D_1);
  CHECK_EQ64(rom_adddf3(D_TENTH, D_TENTH), 0x3fc999999999999a);
  CHECK_EQ64(rom_adddf3(rom_adddf3(D_TENTH, D_TENTH), D_TENTH), 0x3fd3333333333334);
  CHECK_EQ64(rom_divdf3(D_1, D_0), D_INFINITE);
  CHECK_EQ64(rom_muldf3(D_LARGEST, D_2), D_INFINITE);
  CHECK_EQ64(rom_negdf2(D_3), D_3 | D_MINUS);
  CHECK_EQ64(rom_powidf2(D_2, 10), 0x4090000000000000);
  CHECK_EQ64(rom_powidf2(D_2, -2), 0x3fd0000000000000);
  CHECK(rom_unorddf2(rom_subdf3(D_INFINITE, D_INFINITE), D_0) != 0);
  CHECK(rom_unorddf2(rom_divdf3(D_0, D_0), D_0) != 0);
}

static void test_double_comparisons(void) {
  CHECK(rom_eqdf2(D_1, D_1) == 0 && rom_eqdf2(D_1, D_2) != 0 && rom_eqdf2(D_0, D_MINUS) == 0);
  CHECK(rom_ltdf2(D_1, D_2) < 0 && rom_ltdf2(D_2, D_1) >= 0 && rom_ltdf2(D_NAN, D_1) >= 0);
  CHECK(rom_ledf2(D_1, D_1) <= 0 && rom_ledf2(D_2, D_1) > 0 && rom_ledf2(D_NAN, D_1) > 0);
  CHECK(rom_gtdf2(D_2, D_1) > 0 && rom_gtdf2(D_1, D_1) <= 0 && rom_gtdf2(D_NAN, D_1) <= 0);
  CHECK(rom_gedf2(D_1, D_1) >= 0 && rom_gedf2(D_1, D_2) < 0 && rom_gedf2(D_NAN, D_1) < 0);
  CHECK(rom_eqdf2(D_NAN, D_NAN) != 0);
}

static void test_conversions(void) {
  CHECK_EQ64(rom_floatsidf(-3), D_3 | D_MINUS);
  CHECK_EQ64(rom_floatunsidf(0xffffffff), 0x41efffffffe00000);
  CHECK_EQ64(rom_floatdidf(-3), D_3 | D_MINUS);
  CHECK_EQ64(rom_floatundidf(0xffffffffffffffff), 0x43f0000000000000);
  CHECK_EQ(rom_fixdfsi(0xc008cccccccccccd /* -3.1 */), -3);
  CHECK_EQ(rom_fixunsdfsi(0x41efffffffe00000), 0xffffffff);
  CHECK_EQ64(rom_fixdfdi(0xc3d0000000000000), (uint64_t)-0x4000000000000000);
  CHECK_EQ(rom_truncdfsf2(D_TENTH), 0x3dcccccd);
  CHECK_EQ(rom_truncdfsf2(D_LARGEST), 0x7f800000);
  CHECK_EQ64(rom_extendsfdf2(0x3dcccccd), 0x3fb99999a0000000);
  CHECK_EQ(rom_floatdisf(0x123456789abcdef), 0x5b91a2b4);
  CHECK_EQ64(rom_fixsfdi(0x5b91a2b4), 0x123456800000000);
  for (unsigned i = 0; i < 200; ++i) {
    const int32_t x = (int32_t)random32() >> i % 31;
    CHECK_EQ(rom_fixdfsi(rom_floatsidf(x)), x);
    const Float f = random32();
    if ((f & 0x7f800000) != 0x7f800000) CHECK_EQ(rom_truncdfsf2(rom_extendsfdf2(f)), f);
  }
}

static void test_floats(void) {
  const Float one = 0x3f800000, two = 0x40000000, three = 0x40400000, nan = 0x7fc00000;
  CHECK_EQ(rom_addsf3(one, two), three);
  CHECK_EQ(rom_subsf3(one, three), 0xc0000000);
  CHECK_EQ(rom_divsf3(one, three), 0x3eaaaaab);
  CHECK_EQ(rom_mulsf3(0x3eaaaaab, three), one);
  CHECK(rom_eqsf2(one, one) == 0 && rom_ltsf2(one, two) < 0 && rom_gtsf2(two, one) > 0);
  CHECK(rom_unordsf2(nan, one) != 0 && rom_unordsf2(one, two) == 0);
}

const Test tests[] = {
    TEST(products_and_quotients), TEST(words),       TEST(shifts), TEST(bits), TEST(doubles),
    TEST(double_comparisons),     TEST(conversions), TEST(floats), {0, 0}};
