#include "xtensa/jit/known_values.h"

#include <algorithm>
#include <bit>

#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/mac16.h"

namespace espalier::xtensa::jit {
namespace {

constexpr unsigned kNoRegister = kArs;

}  // namespace

static_assert(Facts::kMostRoom * 128 + 2 * 255 + 2 <= 0x400);  // the steps, L16UI's offset, its size

KnownValues::KnownValues(const Facts& facts) : panes_(facts.panes) {
  for (unsigned reg = 0; reg < kArs; ++reg) {
    if ((facts.aligned >> reg & 1) != 0) values_[reg].aligned_if = 0;
    if (const unsigned room = facts.room(reg); room != 0)
      values_[reg].near = kTested, values_[reg].steps = static_cast<std::uint8_t>(Facts::kMostRoom - room);
  }
}

KnownValues KnownValues::relative() {
  KnownValues known;
  for (unsigned reg = 0; reg < kArs; ++reg)
    known.values_[reg] = {.aligned_if = 1u << reg, .near = static_cast<std::uint8_t>(reg)};
  return known;
}

std::optional<std::uint32_t> KnownValues::constant(unsigned reg) const {
  if (reg >= kArs || !values_[reg].is_constant) return std::nullopt;
  return values_[reg].constant;
}

unsigned KnownValues::room(unsigned reg) const {
  const Value& value = values_[reg];
  return value.near == kTested && value.steps < Facts::kMostRoom ? Facts::kMostRoom - value.steps : 0;
}

Facts KnownValues::facts() const {
  Facts facts{.panes = panes_};
  for (unsigned reg = 0; reg < kArs; ++reg) {
    if (is_aligned(reg)) facts.aligned |= 1u << reg;
    facts.set_room(reg, room(reg));
  }
  return facts;
}

Facts KnownValues::wanted_for(const Facts& facts) const {
  Facts wanted{.panes = facts.panes};
  for (unsigned reg = 0; reg < kArs; ++reg) {
    const Value& value = values_[reg];
    if ((facts.aligned >> reg & 1) != 0 && value.aligned_if != kNever) wanted.aligned |= value.aligned_if;
    if (facts.room(reg) != 0 && value.near < kArs) wanted.set_room(value.near, Facts::kMostRoom);
  }
  return wanted;
}

void KnownValues::access(const Instruction& in) {
  const AccessShape shape = access_shape(in);
  // S32C1I asks every time, and where there is an index it is the sum that counts.
  if (shape.size == 0 || !shape.base || shape.index || in.op == Op::S32C1I || constant(in.s)) return;
  Value& value = values_[in.s];
  if (shape.size == 4) {
    if (value.aligned_if != kNever) wanted_.aligned |= value.aligned_if;
    value.aligned_if = 0;
  } else if (room(in.s) == 0) {
    if (value.near < kArs && value.steps < Facts::kMostRoom) wanted_.set_room(value.near, Facts::kMostRoom);
    value.near = kTested, value.steps = 0;
  }
}

KnownValues::Value KnownValues::constant_value(std::uint32_t number) {
  return {.aligned_if = number % 4 == 0 ? 0 : kNever, .constant = number, .is_constant = true};
}

KnownValues::Value KnownValues::moved(Value value, std::int32_t by) {
  if (value.is_constant) return constant_value(value.constant + static_cast<std::uint32_t>(by));
  if (by % 4 != 0) value.aligned_if = kNever;
  if (by != 0) {
    if (by < -kSmallStep || by > kSmallStep || value.steps == Facts::kMostRoom) value.near = kNowhere;
    ++value.steps;
  }
  return value;
}

// What the register `to` holds then.
KnownValues::Value KnownValues::result(const Step& step, const ReadLiteral& literal, unsigned& to) const {
  const Instruction& in = step.in;
  const auto aligned_if = [](std::uint32_t registers) {
    Value value;
    value.aligned_if = registers;
    return value;
  };
  switch (in.op) {
    case Op::MOVI:
      to = in.t;
      return constant_value(static_cast<std::uint32_t>(in.imm));
    case Op::MOVI_N:
      to = in.s;
      return constant_value(static_cast<std::uint32_t>(in.imm));
    case Op::L32R: {
      to = in.t;
      const auto value = literal(static_cast<std::uint32_t>(in.imm));
      return value ? constant_value(*value) : Value{};
    }
    case Op::MOV_N:
      to = in.t;
      return values_[in.s];
    case Op::OR:
      to = in.r;
      return in.s == in.t ? values_[in.s] : Value{};
    case Op::ADDI_N:
      to = in.r;
      return moved(values_[in.s], in.imm);
    case Op::ADDI:
    case Op::ADDMI:
      to = in.t;
      return moved(values_[in.s], in.imm);
    case Op::ENTRY:  // of a function that has been taken in
      to = 4u * step.window + in.s;
      return moved(values_[in.s], -in.imm);
    case Op::ADD:
    case Op::ADD_N:
    case Op::SUB:
      to = in.r;
      return aligned_if(values_[in.s].aligned_if | values_[in.t].aligned_if);
    case Op::ADDX4:
    case Op::ADDX8:
    case Op::SUBX4:
    case Op::SUBX8:
      to = in.r;
      return aligned_if(values_[in.t].aligned_if);
    case Op::AND:
      to = in.r;
      return aligned_if(is_aligned(in.s) || is_aligned(in.t) ? 0 : kNever);
    case Op::SLLI:
      to = in.r;
      return aligned_if(in.imm >= 2 ? 0 : kNever);
    case Op::MOVEQZ:
    case Op::MOVNEZ:
    case Op::MOVLTZ:
    case Op::MOVGEZ:
      to = in.r;
      return aligned_if(values_[in.r].aligned_if | values_[in.s].aligned_if);
    case Op::LSIP:
    case Op::SSIP:
      to = in.s;
      return moved(values_[in.s], in.imm);
    case Op::LSXP:
    case Op::SSXP:
      to = in.s;
      return aligned_if(values_[in.s].aligned_if | values_[in.t].aligned_if);
    default:
      if (is_mac16_load(in.op)) {
        to = in.s;
        return moved(values_[in.s], static_cast<std::int32_t>(mac16_pointer_step(in.op)));
      }
      return {};
  }
}

void KnownValues::need_panes(unsigned panes) {
  panes_ = std::max(panes_, panes);
  wanted_.panes = std::max(wanted_.panes, panes);
}

void KnownValues::step(const Step& step, const ReadLiteral& literal) {
  need_panes(panes_of(step.in));
  access(step.in);
  unsigned to = kNoRegister;
  const Value value = result(step, literal, to);
  for (RegisterSet set = step.use.writes & (bit(kArs) - 1); set != 0; set &= set - 1)
    values_[static_cast<unsigned>(std::countr_zero(set))] = {};
  if (to != kNoRegister) values_[to] = value;
}

}  // namespace espalier::xtensa::jit
