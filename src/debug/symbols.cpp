#include "debug/symbols.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>

#include "rom/rom.h"

namespace espalier::debug {

std::string demangled(const std::string& name) {
  if (!name.starts_with("_Z")) return name;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), std::free);
  return text != nullptr && status == 0 ? std::string(text.get()) : name;
}

const image::LineTable& Symbols::lines() const {
  if (!lines_) lines_ = image::LineTable::read(*program_);
  return *lines_;
}

std::optional<Symbols::Function> Symbols::function_at(std::uint32_t address) const {
  // A program names ROM functions too, but not what lies between them. The built-in ROM's own guest code lies
  // among its published functions.
  const bool in_rom = address - rom::kCodeBase < rom::kCodeSize;
  const image::ElfFile* const file = in_rom ? rom_.get() : program_.get();
  if (const image::ElfSymbol* symbol = file != nullptr ? file->symbol_at(address) : nullptr)
    return Function{demangled(symbol->name), symbol->address};
  if (!in_rom) return std::nullopt;
  // "memcpy+0x12", or the address where there is nothing.
  const std::string text = rom::describe(address);
  if (text.starts_with("0x")) return std::nullopt;
  const std::size_t plus = text.find('+');
  const auto past = plus == std::string::npos
                        ? 0
                        : static_cast<std::uint32_t>(std::stoul(text.substr(plus + 1), nullptr, 16));
  return Function{text.substr(0, plus), address - past};
}

std::string Symbols::function(std::uint32_t address) const {
  const auto found = function_at(address);
  return found ? found->name : std::string();
}

std::string Symbols::line(std::uint32_t address) const {
  const image::LineTable::Row* row = lines().at(address);
  return row == nullptr ? std::string() : fmt::format("{}:{}", lines().file(row->file), row->line);
}

std::string Symbols::describe(std::uint32_t address) const {
  std::string text;
  if (const auto found = function_at(address)) {
    text = found->name;
    if (address != found->address) text += fmt::format("+{:#x}", address - found->address);
    text += fmt::format(" ({:#010x})", address);
  } else {
    text = fmt::format("{:#010x}", address);
  }
  const std::string at = line(address);
  return at.empty() ? text : text + " at " + at;
}

}  // namespace espalier::debug
