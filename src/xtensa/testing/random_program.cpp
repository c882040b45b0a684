#include "xtensa/testing/random_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "xtensa/decoder.h"
#include "xtensa/disassembler.h"
#include "xtensa/instruction_table.h"
#include "xtensa/testing/assembler.h"

namespace espalier::xtensa::testing {
namespace {

constexpr std::uint32_t kPage = 0x1000;

std::uint32_t aligned(std::uint32_t address) {
  return (address + 3) & ~3u;
}

// Where an item that would begin at `at` does begin, and where it ends.
std::pair<std::uint32_t, std::uint32_t> extent(const Item& item, std::uint32_t at) {
  if (item.dropped) return {at, at};
  switch (item.kind) {
    case Item::Kind::kInstruction:
    case Item::Kind::kTargeted:
      return {at, at + item.length};
    case Item::Kind::kAlign:
      return {at, aligned(at)};
    case Item::Kind::kNextPage:
      return {at, std::max(at, (at + kPage) / kPage * kPage - static_cast<std::uint32_t>(item.offset))};
    default:
      return {aligned(at), aligned(at) + 4};
  }
}

std::uint32_t targeted_word(const Item& item, const Image& image, std::uint32_t pc) {
  const InstructionRow& row = instruction_row(item.op);
  std::vector<std::int64_t> operands(row.operand_count);
  for (unsigned i = 0; i < row.operand_count; ++i) {
    const bool target = row.operands[i].print == Print::kTarget;
    const std::uint32_t address = image.labels[item.label] + static_cast<std::uint32_t>(item.offset);
    operands[i] = target ? std::int64_t{static_cast<std::int32_t>(address)} : item.operands[i];
  }
  try {
    return encode(item.op, operands, pc);
  } catch (const std::invalid_argument&) {
    return instruction_row(item.length == 2 ? Op::NOP_N : Op::NOP).match;
  }
}

class Bytes {
 public:
  explicit Bytes(Image& image) : image_(image) {}
  std::uint8_t get(std::uint32_t address) const {
    const std::uint32_t offset = address - image_.base;
    return offset < image_.bytes.size() ? image_.bytes[offset] : 0;
  }
  void put(std::uint32_t address, std::uint32_t word, unsigned length) {
    for (unsigned i = 0; i < length; ++i)
      image_.bytes[address - image_.base + i] = static_cast<std::uint8_t>(word >> 8 * i);
  }

