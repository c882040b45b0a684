#include "xtensa/jit/region.h"

#include <algorithm>
#include <map>
#include <set>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"
#include "xtensa/jit/jump_table.h"
#include "xtensa/jit/leaf.h"
#include "xtensa/registers.h"

namespace espalier::xtensa::jit {
namespace {

constexpr unsigned kMaxSteps = 400;      // of a region
constexpr unsigned kMaxBlockSteps = 40;  // so that short turns of a core can still be translated code's
constexpr unsigned kMaxLeafSteps = 200;  // of all functions that a region takes in

bool is_entry(const Instruction& in) {
  return in.op == Op::ENTRY;
}

End end_of(const Instruction& in) {
  const InstructionRow& row = instruction_row(in.op);
  if (row.is(kBranch)) return End::kBranch;
  if (row.is(kLoop)) return End::kLoop;
  if (is_resumed(in)) return End::kResume;
  switch (in.op) {
    case Op::J:
      return End::kJump;
    case Op::JX:
      return End::kJumpX;
    case Op::CALL0:
    case Op::CALL4:
    case Op::CALL8:
    case Op::CALL12:
      return End::kCall;
    case Op::CALLX0:
    case Op::CALLX4:
    case Op::CALLX8:
    case Op::CALLX12:
      return End::kCallX;
    case Op::RET:
    case Op::RET_N:
    case Op::RETW:
    case Op::RETW_N:
      return End::kReturn;
    default:
      return End::kFall;
  }
}

// Takes the code apart: which instructions can be reached, and where blocks have to begin.
class Discovery {
 public:
  Discovery(const CodeSource& source, std::uint32_t pc, Mode mode) : source_(source) {
    region_.pc = pc;
    region_.mode = mode;
  }

  Region run() {
    std::uint32_t start = region_.pc;
    Instruction first;
    if (is_barred(start) || !decode_at(start, first)) return {};
    if (is_entry(first)) {
      if (!region_.mode.windows || first.s > 3) return {};
      region_.opens_window = true;
      region_.entry_step = {start, first, registers_of(first)};
      add_range(start, start + first.length);
      start += first.length;
      // A loop that ends behind ENTRY is nobody's code.
      if (source_.is_loop_end(start) || is_barred(start)) return {};
    } else if (!is_translated(first)) {
      return {};
    }
    // It may begin in a loop, behind the instruction that says where that begins.
    if (const auto loop = source_.loop ? source_.loop() : std::nullopt) loops_[loop->second] = loop->first;
    start_ = start;
    leaders_.insert(start);
    pending_.push_back(start);
    while (!pending_.empty() && code_.size() < kMaxSteps) {
      const std::uint32_t at = pending_.back();
      pending_.pop_back();
      follow(at);
    }
    make_blocks(start);
    take_in_leaves();
    return std::move(region_);
  }

 private:
  // Not to be decoded: the interpreter's.
  bool is_barred(std::uint32_t pc) const { return source_.is_native(pc) || source_.is_breakpoint(pc); }

  // What has been translated is gone on to, not translated again: functions that are longer than a region
  // would be so from each place where they are entered. But a function keeps its loops, with registers in
  // their places. And where a call comes back to belongs to the call, so that RETW finds its way.
  bool is_left_to_another(std::uint32_t pc) const {
    return !region_.opens_window && pc != start_ && !landings_.contains(pc) && source_.is_entry &&
           source_.is_entry(pc, region_.mode);
  }

  bool decode_at(std::uint32_t pc, Instruction& in) {
    std::uint32_t word = 0;
    if (!source_.fetch(pc, word)) return false;
    in = decode(pc, word);
    return true;
  }

  void add_range(std::uint32_t begin, std::uint32_t end) { region_.ranges.emplace_back(begin, end); }

  void lead(std::uint32_t pc) {
    leaders_.insert(pc);
    if (!code_.contains(pc)) pending_.push_back(pc);
  }

