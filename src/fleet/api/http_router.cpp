#include "fleet/api/http_router.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <utility>

namespace espalier::fleet::api {

namespace {

// Takes off what comes before the next slash, and the slash.
std::string_view next_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  return segment;
}

std::size_t slashes_of(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += c == '/';
  return count;
}

std::optional<Fields> match(std::string_view pattern, std::string_view path) {
  if (slashes_of(pattern) != slashes_of(path)) return std::nullopt;
  Fields parameters;
  while (!pattern.empty() || !path.empty()) {
    const std::string_view wanted = next_segment(pattern);
    const std::string_view segment = next_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != segment) return std::nullopt;
      continue;
    }
    auto value = percent_decoded(segment);
    if (!value || value->empty()) return std::nullopt;
    parameters.emplace(wanted.substr(1, wanted.size() - 2), std::move(*value));
  }
  return parameters;
}

}  // namespace

std::variant<Router::Found, Router::NotFound, Router::WrongMethod> Router::find(std::string_view method,
                                                                                std::string_view path) const {
  std::string allowed;
  for (const auto& route : routes_) {
    auto parameters = match(route->pattern, path);
    if (!parameters) continue;
    if (route->method == method || (method == "HEAD" && route->method == "GET"))
      return Found{route, std::move(*parameters)};
    allowed += (allowed.empty() ? "" : ", ") + route->method;
  }
  if (allowed.empty()) return NotFound{};
  return WrongMethod{std::move(allowed)};
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const std::string_view digits = text.substr(i + 1, 2);
      unsigned value = 0;
      const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, 16);
      if (digits.size() != 2 || error != std::errc() || end != digits.end()) return std::nullopt;
      decoded += static_cast<char>(value);
      i += 2;
    }
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) ||
        std::string_view("-._~").find(c) != std::string_view::npos)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::optional<Fields> parse_query(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view field = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (field.empty()) continue;
    const std::size_t equals = field.find('=');
    auto name = percent_decoded(field.substr(0, equals), true);
    auto value = percent_decoded(
        equals == std::string_view::npos ? std::string_view{} : field.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    fields.insert_or_assign(std::move(*name), std::move(*value));
  }
  return fields;
}

}  // namespace espalier::fleet::api
