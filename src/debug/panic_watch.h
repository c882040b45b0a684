// Follows a console and tells what a panic's backtrace means.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "debug/symbols.h"

namespace espalier::debug {

// The addresses of a line "Backtrace: 0x400d1234:0x3ffb5e10 0x400d1250:0x3ffb5e40", outermost last. Newer
// and older ESP-IDF (esp_system/port/arch/xtensa/debug_helpers.c, esp32/panic.c) write it so, with or without
// 0x, and Arduino with them. Empty: it is no such line.
//
// ESP-IDF (3.0 and later) prints callers by their calls, that is return addresses less 3; one whose upper
// bits still tell the window increment is made such a one here. ESP-IDF 4.0 and later subtract 3 from the
// first address, too, which no call has led to: `pc`, the PC that the registers have shown, takes its place
// then.
struct Backtrace {
  std::vector<std::uint32_t> addresses;
  bool corrupted = false;  // what follows could not be found on the stack
};
Backtrace parse_backtrace(std::string_view line, std::optional<std::uint32_t> pc = {});

// Bytes may come in any pieces. No more than kLongestLine of a line is kept.
class PanicWatch {
 public:
  // `symbols` is asked when there is something to explain; null: nothing is known of the program, and nothing
  // is told. `tell` gets the lines of a whole backtrace, each ended by '\n'.
  PanicWatch(std::function<const Symbols*()> symbols, std::function<void(std::string_view)> tell)
      : symbols_(std::move(symbols)), tell_(std::move(tell)) {}

  void see(std::span<const std::uint8_t> bytes);

  static constexpr std::size_t kLongestLine = 4096;

 private:
  void line_ended();

  std::function<const Symbols*()> symbols_;
  std::function<void(std::string_view)> tell_;
  std::string line_;
  std::optional<std::uint32_t> pc_;  // of the last register dump
};

}  // namespace espalier::debug