  void follow(std::uint32_t pc) {
    while (code_.size() < kMaxSteps && !code_.contains(pc)) {
      if (is_barred(pc) || is_left_to_another(pc)) return;
      Instruction in;
      if (!decode_at(pc, in) || !is_translated(in)) return;
      const std::uint32_t next = pc + in.length;
      // These may go no further than to the next instruction; where a loop ends, that is not for them to say.
      const bool may_leave =
          changes_interrupts(in) || in.op == Op::ROTW || (in.op == Op::WSR && !writes_lend(in));
      if (may_leave && region_.mode.loops && source_.is_loop_end(next)) return;
      if (next < pc) return;
      code_.emplace(pc, in);
      const End end = end_of(in);
      if (end == End::kLoop) {
        const auto loop_end = static_cast<std::uint32_t>(in.imm);
        source_.add_loop_end(loop_end);
        loops_[loop_end] = next;
      }
      const bool loop_ends = region_.mode.loops && source_.is_loop_end(next);
      switch (end) {
        case End::kFall:
          if (loop_ends) {
            lead(next);
            return;
          }
          break;
        case End::kBranch:
        case End::kLoop:
          // The way on first: it is followed last, so the straight path is found before the limit is.
          lead(static_cast<std::uint32_t>(in.imm));
          lead(next);
          return;
        case End::kJump:
          lead(static_cast<std::uint32_t>(in.imm));
          return;
        case End::kCall:
        case End::kCallX:
          landings_.insert(next);
          lead(next);
          return;
        case End::kJumpX:
          follow_tables(pc);
          return;
        case End::kResume:
          // Mostly it goes on behind it.
          if (resume_of(in) == Resume::kPerform) lead(next);
          return;
        default:
          return;
      }
      pc = next;
    }
  }

  // To the cases of the switch at `jx`. Its table's address is a literal of this code, or a loop keeps it in
  // a register.
  void follow_tables(std::uint32_t jx) {
    if (!source_.word) return;
    std::set<std::uint32_t> tables;
    for (const auto& [pc, in] : code_)
      if (in.op == Op::L32R)
        if (const auto literal = source_.literal(static_cast<std::uint32_t>(in.imm))) tables.insert(*literal);
    for (unsigned reg = 0; reg < 16; ++reg) tables.insert(source_.ar(reg));
    for (const std::uint32_t table : tables)
      for (const std::uint32_t target : jump_table_targets(source_, table, jx)) {
        cases_.insert(target);
        lead(target);
      }
  }

  // Which block begins at `pc`; the region leaves there if there is none.
  Target target(std::uint32_t pc) const {
    const auto found = index_.find(pc);
    return {pc, found == index_.end() ? Target::kOutside : found->second};
  }

  // Straight on at `pc`: through the end of a loop, if one is there.
  Target onward(std::uint32_t pc) const {
    const auto loop_end = loop_end_index_.find(pc);
    if (loop_end != loop_end_index_.end()) return {pc, loop_end->second};
    return target(pc);
  }

  void make_blocks(std::uint32_t start) {
    // Ends of loops may have become known after the code before them.
    for (const auto& [pc, in] : code_)
      if (region_.mode.loops && source_.is_loop_end(pc)) leaders_.insert(pc);
    std::vector<std::uint32_t> starts;
    for (const std::uint32_t leader : leaders_)
      if (code_.contains(leader)) starts.push_back(leader);
    // The region's begin comes first, the others by address: most fall through to the next.
    std::stable_partition(starts.begin(), starts.end(), [&](std::uint32_t pc) { return pc == start; });
    for (const std::uint32_t pc : starts) walk(pc);
    std::set<std::uint32_t> loop_ends;
    for (const Block& block : region_.blocks)
      if (ends_loop(block)) loop_ends.insert(block.end_pc);
    for (const std::uint32_t pc : loop_ends) {
      loop_end_index_.emplace(pc, static_cast<int>(region_.blocks.size()));
      Block block;
      block.pc = block.end_pc = pc;
      block.end = End::kLoopEnd;
      region_.blocks.push_back(block);
    }
    for (Block& block : region_.blocks) connect(block);
    for (const std::uint32_t pc : cases_)
      if (const Target one = target(pc); one.block != Target::kOutside) region_.cases.push_back(one.block);
  }

