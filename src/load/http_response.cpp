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
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class T>
bool parse_number(std::string_view text, T& value, int base) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Calls `take` with each element of a comma-separated list.
template <class Take>
void for_each_element(std::string_view list, Take take) {
  for (;;) {
    const std::size_t comma = list.find(',');
    take(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

HttpResponse::State HttpResponse::feed(std::string_view bytes) {
  if (!bytes.empty()) started_ = true;
  while (!bytes.empty() && phase_ != Phase::kBroken) {
    if (phase_ == Phase::kDone) {
      broken("more than was asked for");
    } else if (phase_ == Phase::kUntilClose) {
      body_ += bytes.size();
      bytes = {};
    } else if (in_body()) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      bytes.remove_prefix(count);
      body_ += count;
      left_ -= count;
      if (left_ == 0) phase_ = phase_ == Phase::kLength ? Phase::kDone : Phase::kChunkEnd;
    } else {
      const std::size_t end = bytes.find('\n');
      const std::size_t count = end == std::string_view::npos ? bytes.size() : end + 1;
      head_ += count;
      if (head_ > kLongestHead) {
        broken("too long a head");
        break;
      }
      std::string_view line = bytes.substr(0, count);
      bytes.remove_prefix(count);
      if (end == std::string_view::npos || !line_.empty()) line = line_ += line;
      if (end == std::string_view::npos) break;
      line.remove_suffix(line.ends_with("\r\n") ? 2 : 1);
      take_line(line);
      line_.clear();
    }
  }
  return phase_ == Phase::kBroken ? State::kMalformed
         : phase_ == Phase::kDone ? State::kComplete
                                  : State::kIncomplete;
}

HttpResponse::State HttpResponse::end() {
  return phase_ == Phase::kUntilClose || phase_ == Phase::kDone ? State::kComplete : State::kIncomplete;
}

void HttpResponse::reset() {
  *this = HttpResponse();
}

void HttpResponse::take_line(std::string_view line) {
  switch (phase_) {
    case Phase::kStatusLine:
      return take_status(line);
    case Phase::kField:
      return line.empty() ? take_head_end() : take_field(line);
    case Phase::kChunkSize:
      return take_chunk_size(line);
    case Phase::kChunkEnd:
      if (!line.empty()) return broken("a chunk longer than it says");
      phase_ = Phase::kChunkSize;
      head_ = 0;
      return;
    default:  // a trailer's field, which ends with an empty line
      if (line.empty()) phase_ = Phase::kDone;
      return;
  }
}

// "HTTP/1.1 200 OK"
void HttpResponse::take_status(std::string_view line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' '))
    return broken("no status line");
  if (line[9] == '-' || !parse_number(line.substr(9, 3), status_, 10) || status_ < 100)
    return broken("no status line");
  closes_ = line[7] == '0';
  phase_ = Phase::kField;
}

void HttpResponse::take_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return broken("a header field without a name");
  const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    for_each_element(value, [this](std::string_view element) {
      std::uint64_t length = 0;
      if (!parse_number(element, length, 10)) return broken("a length that is no number");
      if (has_length_ && length != length_) return broken("two lengths");
      has_length_ = true;
      length_ = length;
    });
  } else if (same_word(name, "transfer-encoding")) {
    has_encoding_ = true;
    for_each_element(value, [this](std::string_view coding) { chunked_ = same_word(coding, "chunked"); });
  } else if (same_word(name, "connection")) {
    take_connection(value);
  }
}

void HttpResponse::take_connection(std::string_view options) {
  for_each_element(options, [this](std::string_view option) {
    if (same_word(option, "close")) closes_ = true;
    if (same_word(option, "keep-alive")) closes_ = false;
  });
}

void HttpResponse::take_head_end() {
  if (status_ < 200) {
    if (status_ == 101) return broken("another protocol");
    phase_ = Phase::kStatusLine;
    has_length_ = has_encoding_ = chunked_ = closes_ = false;
    return;
  }
  if (status_ == 204 || status_ == 304) {
    phase_ = Phase::kDone;
  } else if (chunked_) {
    phase_ = Phase::kChunkSize;
    head_ = 0;
  } else if (has_encoding_ || !has_length_) {
    phase_ = Phase::kUntilClose;
    closes_ = true;
  } else {
    left_ = length_;
    phase_ = left_ == 0 ? Phase::kDone : Phase::kLength;
  }
}

// "1A;name=value"
void HttpResponse::take_chunk_size(std::string_view line) {
  if (!parse_number(trimmed(line.substr(0, line.find(';'))), left_, 16))
    return broken("a chunk without size");
  phase_ = left_ == 0 ? Phase::kTrailer : Phase::kChunk;
}

void HttpResponse::broken(const char* problem) {
  phase_ = Phase::kBroken;
  problem_ = problem;
}

}  // namespace espalier::load
