#include "xtensa/testing/memory_statements.h"

#include <algorithm>

namespace espalier::xtensa::testing {
namespace {

constexpr unsigned kStack = 1, kPointer = 2;

// The register that an access starts from, with an address in it.
unsigned base_register(ProgramBuilder& b, const InstructionRow& row) {
  Random& random = b.random;
  const bool moves = std::any_of(
      row.operands.begin(), row.operands.begin() + row.operand_count,
      [](const Operand& o) { return o.file == RegisterFile::kAr && o.place == Place::kS && o.writes(); });
  static constexpr std::uint32_t kEdges[] = {
      kData - 4,
      kData - 1,
      kData,
      kData + kRandomDataSize - 4,
      kData + kRandomDataSize - 2,
      kData + 0xffd,
      kData + 0x1000,
      kVectors + 0x1f00,
      kMixed,
      kMixed + kRandomMixedSize - 1,
      kDevice - 2,
      kDevice + 0xffe,
      kCode,
      kCode + kRandomCodeSize - 4,
      kCode + 0xffe,
      0,
      0xfffffffd,
      0xffffffff,
  };
  const unsigned base = b.temporary();
  switch (random.weighted(std::initializer_list<int>{55, 10, 10, 2, 9, 6, 2, 2})) {
    case 0:
      if (!moves) return kPointer;
      b.emit(Op::MOV_N, {base, kPointer});
      return base;
    case 1:
      b.emit(Op::ADDI, {base, kPointer, random.between(0, 100)});
      return base;
    case 2:  // a place in data memory that depends on data
      b.emit(Op::EXTUI, {base, random.below(16), random.below(16), random.between(1, 9)});
      b.emit(random.pick({Op::ADD, Op::ADDX2, Op::ADDX4}), {base, base, kPointer});
      return base;
    case 3:
      b.emit(Op::ADDI, {base, kStack, random.between(0, 7) * 4});
      return base;
    case 4:
      b.load_literal(base,
                     kDevice + (random.chance(50) ? random.below(64) * 4 : kRaiseLine + random.below(8) * 4));
      return base;
    case 5:
      b.load_literal(base, random.pick(kEdges));
      return base;
    case 6:
      b.load_literal(base, random.next());
      return base;
    default:
      if (b.program.labels.empty()) return kPointer;
      b.load_address(base, random.below(static_cast<std::uint32_t>(b.program.labels.size())));
      return base;
  }
}

}  // namespace

void memory_statement(ProgramBuilder& b) {
  Random& random = b.random;
  const bool store = random.chance(45);
  const Op op = random.chance(50)
                    ? (store ? random.pick({Op::S8I, Op::S16I, Op::S32I, Op::S32I_N, Op::SSI})
                             : random.pick({Op::L8UI, Op::L16UI, Op::L16SI, Op::L32I, Op::L32I_N, Op::LSI}))
                    : random.pick(ops_of(store ? Group::kStore : Group::kLoad));
  const InstructionRow& row = instruction_row(op);
  if (op == Op::L32R) {
    return b.load_literal(b.temporary(), random.next());
  }
  const unsigned base = base_register(b, row);
  if (op == Op::S32C1I && random.chance(60)) {
    const unsigned old = b.temporary(static_cast<std::uint16_t>(1u << base));
    b.emit(Op::L32I, {old, base, 0});
    b.emit(Op::WSR, {old, static_cast<std::int64_t>(Sr::SCOMPARE1)});
  }
  std::uint32_t word = random_word(random, op, b.registers());
  const bool indexed = op == Op::LSX || op == Op::LSXP || op == Op::SSX || op == Op::SSXP;
  if (indexed && random.chance(85)) {
    const unsigned index = b.temporary(static_cast<std::uint16_t>(1u << base));
    b.load_number(index, static_cast<std::int32_t>(random.below(64) * 4));
    word = with_register(word, Place::kT, index);
  }
  // The device's registers and what lies at an edge would be missed with an offset.
  if (base != kPointer && row.length == 3 && !indexed && random.chance(70) &&
      std::any_of(row.operands.begin(), row.operands.end(), [](const Operand& o) {
        return o.immediate != nullptr && o.immediate->name.starts_with("uimm8");
      })) {
    word &= ~0xff0000u;
  }
  b.emit_word(with_register(word, Place::kS, base), row.length);
}

void float_statement(ProgramBuilder& b) {
  Random& random = b.random;
  static constexpr std::uint32_t kSpecial[] = {
      0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345,
      0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff, 0x3f800000, 0xbf800000, 0x4b000000,
      0x4effffff, 0xcf000000, 0x3effffff, 0x33800000, 0x5f000000, 0x40490fdb,
  };
  const unsigned a = b.temporary();
  if (random.chance(40)) {
    b.load_number(a, static_cast<std::int32_t>(random.below(128)));
    b.emit(Op::WUR, {a, static_cast<std::int64_t>(random.chance(70) ? Ur::FCR : Ur::FSR)});
  } else {
    b.load_literal(a, random.pick(kSpecial));
    b.emit(Op::WFR, {random.below(16), a});
  }
}

}  // namespace espalier::xtensa::testing