  bool ends_loop(const Block& block) const {
    if (!region_.mode.loops || block.count == 0 || !source_.is_loop_end(block.end_pc)) return false;
    return block.end == End::kFall || block.end == End::kBranch;
  }

  void walk(std::uint32_t pc) {
    while (true) {
      Block block;
      block.pc = block.end_pc = pc;
      block.first = static_cast<unsigned>(region_.steps.size());
      index_.emplace(pc, static_cast<int>(region_.blocks.size()));
      bool split = false;
      while (true) {
        const auto found = code_.find(block.end_pc);
        if (found == code_.end() || (block.count != 0 && leaders_.contains(block.end_pc))) break;
        if (block.count == kMaxBlockSteps) {
          split = !index_.contains(block.end_pc);
          break;
        }
        const Instruction& in = found->second;
        region_.steps.push_back({block.end_pc, in, registers_of(in)});
        ++block.count;
        block.end_pc += in.length;
        block.end = end_of(in);
        if (block.end != End::kFall || (region_.mode.loops && source_.is_loop_end(block.end_pc))) break;
      }
      add_range(block.pc, block.end_pc);
      region_.blocks.push_back(block);
      if (!split) return;
      pc = block.end_pc;
    }
  }

  void connect(Block& block) {
    if (block.end == End::kLoopEnd) {
      block.next = target(block.pc);
      const auto begin = loops_.find(block.pc);
      if (begin != loops_.end()) block.taken = target(begin->second);
      return;
    }
    const Instruction& last = region_.steps[block.first + block.count - 1].in;
    const bool call = block.end == End::kCall || block.end == End::kCallX || block.end == End::kResume;
    block.next = call || block.end == End::kLoop ? target(block.end_pc) : onward(block.end_pc);
    if (block.end == End::kBranch || block.end == End::kJump || block.end == End::kLoop ||
        block.end == End::kCall) {
      block.taken = block.end == End::kCall ? Target{static_cast<std::uint32_t>(last.imm), Target::kOutside}
                                            : target(static_cast<std::uint32_t>(last.imm));
    }
    if (block.end != End::kFall || block.next.block != Target::kOutside) return;
    // Nothing more was decoded there: another region's, or the interpreter's.
    Instruction next;
    if (is_barred(block.end_pc) || !decode_at(block.end_pc, next) ||
        (!is_translated(next) && !is_entry(next)))
      block.end = End::kInterpret;
  }

  // Where a call leads, if that is known: most load the address first.
  std::optional<std::uint32_t> callee(const Block& block) {
    if (block.end == End::kCall) return block.taken.pc;
    if (block.end != End::kCallX || !source_.literal) return std::nullopt;
    const unsigned reg = region_.steps[block.first + block.count - 1].in.s;
    for (unsigned n = block.count - 1; n-- > 0;) {
      const Step& step = region_.steps[block.first + n];
      if ((step.use.writes & bit(reg)) == 0) continue;
      if (step.in.op != Op::L32R) return std::nullopt;
      const auto address = static_cast<std::uint32_t>(step.in.imm);
      const auto value = source_.literal(address);
      if (value) add_range(address, address + 4);
      return value;
    }
    return std::nullopt;
  }

