#include "image/nvs_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "image/text.h"

namespace espalier::image {
namespace {

using Wrong = std::unexpected<std::string>;

constexpr std::string_view kEncodings =
    "u8, u16, u32, u64, i8, i16, i32, i64, string, binary, hex2bin, base64";

constexpr std::array<std::pair<std::string_view, NvsType>, 8> kNumbers = {{{"u8", NvsType::kU8},
                                                                           {"u16", NvsType::kU16},
                                                                           {"u32", NvsType::kU32},
                                                                           {"u64", NvsType::kU64},
                                                                           {"i8", NvsType::kI8},
                                                                           {"i16", NvsType::kI16},
                                                                           {"i32", NvsType::kI32},
                                                                           {"i64", NvsType::kI64}}};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::expected<std::uint64_t, std::string> parse_number(std::string_view name, std::string_view text) {
  std::string_view digits = trimmed(text);
  const bool is_signed = name.front() == 'i';
  unsigned bits = 0;
  std::from_chars(name.data() + 1, name.data() + name.size(), bits);
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (digits.empty() || error == std::errc::invalid_argument || end != digits.data() + digits.size())
    return Wrong(fmt::format("'{}' is no whole number", text));
  const std::uint64_t most = ~std::uint64_t{0} >> (64 - bits + (is_signed ? 1 : 0));
  const std::uint64_t least = is_signed ? most + 1 : 0;  // without its sign
  if (error == std::errc::result_out_of_range || value > (negative ? least : most))
    return Wrong(fmt::format("{} is not from {}{} to {}", text, is_signed ? "-" : "", least, most));
  return negative ? ~value + 1 : value;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::expected<Bytes, std::string> parse_hex(std::string_view text) {
  text = trimmed(text);
  Bytes bytes;
  if (text.size() % 2 != 0) return Wrong("an odd number of hexadecimal digits");
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit_of(text[i]);
    const int low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) return Wrong(fmt::format("'{}' are no hexadecimal digits", text.substr(i, 2)));
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::expected<Bytes, std::string> parse_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;  // digits and '='
  unsigned padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;  // files have lines
    const std::size_t digit = c == '=' ? 0 : kDigits.find(c);
    if (digit == std::string_view::npos || (padding != 0 && c != '=')) return Wrong("it is no base64");
    padding += c == '=';
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if (++count % 4 != 0) continue;
    for (unsigned i = 0; i < 3; ++i) bytes.push_back(static_cast<std::uint8_t>(bits >> (16 - 8 * i)));
  }
  if (count % 4 != 0 || padding > 2)
    return Wrong("it is no base64: four digits make three bytes, '=' fills up");
  bytes.resize(bytes.size() - padding);
  return bytes;
}

// One row's fields, and where the next begins. Nothing is left of `text` after the last.
std::expected<std::vector<std::string>, std::string> next_row(std::string_view& text, unsigned& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') ++line;
    if (quoted) {
      if (c == '"' && at + 1 < text.size() && text[at + 1] == '"')
        fields.back() += text[++at];
      else if (c == '"')
        quoted = false;
      else
        fields.back() += c;
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r' || at + 1 >= text.size() || text[at + 1] != '\n') {
      fields.back() += c;
    }
  }
  if (quoted) return Wrong("a '\"' without its end");
  text.remove_prefix(std::min(text.size(), at + 1));
  return fields;
}

}  // namespace

std::expected<NvsEntry, std::string> nvs_entry(const NvsRow& row, std::string_view content) {
  NvsEntry entry{.space = row.space, .key = row.key};
  if (row.key.empty()) return entry;
  const auto wrong = [&](std::string_view what) {
    return Wrong(one_line(fmt::format("{}.{}: {}", row.space, row.key, what)));
  };
  const auto number = std::ranges::find(kNumbers, row.encoding, &std::pair<std::string_view, NvsType>::first);
  if (number != kNumbers.end()) {
    const auto value = parse_number(row.encoding, content);
    if (!value) return wrong(value.error());
    entry.type = number->second;
    entry.number = *value;
    return entry;
  }
  entry.type = row.encoding == "string" ? NvsType::kString : NvsType::kBlob;
  if (row.encoding == "string" || row.encoding == "binary") {
    entry.data.assign(content.begin(), content.end());
    return entry;
  }
  if (row.encoding != "hex2bin" && row.encoding != "base64")
    return wrong(fmt::format("there is no type '{}'; there are {}", row.encoding, kEncodings));
  auto bytes = row.encoding == "hex2bin" ? parse_hex(content) : parse_base64(content);
  if (!bytes) return wrong(bytes.error());
  entry.data = std::move(*bytes);
  return entry;
}

std::expected<std::vector<NvsRow>, std::string> parse_nvs_csv(std::string_view text) {
  constexpr std::array<std::string_view, 4> kHeader = {"key", "type", "encoding", "value"};
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<NvsRow> rows;
  std::string space;
  bool header = false;
  unsigned line = 1;
  while (!text.empty()) {
    const unsigned here = line;
    const auto wrong = [&](std::string_view what) {
      return Wrong(one_line(fmt::format("{}: {}", here, what)));
    };
    const bool comment = text.front() == '#';
    if (comment) {
      text.remove_prefix(std::min(text.size(), text.find('\n')));
      if (!text.empty()) text.remove_prefix(1);
      ++line;
      continue;
    }
    auto fields = next_row(text, line);
    if (!fields) return wrong(fields.error());
    if (fields->size() == 1 && fields->front().empty()) continue;
    if (!header) {
      if (!std::ranges::equal(*fields, kHeader))
        return wrong("the first line has to be key,type,encoding,value");
      header = true;
      continue;
    }
    if (fields->size() > kHeader.size())
      return wrong("more than four fields; a value with commas stands in double quotes");
    fields->resize(kHeader.size());
    const std::string& type = (*fields)[1];
    NvsRow row{.space = space,
               .key = (*fields)[0],
               .encoding = (*fields)[2],
               .value = (*fields)[3],
               .file = type == "file",
               .line = here};
    if (row.key.empty()) return wrong("the key is empty");
    if (type == "namespace") {
      space = std::exchange(row.key, {});
      row.space = space;
      row.value.clear();
    } else if (type != "data" && type != "file") {
      return wrong(fmt::format("there is no type '{}'; there are namespace, data, file", type));
    } else if (space.empty()) {
      return wrong(fmt::format("{} has no namespace: a row of that type comes first", row.key));
    }
    rows.push_back(std::move(row));
  }
  if (!header) return Wrong("1: the first line has to be key,type,encoding,value");
  return rows;
}

}  // namespace espalier::image
