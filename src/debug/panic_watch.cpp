#include "debug/panic_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace espalier::debug {
namespace {

constexpr std::uint32_t kCallSize = 3;  // CALLn, CALLXn
// The upper two bits of a return address are its call's window increment; the code's are 01.
constexpr std::uint32_t kOffsetMask = 0x3fffffff, kCode = 0x40000000, kIncrementBit = 0x80000000;

// Takes a hexadecimal word with or without 0x from the front of `text`.
std::optional<std::uint32_t> take_hex(std::string_view& text) {
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end == digits.data()) return std::nullopt;
  text = digits.substr(static_cast<std::size_t>(end - digits.data()));
  return value;
}

void skip_spaces(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
}

// "PC      : 0x400d1234  PS      : 0x00060030 ..."
std::optional<std::uint32_t> shown_pc(std::string_view line) {
  if (!line.starts_with("PC ")) return std::nullopt;
  line.remove_prefix(2);
  skip_spaces(line);
  if (!line.starts_with(":")) return std::nullopt;
  line.remove_prefix(1);
  skip_spaces(line);
  return take_hex(line);
}

}  // namespace

Backtrace parse_backtrace(std::string_view line, std::optional<std::uint32_t> pc) {
  constexpr std::string_view kWords[] = {"Backtrace:", "backtrace:"};
  Backtrace found;
  for (const std::string_view word : kWords) {
    const std::size_t at = line.find(word);
    if (at == std::string_view::npos) continue;
    std::string_view rest = line.substr(at + word.size());
    for (;;) {
      skip_spaces(rest);
      auto address = take_hex(rest);
      if (!address || !rest.starts_with(":")) break;
      rest.remove_prefix(1);
      if (!take_hex(rest)) break;
      if ((*address & kIncrementBit) != 0) *address = ((*address & kOffsetMask) | kCode) - kCallSize;
      if (found.addresses.empty() && pc && *address == *pc - kCallSize) address = pc;
      found.addresses.push_back(*address);
    }
    found.corrupted = rest.find("|<-CORRUPTED") != std::string_view::npos;
  }
  return found;
}

void PanicWatch::see(std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    if (byte == '\n')
      line_ended();
    else if (byte != '\r' && line_.size() < kLongestLine)
      line_ += static_cast<char>(byte);
  }
}

void PanicWatch::line_ended() {
  const std::string line = std::exchange(line_, {});
  if (const auto pc = shown_pc(line)) pc_ = pc;
  const Backtrace backtrace = parse_backtrace(line, pc_);
  if (backtrace.addresses.empty()) return;
  pc_.reset();
  const Symbols* symbols = symbols_();
  if (symbols == nullptr) return;
  std::string text;
  for (std::size_t n = 0; n < backtrace.addresses.size(); ++n)
    fmt::format_to(std::back_inserter(text), "#{:<2} {}\n", n, symbols->describe(backtrace.addresses[n]));
  if (backtrace.corrupted) text += "    the stack is corrupted: nothing is known of what comes before\n";
  tell_(text);
}

}  // namespace espalier::debug