  void take_in_leaves() {
    if (!region_.mode.windows || !region_.mode.loops) return;
    unsigned steps = 0;
    std::vector<Block> blocks;  // in their new order: leaves stand behind their calls
    std::vector<int> places;    // of the old ones
    const std::vector<Block> old = std::move(region_.blocks);
    for (const Block& block : old) {
      places.push_back(static_cast<int>(blocks.size()));
      blocks.push_back(block);
      const auto pc = callee(block);
      // The address where it comes back to has the callee's top bits.
      if (!pc || block.next.block == Target::kOutside || *pc >> 30 != 1 || block.end_pc >> 30 != 1) continue;
      const unsigned n = call_increment(region_.steps[block.first + block.count - 1].in.op);
      if (n == 0) continue;
      const auto leaf = find_leaf(source_, *pc);
      if (!leaf || (steps += static_cast<unsigned>(leaf->steps.size())) > kMaxLeafSteps) continue;
      blocks.back().leaf = static_cast<int>(blocks.size());
      blocks.back().leaf_panes = n + leaf->panes;
      region_.steps[block.first + block.count - 1].use.writes |= bit(4 * n);
      append_leaf(blocks, *leaf, n, block.next);
    }
    const auto moved = [&](Target& target) {
      if (target.block != Target::kOutside) target.block = places[static_cast<std::size_t>(target.block)];
    };
    for (int& one : region_.cases) one = places[static_cast<std::size_t>(one)];
    for (Block& block : blocks) {
      if (block.window == 0 || block.end == End::kLeafReturn) moved(block.next);
      if (block.window == 0) moved(block.taken);
    }
    region_.blocks = std::move(blocks);
  }

  // `back`: where its caller goes on, by the old order.
  void append_leaf(std::vector<Block>& blocks, const Leaf& leaf, unsigned n, Target back) {
    const std::size_t first = blocks.size();
    const auto place = [&](std::uint32_t pc) {
      const auto found = std::lower_bound(leaf.leaders.begin(), leaf.leaders.end(), pc);
      return Target{pc, static_cast<int>(first) + static_cast<int>(found - leaf.leaders.begin())};
    };
    for (const Step& own : leaf.steps) {
      const bool opens = is_entry(own.in);
      if (std::binary_search(leaf.leaders.begin(), leaf.leaders.end(), own.pc)) {
        if (blocks.size() != first && blocks.back().end == End::kFall) blocks.back().next = place(own.pc);
        Block block;
        block.pc = own.pc;
        block.first = static_cast<unsigned>(region_.steps.size());
        block.window = static_cast<std::uint8_t>(n);
        blocks.push_back(block);
      }
      Block& block = blocks.back();
      Step step = own;
      step.window = static_cast<std::uint8_t>(n);
      if (opens) {
        step.use = {.reads = bit(own.in.s), .writes = bit(4 * n + own.in.s)};
      } else if (end_of(own.in) != End::kReturn) {
        step.in = moved_up(own.in, static_cast<int>(4 * n));
        step.use = registers_of(step.in);
      }
      region_.steps.push_back(step);
      ++block.count;
      block.end_pc = own.pc + own.in.length;
      block.end = end_of(own.in);
      switch (block.end) {
        case End::kBranch:
          block.taken = place(static_cast<std::uint32_t>(own.in.imm));
          block.next = place(block.end_pc);
          break;
        case End::kJump:
          block.taken = place(static_cast<std::uint32_t>(own.in.imm));
          break;
        case End::kReturn:
          block.end = End::kLeafReturn;
          block.next = back;
          break;
        default:
          break;
      }
    }
    add_range(leaf.steps.front().pc, leaf.end_pc);
  }

  const CodeSource& source_;
  Region region_;
  std::uint32_t start_ = 0;  // of blocks[0]
  std::map<std::uint32_t, Instruction> code_;
  std::set<std::uint32_t> leaders_, cases_, landings_;
  std::vector<std::uint32_t> pending_;
  std::map<std::uint32_t, std::uint32_t> loops_;  // LEND: LBEG
  std::map<std::uint32_t, int> index_, loop_end_index_;
};

}  // namespace

Mode Mode::of(std::uint32_t ps) {
  return {(ps & (kPsWoe | kPsExcm)) == kPsWoe, (ps & kPsExcm) == 0};
}

Region discover(const CodeSource& source, std::uint32_t pc, Mode mode) {
  return Discovery(source, pc, mode).run();
}

}  // namespace espalier::xtensa::jit
