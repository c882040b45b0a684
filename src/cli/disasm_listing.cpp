#include "cli/disasm_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "xtensa/decoder.h"
#include "xtensa/disassembler.h"
#include "xtensa/instruction_table.h"

namespace espalier::cli {
namespace {

using namespace xtensa;

// The instruction at `address`; kInvalid also where the region ends within it.
Instruction instruction_at(const ProgramRegion& region, std::uint32_t address) {
  const std::size_t offset = address - region.address;
  const auto first = region.bytes[offset];
  const auto bytes = image::slice(region.bytes, offset, instruction_length(first));
  if (bytes) return decode(address, bytes->data());
  return {};
}

// Execution does not go on behind it.
bool ends_flow(const Instruction& instruction) {
  if (instruction.op == Op::kInvalid || instruction.op == Op::ILL || instruction.op == Op::ILL_N) return true;
  return instruction_row(instruction.op).is(kJump | kReturn);
}

bool has_target(const InstructionRow& row) {
  return row.is(kBranch | kJump | kCall | kLoop) && row.operand_count > 0 &&
         row.operands[row.operand_count - 1].print == Print::kTarget;
}

}  // namespace

CodeMap::CodeMap(const Program& program) : program_(program) {
  for (const ProgramRegion& region : program.regions) {
    if (region.executable)
      parts_.push_back({&region, std::vector<Kind>(region.bytes.size(), Kind::kUnknown)});
  }
  for (const std::uint32_t entry : program.entries) explore(entry);
  // Functions that are only called through tables.
  for (const Part& part : parts_) {
    for (std::uint32_t offset = -part.region->address & 3; offset + 4 <= part.kinds.size(); offset += 4) {
      const std::uint32_t address = part.region->address + offset;
      if (part.kinds[offset] == Kind::kUnknown && looks_like_function(address)) explore(address);
    }
  }
}

CodeMap::Part* CodeMap::part_at(std::uint32_t address) {
  const auto part = std::ranges::find_if(parts_, [&](const Part& p) { return p.region->contains(address); });
  return part == parts_.end() ? nullptr : &*part;
}

CodeMap::Kind CodeMap::at(std::uint32_t address) const {
  for (const Part& part : parts_) {
    if (part.region->contains(address)) return part.kinds[address - part.region->address];
  }
  return Kind::kUnknown;
}

// Functions of the windowed ABI are aligned and begin with ENTRY a1.
bool CodeMap::looks_like_function(std::uint32_t address) const {
  const ProgramRegion* region = program_.region_at(address);
  if (region == nullptr || !region->executable || address % 4 != 0) return false;
  const Instruction first = instruction_at(*region, address);
  return first.op == Op::ENTRY && first.s == 1 && first.imm >= 16 && first.imm % 16 == 0;
}

bool CodeMap::claim(std::uint32_t address, unsigned length, Kind kind) {
  Part* part = part_at(address);
  if (part == nullptr) return false;
  const std::size_t offset = address - part->region->address;
  if (length > part->kinds.size() - offset) return false;
  const auto first = part->kinds.begin() + static_cast<std::ptrdiff_t>(offset);
  if (std::any_of(first, first + length, [](Kind k) { return k != Kind::kUnknown; })) return false;
  std::fill(first, first + length, Kind::kInside);
  *first = kind;
  return true;
}

void CodeMap::explore(std::uint32_t entry) {
  std::vector<std::uint32_t> pending = {entry};
  while (!pending.empty()) {
    const std::uint32_t address = pending.back();
    pending.pop_back();
    step(address, pending);
  }
}

void CodeMap::step(std::uint32_t address, std::vector<std::uint32_t>& pending) {
  const Part* part = part_at(address);
  if (part == nullptr) return;
  const Instruction instruction = instruction_at(*part->region, address);
  if (instruction.op == Op::kInvalid || !claim(address, instruction.length, Kind::kInstruction)) return;
  const InstructionRow& row = instruction_row(instruction.op);
  const auto target = static_cast<std::uint32_t>(instruction.imm);
  if (has_target(row)) pending.push_back(target);
  if (row.op == Op::L32R) {
    claim(target, 4, Kind::kLiteral);
    const auto literal = program_.word_at(target);
    if (literal && looks_like_function(*literal)) pending.push_back(*literal);
  }
  if (!ends_flow(instruction)) pending.push_back(address + instruction.length);
}

namespace {

// Shorter runs are what aligns functions, and are shown.
constexpr unsigned kZerosShownAsGap = 8;

class Lister {
 public:
  Lister(const Program& program, const CodeMap& map, const std::function<bool(std::string_view)>& line)
      : program_(program), map_(map), line_(line) {
    context_.symbol = [&program](std::uint32_t address) { return program.name_of(address); };
    context_.word = [&program](std::uint32_t address) { return program.word_at(address); };
  }

