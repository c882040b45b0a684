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

// Bit 0: the first operand is an MR; bit 1: the second one is.
constexpr unsigned kFormBits[] = {0, 2, 1, 3};  // AA, AD, DA, DD

}  // namespace

std::uint32_t mac16_pointer_step(Op op) {
  return (index_of(op, Op::MULA_DA_LL_LDINC) & 1) != 0 ? 0u - 4 : 4;
}

Mac16Form mac16_form(Op op) {
  Mac16Form form;
  unsigned bits = 0, halves = 0;
  if (op >= Op::MULA_DA_LL_LDINC) {
    const unsigned index = index_of(op, Op::MULA_DA_LL_LDINC);
    bits = index < 8 ? 1 : 3;
    halves = index >> 1 & 3;
  } else {
    unsigned index = index_of(op, Op::MUL_AA_LL);
    if (index < 16) {
      form.kind = Mac16Form::kReplace;
    } else if (index < 20) {
      form.kind = Mac16Form::kReplaceUnsigned;
      index -= 16;
    } else if (index < 36) {
      index -= 20;
    } else {
      form.kind = Mac16Form::kSubtract;
      index -= 36;
    }
    bits = kFormBits[index >> 2];
    halves = index & 3;
  }
  form.first_is_mr = (bits & 1) != 0;
  form.second_is_mr = (bits & 2) != 0;
  form.first_high = (halves & 1) != 0;
  form.second_high = (halves & 2) != 0;
  return form;
}

void mac16_multiply(State& state, const std::uint32_t* ar, Op op, unsigned r, unsigned s, unsigned t) {
  if (op >= Op::LDINC) return;
  const Mac16Form form = mac16_form(op);
  const std::uint32_t first = (form.first_is_mr ? state.m[r] : ar[s]) >> (form.first_high ? 16 : 0) & 0xffff;
  const std::uint32_t second =
      (form.second_is_mr ? state.m[t] : ar[t]) >> (form.second_high ? 16 : 0) & 0xffff;
  const auto product = static_cast<std::uint64_t>(form.kind == Mac16Form::kReplaceUnsigned
                                                      ? std::int64_t{first} * second
                                                      : std::int64_t{static_cast<std::int16_t>(first)} *
                                                            static_cast<std::int16_t>(second));
  const std::uint64_t before = std::uint64_t{state.acchi} << 32 | state.acclo;
  const std::uint64_t after = form.kind == Mac16Form::kAdd        ? before + product
                              : form.kind == Mac16Form::kSubtract ? before - product
                                                                  : product;
  state.acclo = static_cast<std::uint32_t>(after);
  state.acchi = static_cast<std::uint32_t>(after >> 32) & 0xff;
}

}  // namespace espalier::xtensa
