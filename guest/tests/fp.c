/* The single-precision coprocessor, against the ROM's floating-point functions and known values. */
#include "check.h"

typedef uint32_t Bits;

Bits fp_add(Bits, Bits, Bits), fp_sub(Bits, Bits, Bits), fp_mul(Bits, Bits, Bits), fp_madd(Bits, Bits, Bits),
    fp_msub(Bits, Bits, Bits), fp_neg(Bits), fp_abs(Bits), fp_mov(Bits);
Bits fp_round(Bits), fp_trunc(Bits), fp_floor(Bits), fp_ceil(Bits), fp_utrunc(Bits), fp_trunc_scaled(Bits),
    fp_utrunc_scaled(Bits);
Bits fp_float(Bits), fp_ufloat(Bits), fp_float_scaled(Bits), fp_ufloat_scaled(Bits);
Bits fp_un(Bits, Bits), fp_oeq(Bits, Bits), fp_ueq(Bits, Bits), fp_olt(Bits, Bits), fp_ult(Bits, Bits),
    fp_ole(Bits, Bits), fp_ule(Bits, Bits);
Bits fp_choose(Bits, Bits), fp_memory(Bits*), fp_constant(uint32_t), fp_divide(Bits, Bits),
    fp_square_root(Bits), fp_reciprocal_seed(Bits), fp_root_reciprocal_seed(Bits);
void fp_set_fcr(uint32_t);
uint32_t fp_take_fsr(void);

/* The ROM's, by the names that compilers call them; declared with integers as what they take and give is in
   address registers. */
Bits rom_addsf3(Bits, Bits) __asm__("__addsf3");
Bits rom_subsf3(Bits, Bits) __asm__("__subsf3");
Bits rom_mulsf3(Bits, Bits) __asm__("__mulsf3");
Bits rom_divsf3(Bits, Bits) __asm__("__divsf3");
Bits rom_floatsisf(uint32_t) __asm__("__floatsisf");
Bits rom_floatunsisf(uint32_t) __asm__("__floatunsisf");
uint32_t rom_fixsfsi(Bits) __asm__("__fixsfsi");
uint64_t rom_extendsfdf2(Bits) __asm__("__extendsfdf2");
uint64_t rom_muldf3(uint64_t, uint64_t) __asm__("__muldf3");
int rom_ledf2(uint64_t, uint64_t) __asm__("__ledf2");

#define ZERO 0u
#define MINUS_ZERO 0x80000000u
#define ONE 0x3f800000u
#define TWO 0x40000000u
#define THREE 0x40400000u
#define HALF 0x3f000000u
#define INFINITE 0x7f800000u
#define MINUS_INFINITE 0xff800000u
#define NOT_A_NUMBER 0x7fc00000u
#define LARGEST 0x7f7fffffu
#define SMALLEST 1u /* a denormal */
#define SMALLEST_NORMAL 0x00800000u

static const Bits kSpecials[] = {ZERO,       MINUS_ZERO, ONE,        0xbf800000,      TWO,
                                 THREE,      HALF,       INFINITE,   MINUS_INFINITE,  NOT_A_NUMBER,
                                 LARGEST,    SMALLEST,   0x80000001, SMALLEST_NORMAL, 0x007fffff,
                                 0x3f7fffff, 0x3f800001, 0x4b000000, 0x4b7fffff,      0xcf000000};
enum { kSpecialCount = sizeof kSpecials / sizeof *kSpecials, kRandom = 500 };

static bool is_nan(Bits x) {
  return (x & 0x7fffffff) > INFINITE;
}
static bool same(Bits x, Bits y) {
  return x == y || (is_nan(x) && is_nan(y));
}

