#include "xtensa/waiting_loop.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "xtensa/core.h"
#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/jit/region.h"

namespace espalier::xtensa {
namespace {

using jit::RegisterSet;

// It may wait for something, though it does not look at memory.
bool may_wait(const Instruction& in) {
  // A bit of INTERRUPT is as good as a flag.
  const bool reads_interrupt = in.op == Op::RSR && in.imm == static_cast<std::int32_t>(Sr::INTERRUPT);
  return in.op == Op::kInvalid || in.op == Op::WAITI || in.op == Op::RER || reads_interrupt;
}

bool understood(const Instruction& in) {
  if (in.op == Op::JX || may_wait(in)) return false;
  return !instruction_row(in.op).is(kCall | kReturn | kWindow);
}

bool leads_elsewhere(const Instruction& in) {
  return in.op != Op::kInvalid && in.op != Op::JX && instruction_row(in.op).is(kBranch | kJump | kLoop);
}

std::uint32_t target(const Instruction& in) {
  return static_cast<std::uint32_t>(in.imm);
}

// What depends on `changing` behind the instruction.
RegisterSet passed_on(const Instruction& in, RegisterSet changing) {
  const jit::RegisterUse use = jit::registers_of(in);
  return (use.reads & changing) != 0 ? changing | use.writes : changing & ~use.writes;
}

// The registers that are something else at the begin of each round, as far as can be seen.
RegisterSet changing_registers(std::span<const Instruction> loop) {
  RegisterSet read_first = 0, written = 0;
  for (const Instruction& in : loop) {
    const jit::RegisterUse use = jit::registers_of(in);
    read_first |= use.reads & ~written;
    written |= use.writes;
  }
  RegisterSet changing = read_first & written;
  for (;;) {
    RegisterSet behind = changing;
    for (const Instruction& in : loop) behind = passed_on(in, behind);
    if ((changing & behind) == changing) return changing;
    changing &= behind;
  }
}

// Whether the word of the load at `loop[at]` is written before the straight run that it is in ends.
bool writes_back(std::span<const Instruction> loop, std::size_t at) {
  const Instruction& load = loop[at];
  const unsigned size = access_shape(load).size;
  if (jit::registers_of(load).writes == jit::bit(load.s)) return false;
  for (const Instruction& in : loop.subspan(at + 1)) {
    if (leads_elsewhere(in)) return false;
    const AccessShape shape = access_shape(in);
    if (shape.store && !shape.load && !shape.index && shape.size == size && in.s == load.s &&
        in.imm == load.imm)
      return true;
    if ((jit::registers_of(in).writes & jit::bit(load.s)) != 0) return false;
  }
  return false;
}

// Null if there is no code that can be read from host memory.
std::optional<Instruction> read(const Core& core, std::uint32_t pc) {
  const MemoryView& memory = core.memory();
  const auto readable = [&](std::uint32_t at) { return (memory.attributes[at >> 12] & kPageFetch) != 0; };
  if (!readable(pc) || !readable(pc + instruction_length(memory.base[pc]) - 1)) return std::nullopt;
  return decode(pc, memory.base + pc);
}

}  // namespace

Awaits awaited_by(std::span<const Instruction> loop, bool innermost) {
  if (!std::ranges::all_of(loop, understood)) return Awaits::kMemory;
  RegisterSet changing = changing_registers(loop);
  Awaits awaits = Awaits::kNothing;
  for (std::size_t at = 0; at < loop.size(); ++at) {
    const Instruction& in = loop[at];
    const AccessShape shape = access_shape(in);
    const RegisterSet address = jit::bit(in.s) | (shape.index ? jit::bit(in.t) : 0);
    if (shape.load && shape.base && (address & changing) == 0) {
      const auto is_lock = [&](const Instruction& other) {
        return other.op == Op::S32C1I && other.s == in.s && other.imm == in.imm;
      };
      if (!shape.index && std::ranges::any_of(loop, is_lock))
        awaits = Awaits::kLock;
      else if (shape.index || !innermost || !writes_back(loop, at))
        return Awaits::kMemory;
    }
    changing = passed_on(in, changing);
  }
  return awaits;
}

bool awaits_lock(const Core& core, std::span<const std::uint32_t> round) {
  bool is_lock = false;
  for (const std::uint32_t pc : round) {
    const std::optional<Instruction> in = read(core, pc);
    // A native function's place holds no instruction that goes on.
    if (!in || in->op == Op::ILL || may_wait(*in)) return false;
    if (in->op == Op::S32C1I)
      is_lock = true;
    else if (access_shape(*in).load)
      return false;
  }
  return is_lock;
}

SmallLoop loop_around(const Core& core) {
  const State& s = core.state();
  const SmallLoop none = {.first = s.pc, .last = s.pc};
  const bool counted = s.lcount != 0 && (s.ps & kPsExcm) == 0 && s.pc >= s.lbeg &&
                       s.pc - s.lbeg < kSmallLoopBytes && s.pc < s.lend;
  // Where it ends, then what leads to its begin from further on.
  std::optional<SmallLoop> found;
  std::uint32_t pc = s.pc;
  while (pc - (found ? found->first : s.pc) < kSmallLoopBytes) {
    const std::optional<Instruction> in = read(core, pc);
    if (!in) break;
    const std::uint32_t behind = pc + in->length;
    const bool back = leads_elsewhere(*in) && !instruction_row(in->op).is(kLoop) && target(*in) <= s.pc &&
                      s.pc - target(*in) < kSmallLoopBytes;
    if (!found && back)
      found = {.first = target(*in), .last = pc};
    else if (!found && counted && behind == s.lend)
      found = {.first = s.lbeg, .last = pc};
    else if (found && back && target(*in) == found->first)
      found->last = pc;
    pc = behind;
  }
  if (!found) return none;
  std::vector<Instruction> loop;
  found->innermost = true;
  for (pc = found->first; pc <= found->last; pc += loop.back().length) {
    const std::optional<Instruction> in = read(core, pc);
    if (!in) return none;
    const bool back = leads_elsewhere(*in) && target(*in) > found->first && target(*in) <= pc;
    if (back || (in->op != Op::kInvalid && instruction_row(in->op).is(kLoop))) found->innermost = false;
    loop.push_back(*in);
  }
  found->awaits = awaited_by(loop, found->innermost);
  return *found;
}

}  // namespace espalier::xtensa
