#include "cli/qemu/keyval.h"

#include <algorithm>

namespace espalier::cli::qemu {
namespace {

// The parts between single commas, with doubled ones undone.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      parts.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += ',';
      ++i;
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

}  // namespace

KeyVal KeyVal::parse(std::string_view text, std::string_view first_key) {
  KeyVal result;
  bool first = true;
  for (const std::string& part : split(text)) {
    const bool leads = std::exchange(first, false) && !first_key.empty();
    if (const auto equals = part.find('='); equals != std::string::npos)
      result.pairs_.emplace_back(part.substr(0, equals), part.substr(equals + 1));
    else if (leads)
      result.pairs_.emplace_back(first_key, part);
    else if (part.starts_with("no") && part.size() > 2)
      result.pairs_.emplace_back(part.substr(2), "off");
    else if (!part.empty())
      result.pairs_.emplace_back(part, "on");
  }
  return result;
}

std::optional<std::string> KeyVal::take(std::string_view key) {
  std::vector<std::string> values = take_all(key);
  if (values.empty()) return std::nullopt;
  return std::move(values.back());
}

std::vector<std::string> KeyVal::take_all(std::string_view key) {
  std::vector<std::string> values;
  for (auto& [name, value] : pairs_)
    if (name == key) values.push_back(std::move(value));
  std::erase_if(pairs_, [&](const auto& pair) { return pair.first == key; });
  return values;
}

std::optional<std::string> KeyVal::unused() const {
  if (pairs_.empty()) return std::nullopt;
  return pairs_.front().first;
}

std::optional<bool> parse_switch(std::string_view text) {
  for (const std::string_view word : {"on", "yes", "true", "y"})
    if (text == word) return true;
  for (const std::string_view word : {"off", "no", "false", "n"})
    if (text == word) return false;
  return std::nullopt;
}

}  // namespace espalier::cli::qemu
