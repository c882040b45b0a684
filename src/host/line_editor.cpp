#include "host/line_editor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace espalier::host {

namespace {

constexpr std::uint8_t ctrl(char c) {
  return static_cast<std::uint8_t>(c & 0x1f);
}

}  // namespace

void LineEditor::prompt() {
  line_.clear();
  cursor_ = 0;
  recalled_ = history_.size();
  escape_ = Escape::kNone;
  calls_.print(prompt_);
}

void LineEditor::move_to(std::size_t cursor) {
  if (cursor < cursor_) calls_.print(fmt::format("\x1b[{}D", cursor_ - cursor));
  if (cursor > cursor_) calls_.print(fmt::format("\x1b[{}C", cursor - cursor_));
  cursor_ = cursor;
}

// What stands from the cursor on, which stays where it is.
void LineEditor::redraw_rest() {
  std::string text = line_.substr(cursor_) + "\x1b[K";
  if (cursor_ < line_.size()) text += fmt::format("\x1b[{}D", line_.size() - cursor_);
  calls_.print(text);
}

void LineEditor::insert(char c) {
  if (line_.size() >= kLongest) return;
  line_.insert(cursor_, 1, c);
  calls_.print({&c, 1});
  ++cursor_;
  if (cursor_ < line_.size()) redraw_rest();
}

void LineEditor::erase(std::size_t from, std::size_t to) {
  if (from >= to) return;
  move_to(from);
  line_.erase(from, to - from);
  redraw_rest();
}

void LineEditor::replace(std::string text) {
  move_to(0);
  line_ = std::move(text);
  calls_.print(line_ + "\x1b[K");
  cursor_ = line_.size();
}

void LineEditor::enter() {
  calls_.print("\n");
  const std::string line = std::exchange(line_, {});
  cursor_ = 0;
  if (!line.empty() && (history_.empty() || history_.back() != line)) {
    history_.push_back(line);
    if (history_.size() > kHistory) history_.erase(history_.begin());
  }
  calls_.line(line);
}

void LineEditor::recall(int by) {
  const auto to = static_cast<std::ptrdiff_t>(recalled_) + by;
  if (to < 0 || to > static_cast<std::ptrdiff_t>(history_.size())) return;
  recalled_ = static_cast<std::size_t>(to);
  replace(recalled_ == history_.size() ? std::string() : history_[recalled_]);
}

void LineEditor::complete() {
  if (cursor_ != line_.size()) return;
  const std::vector<std::string> found = calls_.complete(line_);
  if (found.empty()) return;
  std::string common = found[0];
  for (const std::string& one : found) {
    const auto [end, other] = std::ranges::mismatch(common, one);
    common.erase(end, common.end());
  }
  if (found.size() == 1) common += ' ';
  if (common.size() > line_.size()) return replace(common);
  std::string list = "\n";
  for (const std::string& one : found) list += one + "\n";
  calls_.print(list + prompt_ + line_);
}

void LineEditor::control(std::uint8_t byte) {
  switch (byte) {
    case ctrl('A'):
      return move_to(0);
    case ctrl('B'):
      return move_to(cursor_ - std::min<std::size_t>(cursor_, 1));
    case ctrl('C'):
      calls_.print("^C\n");
      return prompt();
    case ctrl('D'):
      return erase(cursor_, std::min(cursor_ + 1, line_.size()));
    case ctrl('E'):
      return move_to(line_.size());
    case ctrl('F'):
      return move_to(std::min(cursor_ + 1, line_.size()));
    case ctrl('I'):
      return complete();
    case ctrl('K'):
      return erase(cursor_, line_.size());
    case ctrl('N'):
      return recall(1);
    case ctrl('P'):
      return recall(-1);
    case ctrl('U'):
      return erase(0, cursor_);
    case ctrl('W'): {
      std::size_t from = cursor_;
      while (from > 0 && line_[from - 1] == ' ') --from;
      while (from > 0 && line_[from - 1] != ' ') --from;
      return erase(from, cursor_);
    }
    case ctrl('H'):
    case 0x7f:
      return erase(cursor_ - std::min<std::size_t>(cursor_, 1), cursor_);
    case 0x1b:
      escape_ = Escape::kEscape;
      return;
    default:
      return;
  }
}

// Behind ESC [ or ESC O.
void LineEditor::sequence(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') {
    parameter_ = (parameter_ * 10 + (byte - '0')) % 1000;
    return;
  }
  if (byte == ';') {
    parameter_ = 0;
    return;
  }
  escape_ = Escape::kNone;
  switch (byte) {
    case 'A':
      return recall(-1);
    case 'B':
      return recall(1);
    case 'C':
      return control(ctrl('F'));
    case 'D':
      return control(ctrl('B'));
    case 'H':
      return move_to(0);
    case 'F':
      return move_to(line_.size());
    case '~':
      if (parameter_ == 1) return move_to(0);
      if (parameter_ == 3) return control(ctrl('D'));
      if (parameter_ == 4) return move_to(line_.size());
      return;
    default:
      return;
  }
}

void LineEditor::feed(std::uint8_t byte) {
  if (std::exchange(after_cr_, false) && byte == '\n') return;
  if (escape_ == Escape::kEscape) {
    parameter_ = 0;
    escape_ = byte == '[' ? Escape::kBracket : byte == 'O' ? Escape::kSs3 : Escape::kNone;
    return;
  }
  if (escape_ != Escape::kNone) return sequence(byte);
  if (byte == '\r' || byte == '\n') {
    after_cr_ = byte == '\r';
    return enter();
  }
  if (byte < 32 || byte == 0x7f) return control(byte);
  insert(static_cast<char>(byte));
}

}  // namespace espalier::host
