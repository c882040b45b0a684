// A line that is edited at a terminal: QEMU's readline keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::host {

// Ctrl-A/E/B/F, arrows, Home, End: move. Backspace, Delete, Ctrl-D/H/K/U/W: erase. Ctrl-C: the line is
// dropped. Ctrl-P/N, up, down: earlier lines. Tab completes. Enter is CR, LF, or both.
class LineEditor {
 public:
  struct Calls {
    std::function<void(std::string_view)> print;  // to the terminal
    std::function<void(std::string_view)> line;   // one is complete; the caller prompts again
    std::function<std::vector<std::string>(std::string_view)> complete;
  };
  LineEditor(std::string prompt, Calls calls) : prompt_(std::move(prompt)), calls_(std::move(calls)) {}

  void prompt();  // begins a new line
  void feed(std::uint8_t byte);

  static constexpr std::size_t kLongest = 4095;
  static constexpr std::size_t kHistory = 64;

 private:
  void insert(char c);
  void erase(std::size_t from, std::size_t to);
  void replace(std::string text);
  void move_to(std::size_t cursor);
  void redraw_rest();
  void enter();
  void recall(int by);
  void complete();
  void control(std::uint8_t byte);
  void sequence(std::uint8_t byte);

  std::string prompt_;
  Calls calls_;
  std::string line_;
  std::size_t cursor_ = 0;
  std::vector<std::string> history_;
  std::size_t recalled_ = 0;  // history_.size(): the new line
  enum class Escape : std::uint8_t { kNone, kEscape, kBracket, kSs3 } escape_ = Escape::kNone;
  unsigned parameter_ = 0;
  bool after_cr_ = false;
};

}  // namespace espalier::host
