#include "xtensa/mac16.h"

namespace espalier::xtensa {
namespace {

constexpr unsigned index_of(Op op, Op first) {
  return static_cast<unsigned>(op) - static_cast<unsigned>(first);
}

// isa.def keeps the rows in this order: AA, AD, DA, DD, within each LL, HL, LH, HH.
static_assert(index_of(Op::MUL_AD_LL, Op::MUL_AA_LL) == 4 && index_of(Op::MUL_DD_HH, Op::MUL_AA_LL) == 15);
static_assert(index_of(Op::UMUL_AA_LL, Op::MUL_AA_LL) == 16 && index_of(Op::MULA_AA_LL, Op::MUL_AA_LL) == 20);
static_assert(index_of(Op::MULS_AA_LL, Op::MUL_AA_LL) == 36 && index_of(Op::MULS_DD_HH, Op::MUL_AA_LL) == 51);
static_assert(index_of(Op::MULA_AD_HL, Op::MULA_AA_LL) == 5 &&
              index_of(Op::MULS_DA_LH, Op::MULS_AA_LL) == 10);
static_assert(index_of(Op::MULA_DA_LL_LDINC, Op::MUL_AA_LL) == 52);
static_assert(index_of(Op::MULA_DA_HL_LDDEC, Op::MULA_DA_LL_LDINC) == 3);
static_assert(index_of(Op::MULA_DD_LL_LDINC, Op::MULA_DA_LL_LDINC) == 8);
static_assert(index_of(Op::LDINC, Op::MULA_DA_LL_LDINC) == 16 && index_of(Op::LDDEC, Op::LDINC) == 1);

enum class Kind { kReplace, kReplaceUnsigned, kAdd, kSubtract };
// Bit 0: the first operand is an MR; bit 1: the second one is.
constexpr unsigned kFormBits[] = {0, 2, 1, 3};  // AA, AD, DA, DD

}  // namespace

std::uint32_t mac16_pointer_step(Op op) {
  return (index_of(op, Op::MULA_DA_LL_LDINC) & 1) != 0 ? 0u - 4 : 4;
}

void mac16_multiply(State& state, const std::uint32_t* ar, Op op, unsigned r, unsigned s, unsigned t) {
  Kind kind = Kind::kAdd;
  unsigned form = 0;
  unsigned halves = 0;  // bit 0: the first operand's high half; bit 1: the second's
  if (op >= Op::LDINC) return;
  if (op >= Op::MULA_DA_LL_LDINC) {
    const unsigned index = index_of(op, Op::MULA_DA_LL_LDINC);
    form = index < 8 ? 1 : 3;
    halves = index >> 1 & 3;
  } else {
    unsigned index = index_of(op, Op::MUL_AA_LL);
    if (index < 16) {
      kind = Kind::kReplace;
    } else if (index < 20) {
      kind = Kind::kReplaceUnsigned;
      index -= 16;
    } else if (index < 36) {
      index -= 20;
    } else {
      kind = Kind::kSubtract;
      index -= 36;
    }
    form = kFormBits[index >> 2];
    halves = index & 3;
  }

  const std::uint32_t first = ((form & 1) != 0 ? state.m[r] : ar[s]) >> ((halves & 1) != 0 ? 16 : 0) & 0xffff;
  const std::uint32_t second =
      ((form & 2) != 0 ? state.m[t] : ar[t]) >> ((halves & 2) != 0 ? 16 : 0) & 0xffff;
  const auto product = static_cast<std::uint64_t>(kind == Kind::kReplaceUnsigned
                                                      ? std::int64_t{first} * second
                                                      : std::int64_t{static_cast<std::int16_t>(first)} *
                                                            static_cast<std::int16_t>(second));
  const std::uint64_t before = std::uint64_t{state.acchi} << 32 | state.acclo;
  const std::uint64_t after = kind == Kind::kAdd        ? before + product
                              : kind == Kind::kSubtract ? before - product
                                                        : product;
  state.acclo = static_cast<std::uint32_t>(after);
  state.acchi = static_cast<std::uint32_t>(after >> 32) & 0xff;
}

}  // namespace espalier::xtensa
