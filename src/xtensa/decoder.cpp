#include "xtensa/decoder.h"

#include <array>
#include <vector>

#include "xtensa/instruction_table.h"
#include "xtensa/register_names.h"

namespace espalier::xtensa {
namespace {

// The rows of isa.def as a tree: each node looks at one nibble of the word and has a child for each of its 16
// values; a leaf is a short list of rows, of which at most one matches. Made once, from the table alone.
class Tree {
 public:
  Tree() {
    Rows all;
    for (const InstructionRow& row : kInstructionTable) all.push_back(&row);
    root_ = build(all, 0);
  }

  const InstructionRow* find(std::uint32_t word) const {
    std::uint16_t at = root_;
    while (!(at & kLeaf)) at = nodes_[at].children[word >> nodes_[at].shift & 15];
    const Leaf leaf = leaves_[at & ~kLeaf];
    for (unsigned i = leaf.first; i < leaf.end; ++i) {
      if ((word & rows_[i]->mask) == rows_[i]->match) return rows_[i];
    }
    return nullptr;
  }

 private:
  using Rows = std::vector<const InstructionRow*>;
  static constexpr std::uint16_t kLeaf = 0x8000;  // set in the number of a leaf, clear in that of a node
  static constexpr unsigned kNibbles = 6;
  static constexpr unsigned kNone = kNibbles;

  struct Node {
    unsigned shift = 0;
    std::array<std::uint16_t, 16> children{};
  };
  struct Leaf {
    std::uint16_t first, end;  // its part of rows_
  };

  static bool may_have(const InstructionRow& row, unsigned nibble, std::uint32_t value) {
    const std::uint32_t mask = row.mask >> nibble * 4 & 15;
    return (value & mask) == (row.match >> nibble * 4 & mask);
  }

  // `seen` has a bit for each nibble that was looked at on the way. Returns the number of the node or leaf.
  std::uint16_t build(const Rows& rows, unsigned seen) {
    const unsigned nibble = rows.size() < 2 ? kNone : best_nibble(rows, seen);
    if (nibble == kNone) {
      const auto first = static_cast<std::uint16_t>(rows_.size());
      rows_.insert(rows_.end(), rows.begin(), rows.end());
      leaves_.push_back({first, static_cast<std::uint16_t>(rows_.size())});
      return static_cast<std::uint16_t>(kLeaf | (leaves_.size() - 1));
    }
    Node node{.shift = nibble * 4};
    for (std::uint32_t value = 0; value < 16; ++value) {
      Rows subset;
      for (const InstructionRow* row : rows) {
        if (may_have(*row, nibble, value)) subset.push_back(row);
      }
      node.children[value] = build(subset, seen | 1u << nibble);
    }
    nodes_.push_back(node);
    return static_cast<std::uint16_t>(nodes_.size() - 1);
  }

  // The nibble that splits the rows best: whose 16 subsets have the fewest rows in all, squared so that even
  // subsets win. The first nibble, op0, comes first: it says how many others there are.
  static unsigned best_nibble(const Rows& rows, unsigned seen) {
    if (!(seen & 1)) return 0;
    unsigned best = kNone;
    std::size_t best_cost = 16 * rows.size() * rows.size();
    for (unsigned nibble = 1; nibble < kNibbles; ++nibble) {
      if (seen & 1u << nibble) continue;
      std::size_t cost = 0;
      for (std::uint32_t value = 0; value < 16; ++value) {
        std::size_t count = 0;
        for (const InstructionRow* row : rows) count += may_have(*row, nibble, value);
        cost += count * count;
      }
      if (cost < best_cost) {
        best_cost = cost;
        best = nibble;
      }
    }
    return best;
  }

  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  Rows rows_;
  std::uint16_t root_ = 0;
};

const Tree& tree() {
  static const Tree instance;
  return instance;
}

void decode_operand(const Operand& operand, std::uint32_t pc, std::uint32_t word, Instruction& out) {
  if (operand.immediate != nullptr) {
    (operand.place == Place::kImm ? out.imm : out.imm2) = operand.immediate->decode(word, pc);
  } else if (operand.file == RegisterFile::kMr) {
    switch (operand.place) {
      case Place::kR:
        out.r = word >> 14 & 1;
        break;
      case Place::kT:
        out.t = (word >> 6 & 1) + 2;
        break;
      default:
        out.imm = static_cast<std::int32_t>(word >> 12 & 3);
        break;
    }
  }
}

bool register_exists(const Instruction& instruction) {
  const auto number = static_cast<std::uint8_t>(instruction.imm);
  switch (instruction.op) {
    case Op::RSR:
    case Op::WSR:
    case Op::XSR:
      return special_register_name(instruction.op, number).has_value();
    case Op::RUR:
    case Op::WUR:
      return user_register_name(number).has_value();
    default:
      return true;
  }
}

}  // namespace

Instruction decode(std::uint32_t pc, std::uint32_t word) {
  Instruction out;
  out.length = static_cast<std::uint8_t>(instruction_length(static_cast<std::uint8_t>(word)));
  word &= out.length == 2 ? 0xffff : 0xffffff;
  const InstructionRow* row = tree().find(word);
  if (row == nullptr) return out;
  out.op = row->op;
  out.t = word >> 4 & 15;
  out.s = word >> 8 & 15;
  out.r = word >> 12 & 15;
  for (unsigned i = 0; i < row->operand_count; ++i) decode_operand(row->operands[i], pc, word, out);
  if (!register_exists(out)) {
    Instruction invalid;
    invalid.length = out.length;
    return invalid;
  }
  return out;
}

}  // namespace espalier::xtensa
