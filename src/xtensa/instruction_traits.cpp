#include "xtensa/instruction_traits.h"

#include <algorithm>

#include "xtensa/instruction_table.h"
#include "xtensa/mac16.h"
#include "xtensa/registers.h"

namespace espalier::xtensa {

unsigned panes_of(const Instruction& in) {
  if (in.op == Op::kInvalid || in.op == Op::ENTRY) return 0;
  unsigned highest = 4 * call_increment(in.op);
  const InstructionRow& row = instruction_row(in.op);
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const Operand& operand = row.operands[i];
    if (operand.file != RegisterFile::kAr) continue;
    const unsigned number = operand.place == Place::kR ? in.r : operand.place == Place::kS ? in.s : in.t;
    highest = std::max(highest, number);
  }
  return highest / 4;
}

unsigned call_increment(Op op) {
  switch (op) {
    case Op::CALL4:
    case Op::CALLX4:
      return 1;
    case Op::CALL8:
    case Op::CALLX8:
      return 2;
    case Op::CALL12:
    case Op::CALLX12:
      return 3;
    default:
      return 0;
  }
}

bool is_nothing(Op op) {
  switch (op) {
    case Op::NOP:
    case Op::NOP_N:
    case Op::MEMW:
    case Op::EXTW:
    case Op::RSYNC:
    case Op::ESYNC:
    case Op::DSYNC:
    case Op::EXCW:
    case Op::ISYNC:
      return true;
    default:
      return false;
  }
}

bool writes_lend(const Instruction& in) {
  return (in.op == Op::WSR || in.op == Op::XSR) && in.imm == static_cast<std::int32_t>(Sr::LEND);
}

AccessShape access_shape(const Instruction& in) {
  if (in.op == Op::kInvalid) return {};
  const InstructionRow& row = instruction_row(in.op);
  if (!row.is(kLoad | kStore) || row.is(kDebugMode)) return {};
  AccessShape shape{.size = 4,
                    .load = row.is(kLoad),
                    .store = row.is(kStore),
                    .base = true,
                    .index = false,
                    .offset = static_cast<std::uint32_t>(in.imm)};
  switch (in.op) {
    case Op::L8UI:
    case Op::S8I:
      shape.size = 1;
      break;
    case Op::L16UI:
    case Op::L16SI:
    case Op::S16I:
      shape.size = 2;
      break;
    case Op::L32R:
      shape.base = false;
      break;
    case Op::LSX:
    case Op::SSX:
      shape.index = true;
      shape.offset = 0;
      break;
    case Op::LSIP:  // these move the pointer after the access
    case Op::LSXP:
    case Op::SSIP:
    case Op::SSXP:
      shape.offset = 0;
      break;
    default:
      if (is_mac16_load(in.op)) shape.offset = mac16_pointer_step(in.op);  // and these before it
      break;
  }
  return shape;
}

}  // namespace espalier::xtensa
