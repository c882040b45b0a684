#include "cli/disasm_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "cli/disasm_listing.h"
#include "cli/disasm_program.h"
#include "cli/exit_code.h"

namespace espalier::cli {
namespace {

struct DisasmOptions {
  ProgramOptions program;
  std::optional<std::string> where;
  std::optional<std::uint32_t> to;
};

struct Range {
  std::uint32_t from = 0;
  std::uint64_t to = std::uint64_t{1} << 32;
};

// What is shown from an address on if nothing says where its function ends.
constexpr std::uint32_t kDefaultSize = 128;

std::optional<std::uint32_t> parse_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The end of the function that `address` lies in, or the beginning of the next one.
std::uint64_t end_of_function(const Program& program, std::uint32_t address) {
  if (!program.names) return std::uint64_t{address} + kDefaultSize;
  const image::ElfSymbol* symbol = program.names->symbol_at(address);
  if (symbol != nullptr && address - symbol->address < symbol->size) {
    return std::uint64_t{symbol->address} + symbol->size;
  }
  for (const image::ElfSymbol& next : program.names->symbols()) {
    if (next.address > address) return next.address;
  }
  return std::uint64_t{address} + kDefaultSize;
}

std::expected<Range, std::string> find_range(const Program& program, const DisasmOptions& options) {
  Range range;
  if (options.where) {
    const image::ElfSymbol* symbol = program.names ? program.names->find(*options.where) : nullptr;
    const auto number = parse_number(*options.where);
    if (symbol == nullptr && !number) {
      return std::unexpected(
          fmt::format("{}: {} {:?}; an address is written 0x400d0000", options.program.path,
                      program.names ? "has no symbol" : "has no symbols, so not", *options.where));
    }
    range.from = symbol != nullptr ? symbol->address : *number;
    const ProgramRegion* region = program.region_at(range.from);
    if (region == nullptr || !region->executable) {
      return std::unexpected(
          fmt::format("{}: {:#x} lies in none of its code", options.program.path, range.from));
    }
    range.to = end_of_function(program, range.from);
  }
  if (options.to) range.to = *options.to;
  if (range.to <= range.from) {
    return std::unexpected(fmt::format("--to {:#x} is not behind {:#x}", range.to, range.from));
  }
  return range;
}

int disasm(const DisasmOptions& options) {
  const auto program = load_program(options.program);
  if (!program) return fail(program.error());
  const auto range = find_range(*program, options);
  if (!range) return fail(range.error());
  const CodeMap map(*program);
  bool shown = false;
  list_code(*program, map, range->from, range->to, [&shown](std::string_view line) {
    shown = true;
    // Whoever reads the listing may have seen enough.
    return std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF;
  });
  if (!shown) return fail(fmt::format("{}: holds no code", options.program.path));
  return kDone;
}

}  // namespace

void add_disasm_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<DisasmOptions>();
  CLI::App* command = app.add_subcommand("disasm", "Disassemble an ELF file or an image");
  command->add_option("FILE", options->program.path, "ELF file, flash image, build folder or ESP image")
      ->required();
  command->add_option("WHERE", options->where, "Address or symbol: its function only (default: all code)");
  command->add_option("--to", options->to, "Address to stop before");
  command->add_option(
      "--part", options->program.part,
      "Of a flash image: a partition's label, or \"bootloader\" (default: the first application)");
  command->add_option("--elf", options->program.elf, "ELF file whose symbols name an image's addresses");
  command->callback([options, &action] { action = [options] { return disasm(*options); }; });
}

}  // namespace espalier::cli