static uint32_t seed = 1;
static uint32_t random_bits(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

static void check_binary(const char* name, Bits (*one)(Bits, Bits, Bits), Bits (*other)(Bits, Bits)) {
  for (unsigned i = 0; i < kSpecialCount; ++i)
    for (unsigned j = 0; j < kSpecialCount; ++j)
      if (!same(one(kSpecials[i], kSpecials[j], 0), other(kSpecials[i], kSpecials[j])))
        check_equal(name, 0, "result", one(kSpecials[i], kSpecials[j], 0), other(kSpecials[i], kSpecials[j]));
  for (unsigned i = 0; i < kRandom; ++i) {
    Bits a = random_bits(), b = random_bits();
    if (i % 2) b = (b & 0x80ffffff) | (a & 0x7f000000); /* of like size */
    if (!same(one(a, b, 0), other(a, b))) check_equal(name, 0, "result", one(a, b, 0), other(a, b));
  }
}
static void test_add_sub_mul(void) {
  check_binary("add", fp_add, rom_addsf3);
  check_binary("sub", fp_sub, rom_subsf3);
  check_binary("mul", fp_mul, rom_mulsf3);
}

static Bits divide(Bits a, Bits b, Bits unused) {
  (void)unused;
  return fp_divide(a, b);
}
static void test_division_sequence(void) {
  check_binary("div", divide, rom_divsf3);
}

/* The root r of a: (r - half a last place)^2 <= a <= (r + half a last place)^2, in double precision. */
static void check_root(Bits a) {
  const Bits r = fp_square_root(a);
  const uint64_t wide_a = rom_extendsfdf2(a);
  const uint64_t below = rom_extendsfdf2(r) - (1ull << 28), above = rom_extendsfdf2(r) + (1ull << 28);
  const bool fits =
      rom_ledf2(rom_muldf3(below, below), wide_a) <= 0 && rom_ledf2(wide_a, rom_muldf3(above, above)) <= 0;
  if (!fits) check_equal("square root", 0, "result", r, a);
}
static void test_square_root_sequence(void) {
  CHECK_EQ(fp_square_root(0x40800000), TWO);
  CHECK_EQ(fp_square_root(ONE), ONE);
  CHECK_EQ(fp_square_root(ZERO), ZERO);
  CHECK_EQ(fp_square_root(MINUS_ZERO), MINUS_ZERO);
  CHECK_EQ(fp_square_root(INFINITE), INFINITE);
  CHECK(is_nan(fp_square_root(0xbf800000)));
  CHECK(is_nan(fp_square_root(NOT_A_NUMBER)));
  for (unsigned i = 0; i < kRandom; ++i) {
    const Bits a = random_bits() & 0x7fffffff;
    if (a >= SMALLEST_NORMAL && a < INFINITE) check_root(a);
  }
}

/* The seeds are good to seven bits. */
static void test_seeds(void) {
  for (unsigned i = 0; i < kRandom; ++i) {
    const Bits a = 0x3f800000 + (random_bits() & 0xffffff);
    Bits product = fp_mul(fp_reciprocal_seed(a), a, 0);
    CHECK(product > 0x3f7e0000 && product < 0x3f810000);
    const Bits root = fp_root_reciprocal_seed(a);
    product = fp_mul(fp_mul(root, root, 0), a, 0);
    CHECK(product > 0x3f7c0000 && product < 0x3f820000);
  }
}

static void test_multiply_and_add(void) {
  CHECK_EQ(fp_madd(TWO, THREE, ONE), 0x40e00000); /* 7 */
  CHECK_EQ(fp_msub(TWO, THREE, ONE), 0xc0a00000); /* -5 */
  /* (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24 only if the product is not rounded first. */
  CHECK_EQ(fp_madd(0x3f800800, 0x3f800800, 0xbf801000), 0x33800000);
  CHECK_EQ(fp_msub(0x3f800800, 0x3f800800, 0x3f801000), 0xb3800000);
  CHECK(is_nan(fp_madd(INFINITE, ZERO, ONE)));
  CHECK_EQ(fp_madd(INFINITE, ONE, ONE), INFINITE);
}

static void test_signs(void) {
  for (unsigned i = 0; i < kSpecialCount; ++i) {
    CHECK_EQ(fp_mov(kSpecials[i]), kSpecials[i]);
    CHECK_EQ(fp_neg(kSpecials[i]), kSpecials[i] ^ 0x80000000);
    CHECK_EQ(fp_abs(kSpecials[i]), kSpecials[i] & 0x7fffffff);
  }
}

static void test_to_integers(void) {
  static const struct {
    Bits x;
    uint32_t round, trunc, floor, ceil, utrunc;
  } cases[] = {
      {ZERO, 0, 0, 0, 0, 0},
      {0x3fc00000 /* 1.5 */, 2, 1, 1, 2, 1},
      {0x40200000 /* 2.5 */, 2, 2, 2, 3, 2},
      {0xbfc00000 /* -1.5 */, (uint32_t)-2, (uint32_t)-1, (uint32_t)-2, (uint32_t)-1, 0},
      {0x3effffff /* nearly 0.5 */, 0, 0, 0, 1, 0},
      {0x4b000001 /* 8388609 */, 8388609, 8388609, 8388609, 8388609, 8388609},
      {0x4f000000 /* 2^31 */, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x80000000},
      {0xcf000000 /* -2^31 */, 0x80000000, 0x80000000, 0x80000000, 0x80000000, 0x80000000},
      {INFINITE, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0xffffffff},
      {MINUS_INFINITE, 0x80000000, 0x80000000, 0x80000000, 0x80000000, 0x80000000},
  };
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; ++i) {
    CHECK_EQ(fp_round(cases[i].x), cases[i].round);
    CHECK_EQ(fp_trunc(cases[i].x), cases[i].trunc);
    CHECK_EQ(fp_floor(cases[i].x), cases[i].floor);
    CHECK_EQ(fp_ceil(cases[i].x), cases[i].ceil);
    if (cases[i].x >> 31 == 0) CHECK_EQ(fp_utrunc(cases[i].x), cases[i].utrunc);
  }
  CHECK_EQ(fp_trunc_scaled(0x3fc00000), 24); /* 1.5 * 16 */
  CHECK_EQ(fp_utrunc_scaled(ONE), 32768);
  for (unsigned i = 0; i < kRandom; ++i) {
    const Bits a = (random_bits() & 0x80ffffff) | (0x30000000 + (random_bits() & 0x1e000000));
    if ((a & 0x7fffffff) < 0x4f000000) CHECK_EQ(fp_trunc(a), rom_fixsfsi(a));
  }
}

