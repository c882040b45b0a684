#include "host/qmp_splitter.h"

#include <utility>

namespace espalier::host {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

void QmpSplitter::reset() {
  *this = QmpSplitter();
}

QmpSplitter::Step QmpSplitter::give_up(const char* why) {
  reset();
  skipping_ = true;
  return std::unexpected(std::string(why));
}

std::string QmpSplitter::complete() {
  std::string text = std::exchange(text_, {});
  depth_ = 0;
  return text;
}

QmpSplitter::Step QmpSplitter::feed(std::uint8_t byte) {
  const char c = static_cast<char>(byte);
  if (byte == 0xff) {
    reset();
    return std::nullopt;
  }
  if (skipping_) {
    skipping_ = c != '\n';
    return std::nullopt;
  }
  if (in_string_) {
    text_ += c;
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
    if (text_.size() > kLongest) return give_up("JSON token size limit exceeded");
    if (!in_string_ && depth_ == 0) return complete();
    return std::nullopt;
  }
  const bool opens = c == '{' || c == '[';
  const bool closes = c == '}' || c == ']';
  // Outside of all brackets: a bare word ends where anything else begins.
  if (depth_ == 0 && is_space(c)) {
    if (text_.empty()) return std::nullopt;
    return complete();
  }
  text_ += c;
  if (text_.size() > kLongest) return give_up("JSON token size limit exceeded");
  if (c == '"') in_string_ = true;
  if (opens && ++depth_ > kDeepest) return give_up("JSON nesting depth limit exceeded");
  if (closes && (depth_ == 0 || --depth_ == 0)) return complete();
  return std::nullopt;
}

}  // namespace espalier::host