  bool list(const ProgramRegion& region, std::uint64_t from, std::uint64_t to) {
    if (!line_("") || !line_(fmt::format("{} at {:08x}:", region.name, region.address))) return false;
    for (std::uint64_t address = from; address < to;) {
      const unsigned length = item(region, static_cast<std::uint32_t>(address));
      if (length == 0) return false;
      address += length;
    }
    return true;
  }

 private:
  // Prints what is at `address` and returns its length; 0: stop.
  unsigned item(const ProgramRegion& region, std::uint32_t address) {
    if (begins_symbol(address)) {
      if (!line_("") || !line_(fmt::format("{:08x} <{}>:", address, *program_.name_of(address)))) return 0;
      in_gap_ = false;
    }
    const CodeMap::Kind kind = map_.at(address);
    if (kind == CodeMap::Kind::kLiteral) {
      in_gap_ = true;
      const std::uint32_t word = program_.word_at(address).value_or(0);
      const std::string text = fmt::format(".word\t{}", address_text(word, context_));
      return print(address, fmt::format("{:08x}", word), text) ? 4 : 0;
    }
    if (const unsigned zeros = run_of_zeros(region, address); zeros >= kZerosShownAsGap) {
      in_gap_ = true;
      return line_("\t...") ? zeros : 0;
    }
    const Instruction instruction = instruction_at(region, address);
    if (instruction.op == Op::kInvalid ||
        (kind == CodeMap::Kind::kUnknown && !plausible(region, address, instruction))) {
      in_gap_ = true;
      const std::uint8_t byte = region.bytes[address - region.address];
      return print(address, fmt::format("{:02x}", byte), fmt::format(".byte\t{:#04x}", byte)) ? 1 : 0;
    }
    in_gap_ = ends_flow(instruction);
    std::string word;
    for (unsigned i = instruction.length; i-- > 0;) {
      word += fmt::format("{:02x}", region.bytes[address - region.address + i]);
    }
    return print(address, word, disassemble(instruction, context_)) ? instruction.length : 0;
  }

  bool begins_symbol(std::uint32_t address) const {
    const image::ElfSymbol* symbol = program_.names ? program_.names->symbol_at(address) : nullptr;
    return symbol != nullptr && symbol->address == address;
  }

  // Whether something begins here that is known better than by reading on from before it.
  bool is_boundary(std::uint32_t address) const {
    return map_.at(address) != CodeMap::Kind::kUnknown || begins_symbol(address);
  }

  // Whether, where nothing is known of `address`, an instruction may be guessed: it must not run into what is
  // known, and zero bytes are what fills the space behind a jump.
  bool plausible(const ProgramRegion& region, std::uint32_t address, const Instruction& instruction) const {
    if (in_gap_ && region.bytes[address - region.address] == 0) return false;
    for (unsigned i = 1; i < instruction.length; ++i) {
      if (is_boundary(address + i)) return false;
    }
    return true;
  }

  // The number of zero bytes from `address` on of which nothing is known.
  unsigned run_of_zeros(const ProgramRegion& region, std::uint32_t address) const {
    unsigned count = 0;
    for (std::size_t i = address - region.address; i < region.bytes.size() && region.bytes[i] == 0; ++i) {
      const auto here = region.address + static_cast<std::uint32_t>(i);
      if (map_.at(here) != CodeMap::Kind::kUnknown || (here != address && begins_symbol(here))) break;
      ++count;
    }
    return count;
  }

  bool print(std::uint32_t address, const std::string& bytes, const std::string& text) {
    return line_(fmt::format("{:08x}:\t{:<8}\t{}", address, bytes, text));
  }

  const Program& program_;
  const CodeMap& map_;
  const std::function<bool(std::string_view)>& line_;
  DisassemblyContext context_;
  bool in_gap_ = false;  // between an instruction that execution does not go on behind, and the next one
};

}  // namespace

void list_code(const Program& program, const CodeMap& map, std::uint32_t from, std::uint64_t to,
               const std::function<bool(std::string_view)>& line) {
  Lister lister(program, map, line);
  for (const ProgramRegion& region : program.regions) {
    if (!region.executable) continue;
    const std::uint64_t first = std::max(from, region.address);
    const std::uint64_t last = std::min(to, std::uint64_t{region.address} + region.bytes.size());
    if (first < last && !lister.list(region, first, last)) return;
  }
}

}  // namespace espalier::cli