static void test_from_integers(void) {
  CHECK_EQ(fp_float((uint32_t)-1), 0xbf800000);
  CHECK_EQ(fp_ufloat((uint32_t)-1), 0x4f800000);
  CHECK_EQ(fp_float(0x80000000), 0xcf000000);
  CHECK_EQ(fp_float_scaled(24), 0x3fc00000);
  CHECK_EQ(fp_ufloat_scaled(32768), ONE);
  for (unsigned i = 0; i < kRandom; ++i) {
    const uint32_t x = random_bits() >> i % 32;
    CHECK_EQ(fp_float(x), rom_floatsisf(x));
    CHECK_EQ(fp_ufloat(x), rom_floatunsisf(x));
  }
}

static void test_comparisons(void) {
  static const struct {
    Bits a, b;
    uint8_t less, equal, unordered;
  } cases[] = {{ONE, TWO, 1, 0, 0},
               {TWO, ONE, 0, 0, 0},
               {ONE, ONE, 0, 1, 0},
               {ZERO, MINUS_ZERO, 0, 1, 0},
               {MINUS_ZERO, ZERO, 0, 1, 0},
               {0xbf800000, ONE, 1, 0, 0},
               {0xbf800000, 0xc0000000, 0, 0, 0},
               {SMALLEST, ZERO, 0, 0, 0},
               {LARGEST, INFINITE, 1, 0, 0},
               {INFINITE, INFINITE, 0, 1, 0},
               {NOT_A_NUMBER, ONE, 0, 0, 1},
               {ONE, NOT_A_NUMBER, 0, 0, 1},
               {NOT_A_NUMBER, NOT_A_NUMBER, 0, 0, 1}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; ++i) {
    const Bits a = cases[i].a, b = cases[i].b;
    const uint32_t less = cases[i].less, equal = cases[i].equal, unordered = cases[i].unordered;
    CHECK_EQ(fp_un(a, b), unordered);
    CHECK_EQ(fp_oeq(a, b), equal);
    CHECK_EQ(fp_ueq(a, b), equal | unordered);
    CHECK_EQ(fp_olt(a, b), less);
    CHECK_EQ(fp_ult(a, b), less | unordered);
    CHECK_EQ(fp_ole(a, b), less | equal);
    CHECK_EQ(fp_ule(a, b), less | equal | unordered);
  }
}

static void test_conditional_moves(void) {
  CHECK_EQ(fp_choose(TWO, THREE), TWO);
}

