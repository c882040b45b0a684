#include "xtensa/jit/fp_operations.h"

#include "xtensa/fp.h"
#include "xtensa/fp_steps.h"
#include "xtensa/jit/translator.h"

namespace espalier::xtensa::jit {
namespace {

using fp::Relation;
using fp::Rounding;
using Word = std::uint32_t;

constexpr unsigned set_of(std::initializer_list<Relation> relations) {
  unsigned set = 0;
  for (const Relation relation : relations) set |= 1u << static_cast<unsigned>(relation);
  return set;
}

template <bool kSignalQuietNans, unsigned kRelations>
Word compare(Word, Word s, Word t, Translator& translator) {
  const Relation relation = fp::compare(s, t, kSignalQuietNans, translator.core().state().fsr);
  return kRelations >> static_cast<unsigned>(relation) & 1;
}

template <Word (*kFunction)(Word, unsigned, Rounding, Word&), Rounding kRounding>
Word to_integer(Word, Word s, Word scale, Translator& translator) {
  return kFunction(s, scale, kRounding, translator.core().state().fsr);
}

template <Word (*kFunction)(Word)>
Word of_one(Word, Word s, Word, Translator&) {
  return kFunction(s);
}
template <Word (*kFunction)(Word, Word)>
Word of_two(Word, Word s, Word t, Translator&) {
  return kFunction(s, t);
}
template <Word (*kFunction)(Word, Word)>
Word of_destination(Word r, Word s, Word, Translator&) {
  return kFunction(r, s);
}
template <Word (*kFunction)(Word, Word, Word)>
Word of_three(Word r, Word s, Word t, Translator&) {
  return kFunction(r, s, t);
}

}  // namespace

FpOperation fp_operation(Op op) {
  switch (op) {
    case Op::ADD_S:
      return of_two<fp::add>;
    case Op::SUB_S:
      return of_two<fp::sub>;
    case Op::MUL_S:
      return of_two<fp::mul>;
    case Op::MADD_S:
      return of_three<fp::madd>;
    case Op::MSUB_S:
      return of_three<fp::msub>;
    case Op::MADDN_S:
      return of_three<fp::maddn>;
    case Op::DIVN_S:
      return [](Word r, Word s, Word t, Translator& translator) {
        State& state = translator.core().state();
        return fp::divn(r, s, t, state.fcr, state.fsr);
      };
    case Op::DIV0_S:
      return of_one<fp::div0>;
    case Op::RECIP0_S:
      return of_one<fp::recip0>;
    case Op::SQRT0_S:
      return of_one<fp::sqrt0>;
    case Op::RSQRT0_S:
      return of_one<fp::rsqrt0>;
    case Op::NEXP01_S:
      return of_one<fp::nexp01>;
    case Op::MKDADJ_S:
      return [](Word r, Word s, Word, Translator& translator) {
        return fp::mkdadj(r, s, translator.core().state().fsr);
      };
    case Op::MKSADJ_S:
      return [](Word, Word s, Word, Translator& translator) {
        return fp::mksadj(s, translator.core().state().fsr);
      };
    case Op::ADDEXP_S:
      return of_destination<fp::addexp>;
    case Op::ADDEXPM_S:
      return of_destination<fp::addexpm>;
    case Op::UN_S:
      return compare<false, set_of({Relation::kUnordered})>;
    case Op::OEQ_S:
      return compare<false, set_of({Relation::kEqual})>;
    case Op::UEQ_S:
      return compare<false, set_of({Relation::kEqual, Relation::kUnordered})>;
    case Op::OLT_S:
      return compare<true, set_of({Relation::kLess})>;
    case Op::ULT_S:
      return compare<false, set_of({Relation::kLess, Relation::kUnordered})>;
    case Op::OLE_S:
      return compare<true, set_of({Relation::kLess, Relation::kEqual})>;
    case Op::ULE_S:
      return compare<false, set_of({Relation::kLess, Relation::kEqual, Relation::kUnordered})>;
    case Op::ROUND_S:
      return to_integer<fp::to_signed, Rounding::kNearest>;
    case Op::TRUNC_S:
      return to_integer<fp::to_signed, Rounding::kTruncate>;
    case Op::FLOOR_S:
      return to_integer<fp::to_signed, Rounding::kDown>;
    case Op::CEIL_S:
      return to_integer<fp::to_signed, Rounding::kUp>;
    case Op::UTRUNC_S:
      return to_integer<fp::to_unsigned, Rounding::kTruncate>;
    default:
      return nullptr;
  }
}

}  // namespace espalier::xtensa::jit
