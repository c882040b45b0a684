#include "xtensa/jit/leaf.h"

#include <algorithm>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"

namespace espalier::xtensa::jit {
namespace {

constexpr std::size_t kMaxSteps = 24;

bool is_return(const Instruction& in) {
  return in.op == Op::RETW || in.op == Op::RETW_N;
}

// What may stand in it besides ENTRY, branches, J and RETW.
bool is_plain(const Instruction& in) {
  constexpr std::uint32_t kBarred =
      kBranch | kCall | kReturn | kLoop | kWindow | kFp | kRing0 | kDebugMode | kEndsBlock;
  switch (in.op) {
    case Op::RSR:
    case Op::WSR:
    case Op::XSR:
    case Op::RUR:
    case Op::WUR:
    case Op::RSIL:
      return false;
    default:
      return !instruction_row(in.op).is(kBarred) && !is_resumed(in);
  }
}

}  // namespace

std::optional<Leaf> find_leaf(const CodeSource& source, std::uint32_t pc) {
  Leaf leaf;
  std::uint32_t farthest = pc;  // of what is branched to
  std::uint32_t at = pc;
  for (bool goes_on = true; goes_on || at <= farthest;) {
    // What nothing leads to may be anything; compilers do not leave such gaps in small functions.
    std::uint32_t word = 0;
    if (leaf.steps.size() == kMaxSteps || source.is_native(at) || source.is_breakpoint(at) ||
        !source.fetch(at, word))
      return std::nullopt;
    const Instruction in = decode(at, word);
    const bool first = leaf.steps.empty();
    if (!is_translated(in) && in.op != Op::ENTRY) return std::nullopt;
    if ((in.op == Op::ENTRY) != first || (first && (in.s == 0 || in.s > 3))) return std::nullopt;
    if (source.is_loop_end(at + in.length)) return std::nullopt;
    const bool branch = instruction_row(in.op).is(kBranch), jump = in.op == Op::J;
    Step step{at, in, registers_of(in)};
    if (first) leaf.leaders.push_back(at);
    at += in.length;
    if (branch || jump) {
      const auto to = static_cast<std::uint32_t>(in.imm);
      if (to < at) return std::nullopt;
      farthest = std::max(farthest, to);
      leaf.leaders.push_back(to);
      leaf.leaders.push_back(at);
    } else if (is_return(in)) {
      step.use = {};
      leaf.leaders.push_back(at);
    } else if (!first && (!is_plain(in) || (step.use.writes & bit(0)) != 0)) {
      return std::nullopt;
    }
    leaf.panes = std::max(leaf.panes, panes_of(in));
    leaf.steps.push_back(step);
    goes_on = !jump && !is_return(in);
  }
  leaf.end_pc = at;
  std::sort(leaf.leaders.begin(), leaf.leaders.end());
  leaf.leaders.erase(std::unique(leaf.leaders.begin(), leaf.leaders.end()), leaf.leaders.end());
  // All of them are beginnings of what has been decoded; the last one may be the end.
  for (const std::uint32_t leader : leaf.leaders)
    if (leader != at && std::none_of(leaf.steps.begin(), leaf.steps.end(),
                                     [&](const Step& step) { return step.pc == leader; }))
      return std::nullopt;
  return leaf;
}

Instruction moved_up(Instruction in, int count) {
  const InstructionRow& row = instruction_row(in.op);
  bool r = false, s = false, t = false;
  for (unsigned i = 0; i < row.operand_count; ++i) {
    if (row.operands[i].file != RegisterFile::kAr) continue;
    r = r || row.operands[i].place == Place::kR;
    s = s || row.operands[i].place == Place::kS;
    t = t || row.operands[i].place == Place::kT;
  }
  const auto move = [count](std::uint8_t number) { return static_cast<std::uint8_t>(number + count); };
  if (r) in.r = move(in.r);
  if (s) in.s = move(in.s);
  if (t) in.t = move(in.t);
  return in;
}

}  // namespace espalier::xtensa::jit