static void test_loads_and_stores(void) {
  Bits numbers[8] = {ONE, TWO, 9, 0x7fc12345, 0, 0, 0, 0};
  CHECK_EQ(fp_memory(numbers), 0);
  for (unsigned i = 0; i < 4; ++i) CHECK_EQ(numbers[4 + i], numbers[i]);
}

static void test_constants(void) {
  CHECK_EQ(fp_constant(0), ZERO);
  CHECK_EQ(fp_constant(1), ONE);
  CHECK_EQ(fp_constant(2), TWO);
  CHECK_EQ(fp_constant(3), HALF);
}

/* 1 + 2^-24 lies half way between two numbers; 1 + 2^-30 just above one. */
static void test_rounding_modes(void) {
  enum { kNearest, kZero, kUp, kDown };
  static const Bits sums[4][2] = {{ONE, ONE}, {ONE, ONE}, {0x3f800001, 0x3f800001}, {ONE, ONE}};
  for (uint32_t mode = kNearest; mode <= kDown; ++mode) {
    fp_set_fcr(mode);
    CHECK_EQ(fp_add(ONE, 0x33800000, 0), sums[mode][0]);
    CHECK_EQ(fp_add(ONE, 0x30800000, 0), sums[mode][1]);
    CHECK_EQ(fp_sub(0xbf800000, 0x30800000, 0), mode == kDown ? 0xbf800001 : 0xbf800000);
    CHECK_EQ(fp_sub(ONE, ONE, 0), mode == kDown ? MINUS_ZERO : ZERO);
    CHECK_EQ(fp_mul(LARGEST, TWO, 0), mode == kZero || mode == kDown ? LARGEST : INFINITE);
  }
  fp_set_fcr(kNearest);
}

static void test_flags(void) {
  enum {
    kInexact = BIT(7),
    kUnderflow = BIT(8),
    kOverflow = BIT(9),
    kDivideByZero = BIT(10),
    kInvalid = BIT(11)
  };
  fp_take_fsr();
  fp_add(ONE, ONE, 0);
  CHECK_EQ(fp_take_fsr(), 0);
  fp_add(ONE, 0x30800000, 0);
  CHECK_EQ(fp_take_fsr(), kInexact);
  fp_mul(LARGEST, LARGEST, 0);
  CHECK_EQ(fp_take_fsr(), kInexact | kOverflow);
  fp_mul(SMALLEST_NORMAL, 0x33800001, 0);
  CHECK_EQ(fp_take_fsr(), kInexact | kUnderflow);
  fp_sub(INFINITE, INFINITE, 0);
  CHECK_EQ(fp_take_fsr(), kInvalid);
  fp_divide(ONE, ZERO);
  CHECK_EQ(fp_take_fsr(), kDivideByZero);
  fp_divide(ZERO, ZERO);
  CHECK_EQ(fp_take_fsr(), kInvalid);
  fp_divide(TWO, ONE);
  CHECK_EQ(fp_take_fsr(), 0);
}

/* Each core has a coprocessor of its own. */
static volatile Bits app_result;
static void app_sum(void) {
  WRITE_SR("cpenable", 1);
  Bits sum = 0;
  for (uint32_t i = 1; i <= 2000; ++i) sum = fp_add(sum, fp_float(i), 0);
  app_result = sum;
}
static void test_both_cores(void) {
  app_run(app_sum);
  Bits product = ONE;
  for (unsigned i = 0; i < 2000; ++i) product = fp_mul(product, i % 2 ? HALF : TWO, 0);
  CHECK_EQ(product, ONE);
  app_wait();
  CHECK_EQ(app_result, fp_float(2001000));
}

static void test_coprocessor_is_switched_on(void) {
  WRITE_SR("cpenable", 1);
  fp_set_fcr(0);
  CHECK_EQ(fp_add(ONE, ONE, 0), TWO);
}

const Test tests[] = {TEST(coprocessor_is_switched_on),
                      TEST(add_sub_mul),
                      TEST(multiply_and_add),
                      TEST(division_sequence),
                      TEST(square_root_sequence),
                      TEST(seeds),
                      TEST(signs),
                      TEST(to_integers),
                      TEST(from_integers),
                      TEST(comparisons),
                      TEST(conditional_moves),
                      TEST(loads_and_stores),
                      TEST(constants),
                      TEST(rounding_modes),
                      TEST(flags),
                      TEST(both_cores),
                      {0, 0}};
