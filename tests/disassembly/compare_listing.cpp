// compare_listing [--every-instruction] LISTING
//
// Decodes and disassembles each line of a listing made by listing.sh ("-": standard input) and compares the
// texts. Prints the differences and exits 1 if there are any, or if the listing is empty. With
// --every-instruction the listing must also have each instruction of isa.def and each access to a special or
// user register.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xtensa/decoder.h"
#include "xtensa/disassembler.h"
#include "xtensa/instruction_table.h"
#include "xtensa/register_names.h"

namespace {

using namespace espalier::xtensa;

struct Line {
  std::uint32_t address = 0;
  std::uint32_t word = 0;
  std::size_t length = 0;
  std::string text;
};

std::optional<std::uint32_t> hexadecimal(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

std::optional<Line> parse(std::string_view line) {
  const std::size_t first = line.find('\t');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = line.find('\t', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto address = hexadecimal(line.substr(0, first));
  const auto word = hexadecimal(line.substr(first + 1, second - first - 1));
  if (!address || !word) return std::nullopt;
  return Line{*address, *word, (second - first - 1) / 2, std::string(line.substr(second + 1))};
}

// binutils' default table is not the ESP32's. Some encodings it knows by the names of an older FPU or by
// number.
std::string in_esp32_spelling(const std::string& text) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"lsiu\t", "lsip\t"},
      {"lsxu\t", "lsxp\t"},
      {"ssiu\t", "ssip\t"},
      {"ssxu\t", "ssxp\t"},
      {"rsr.176\t", "rsr.configid0\t"},
      {"rsr.208\t", "rsr.configid1\t"},
  };
  for (const auto& [theirs, ours] : kNames) {
    if (text.starts_with(theirs)) return std::string(ours) + text.substr(theirs.size());
  }
  return text;
}

// Whether the other disassembler knows nothing of the ESP32 here: it takes what it does not know for EXCW,
// and it has instructions of caches and MMUs, of which the ESP32 has none.
bool unknown_to_oracle(const Line& line) {
  static constexpr std::string_view kOfOtherCores[] = {
      "dhi",         "dhu",         "dhwb",         "dhwbi",        "dii",          "diu",
      "diwb",        "diwbi",       "dpfl",         "dpfr",         "dpfro",        "dpfw",
      "dpfwo",       "ihi",         "ihu",          "iii",          "iiu",          "ipf",
      "ipfl",        "ldct",        "lict",         "licw",         "sdct",         "sict",
      "sicw",        "ldpte",       "rsr.ptevaddr", "wsr.ptevaddr", "xsr.ptevaddr", "hwwdtlba",
      "hwwitlba",    "rsr.rasid",   "wsr.rasid",    "xsr.rasid",    "rsr.itlbcfg",  "wsr.itlbcfg",
      "xsr.itlbcfg", "rsr.dtlbcfg", "wsr.dtlbcfg",  "xsr.dtlbcfg",
  };
  const std::string_view mnemonic = std::string_view(line.text).substr(0, line.text.find('\t'));
  if (mnemonic == "excw") return line.word != instruction_row(Op::EXCW).match;
  return std::ranges::find(kOfOtherCores, mnemonic) != std::end(kOfOtherCores);
}

// What a complete listing has to show.
class Coverage {
 public:
  void add(const Instruction& instruction) { seen_.insert(key(instruction)); }

  std::vector<std::string> missing() const {
    std::vector<std::string> names;
    for (const InstructionRow& row : kInstructionTable) {
      Instruction instruction;
      instruction.op = row.op;
      for (std::int32_t number = 0; number < (has_number(row.op) ? 256 : 1); ++number) {
        instruction.imm = number;
        if (exists(instruction) && !seen_.contains(key(instruction)))
          names.push_back(disassemble(instruction));
      }
    }
    return names;
  }

 private:
  static bool has_number(Op op) {
    return op == Op::RSR || op == Op::WSR || op == Op::XSR || op == Op::RUR || op == Op::WUR;
  }
  static bool exists(const Instruction& instruction) {
    const auto number = static_cast<std::uint8_t>(instruction.imm);
    if (!has_number(instruction.op)) return true;
    if (instruction.op == Op::RUR || instruction.op == Op::WUR) return user_register_name(number).has_value();
    return special_register_name(instruction.op, number).has_value();
  }
  static std::pair<Op, std::int32_t> key(const Instruction& instruction) {
    return {instruction.op, has_number(instruction.op) ? instruction.imm : 0};
  }

  std::set<std::pair<Op, std::int32_t>> seen_;
};

int compare(std::istream& listing, bool every_instruction) {
  constexpr int kShown = 20;
  int lines = 0, unknown = 0, differences = 0;
  Coverage coverage;
  for (std::string text; std::getline(listing, text);) {
    const auto line = parse(text);
    if (!line) {
      fmt::print(stderr, "not a line of a listing: {}\n", text);
      return 1;
    }
    ++lines;
    const Instruction instruction = decode(line->address, line->word);
    if (unknown_to_oracle(*line)) {
      ++unknown;
      continue;
    }
    coverage.add(instruction);
    const std::string expected = in_esp32_spelling(line->text);
    const std::string ours = disassemble(instruction);
    if (ours == expected && instruction.length == line->length) continue;
    if (++differences <= kShown) {
      fmt::print(stderr, "{:08x}  {:0{}x}  expected {:?}, got {:?} ({} bytes)\n", line->address, line->word,
                 line->length * 2, expected, ours, instruction.length);
    }
  }
  fmt::print("{} instructions, {} unknown to the other disassembler, {} differences\n", lines, unknown,
             differences);
  bool complete = true;
  if (every_instruction) {
    for (const std::string& name : coverage.missing()) {
      fmt::print(stderr, "the listing lacks {:?}\n", name);
      complete = false;
    }
  }
  return lines > 0 && differences == 0 && complete ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool every_instruction = std::erase(arguments, "--every-instruction") > 0;
  if (arguments.size() != 1) {
    fmt::print(stderr, "usage: compare_listing [--every-instruction] LISTING|-\n");
    return 2;
  }
  if (arguments[0] == "-") return compare(std::cin, every_instruction);
  std::ifstream file(arguments[0]);
  if (!file) {
    fmt::print(stderr, "cannot read {}\n", arguments[0]);
    return 2;
  }
  return compare(file, every_instruction);
}