 private:
  Image& image_;
};

std::uint32_t toggle_word(const Item& item, const Image& image, const Bytes& bytes) {
  const std::uint32_t at = image.labels[item.label];
  const std::uint32_t word = (at & ~3u) + 4u * item.part;
  std::uint32_t difference = 0;
  for (unsigned i = 0; i < item.length; ++i) {
    const std::uint32_t offset = at + i - word;
    if (offset < 4) {
      difference |= static_cast<std::uint32_t>(bytes.get(at + i) ^ (item.word >> 8 * i & 0xff)) << 8 * offset;
    }
  }
  return difference;
}

}  // namespace

Image layout(const RandomProgram& program) {
  Image image;
  image.base = program.base;
  std::vector<std::uint32_t> begins;
  begins.reserve(program.items.size() + 1);
  std::uint32_t at = program.base;
  for (const Item& item : program.items) {
    const auto [begin, end] = extent(item, at);
    begins.push_back(begin);
    at = end;
  }
  begins.push_back(at);
  image.bytes.resize(at - program.base);
  for (const std::uint32_t item : program.labels) image.labels.push_back(begins[item]);
  Bytes bytes(image);
  for (std::size_t i = 0; i < program.items.size(); ++i) {
    const Item& item = program.items[i];
    if (item.dropped) continue;
    switch (item.kind) {
      case Item::Kind::kInstruction:
        bytes.put(begins[i], item.word, item.length);
        break;
      case Item::Kind::kTargeted:
        bytes.put(begins[i], targeted_word(item, image, begins[i]), item.length);
        break;
      case Item::Kind::kWord:
        bytes.put(begins[i], item.word, 4);
        break;
      case Item::Kind::kAddress:
        bytes.put(begins[i], image.labels[item.label] + static_cast<std::uint32_t>(item.offset), 4);
        break;
      case Item::Kind::kToggleAddress:
        bytes.put(begins[i], (image.labels[item.label] & ~3u) + 4u * item.part, 4);
        break;
      default:
        break;
    }
  }
  for (std::size_t i = 0; i < program.items.size(); ++i) {
    const Item& item = program.items[i];
    if (!item.dropped && item.kind == Item::Kind::kToggle)
      bytes.put(begins[i], toggle_word(item, image, bytes), 4);
  }
  image.items = std::move(begins);
  return image;
}

namespace {

// A line that assembles to just these bytes; as bytes where the disassembler's text does not.
std::string instruction_line(const std::uint8_t* bytes, unsigned length, std::uint32_t pc,
                             const std::string& target) {
  const Instruction in = decode(pc, bytes);
  std::string text = disassemble(in);
  std::vector<std::uint8_t> assembled;
  try {
    assembled = assemble(text, pc).bytes;
  } catch (const std::exception&) {
  }
  if (in.length != length || !std::equal(assembled.begin(), assembled.end(), bytes, bytes + length)) {
    std::string line;
    for (unsigned i = 0; i < length; ++i) line += fmt::format(".byte {:#04x}; ", bytes[i]);
    return line + "# " + text;
  }
  const std::string number = address_text(static_cast<std::uint32_t>(in.imm));
  const std::size_t at = text.rfind(number);
  if (!target.empty() && at != std::string::npos) text.replace(at, number.size(), target);
  return text;
}

void add_words(std::string& text, const char* name, const std::uint32_t* words, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (words[i] != 0) text += fmt::format(" {}{}={:#x}", name, i, words[i]);
  }
}

std::string state_text(const State& s) {
  std::string text =
      fmt::format("# ps={:#x} windowbase={} windowstart={:#x}", s.ps, s.windowbase, s.windowstart);
  add_words(text, "ar", s.ar.data(), 64);
  add_words(text, "f", s.fr.data(), s.fr.size());
  add_words(text, "m", s.m.data(), s.m.size());
  add_words(text, "epc", s.epc.data(), s.epc.size());
  add_words(text, "eps", s.eps.data(), s.eps.size());
  const std::pair<const char*, std::uint32_t> rest[] = {
      {"sar", s.sar},        {"br", s.br},     {"acclo", s.acclo},         {"acchi", s.acchi},
      {"fcr", s.fcr},        {"fsr", s.fsr},   {"scompare1", s.scompare1}, {"intenable", s.intenable},
      {"lbeg", s.lbeg},      {"lend", s.lend}, {"lcount", s.lcount},       {"cpenable", s.cpenable},
      {"vecbase", s.vecbase}};
  for (const auto& [name, value] : rest) {
    if (value != 0) text += fmt::format(" {}={:#x}", name, value);
  }
  return text + '\n';
}

std::string event_text(const Event& event) {
  static constexpr const char* kNames[] = {"line high", "line low", "change code by", "forget code"};
  return fmt::format("# at {}: {} {:#x} (L{})\n", event.time, kNames[static_cast<unsigned>(event.kind)],
                     event.value, event.label);
}

}  // namespace

std::string to_text(const RandomProgram& program) {
  const Image image = layout(program);
  std::string text = fmt::format(
      "# seed {:#x}, {} instructions from L{} at {:#x}, debugger {}, memory seed {:#x}\n", program.seed,
      program.instructions, program.entry, program.base, program.debugger, program.memory_seed);
  text += state_text(program.state);
  for (const Event& event : program.events) text += event_text(event);
  std::set<Label> used = {program.entry, program.recovery, program.finish};
  for (const Label native : program.natives) {
    const std::uint32_t item = program.labels[native];
    if (item < program.items.size() && !program.items[item].dropped) used.insert(native);
  }
  for (const Event& event : program.events) used.insert(event.label);
  for (const Item& item : program.items) {
    if (!item.dropped) used.insert(item.label);
  }
  for (std::size_t i = 0; i <= program.items.size(); ++i) {
    for (const Label label : used) {
      if (label < program.labels.size() && program.labels[label] == i)
        text += fmt::format("L{}:  # {:#x}\n", label, image.items[i]);
    }
    if (i == program.items.size() || program.items[i].dropped) continue;
    const Item& item = program.items[i];
    const std::uint8_t* const bytes = image.bytes.data() + (image.items[i] - image.base);
    switch (item.kind) {
      case Item::Kind::kInstruction:
        text += "  " + instruction_line(bytes, item.length, image.items[i], {}) + '\n';
        break;
      case Item::Kind::kTargeted:
        text += "  " +
                instruction_line(bytes, item.length, image.items[i],
                                 item.offset == 0 ? fmt::format("L{}", item.label) : std::string()) +
                '\n';
        break;
      case Item::Kind::kAlign:
        text += "  .align 4\n";
        break;
      case Item::Kind::kNextPage:
        text += fmt::format("  .org {:#x}\n", image.items[i + 1]);
        break;
      default:
        text += fmt::format("  .align 4; .word {:#x}\n",
                            bytes[0] | bytes[1] << 8 | bytes[2] << 16 | std::uint32_t{bytes[3]} << 24);
        break;
    }
  }
  return text;
}

}  // namespace espalier::xtensa::testing
