#include "load/http_response.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace espalier::load {
namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

bool parse_number(std::string_view text, std::size_t& value, int base) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

HttpResponse::State HttpResponse::feed(std::string_view bytes) {
  text_ += bytes;
  if (body_ == 0) {
    const std::size_t end = text_.find("\r\n\r\n");
    if (end == std::string::npos) return text_.size() > kLongestHead ? State::kMalformed : State::kIncomplete;
    if (parse_head(end) == State::kMalformed) return State::kMalformed;
  }
  if (chunked_) return parse_chunks();
  if (length_ == kUntilClose || text_.size() < body_ + length_) return State::kIncomplete;
  return text_.size() == body_ + length_ ? State::kComplete : State::kMalformed;
}

HttpResponse::State HttpResponse::parse_head(std::size_t end) {
  const std::string_view head(text_.data(), end);
  // "HTTP/1.1 200 OK"
  std::size_t code = 0;
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || !parse_number(head.substr(9, 3), code, 10))
    return State::kMalformed;
  status_ = static_cast<int>(code);
  closes_ = head.starts_with("HTTP/1.0");
  length_ = kUntilClose;
  body_ = chunk_ = end + 4;
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    at += 2;
    const std::size_t next = head.find("\r\n", at);
    const std::string_view line = head.substr(at, next == std::string_view::npos ? next : next - at);
    at = next;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return State::kMalformed;
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (same_word(name, "content-length")) {
      if (!parse_number(value, length_, 10)) return State::kMalformed;
    } else if (same_word(name, "transfer-encoding")) {
      chunked_ = same_word(value, "chunked");
    } else if (same_word(name, "connection")) {
      closes_ = same_word(value, "close");
    }
  }
  if (status_ == 204 || status_ == 304) length_ = 0;
  return State::kIncomplete;
}

HttpResponse::State HttpResponse::parse_chunks() {
  for (;;) {
    const std::size_t line = text_.find("\r\n", chunk_);
    if (line == std::string::npos) return State::kIncomplete;
    std::string_view size_text(text_.data() + chunk_, line - chunk_);
    size_text = trimmed(size_text.substr(0, size_text.find(';')));
    std::size_t size = 0;
    if (!parse_number(size_text, size, 16) || size > (std::size_t{1} << 30)) return State::kMalformed;
    const std::size_t next = line + 2 + size + 2;
    if (text_.size() < next) return State::kIncomplete;
    if (text_.compare(next - 2, 2, "\r\n") != 0) return State::kMalformed;
    chunk_ = next;
    if (size == 0) return text_.size() == next ? State::kComplete : State::kMalformed;
  }
}

HttpResponse::State HttpResponse::end() {
  return body_ != 0 && !chunked_ && length_ == kUntilClose ? State::kComplete : State::kMalformed;
}

void HttpResponse::reset() {
  *this = HttpResponse();
}

}  // namespace espalier::load
