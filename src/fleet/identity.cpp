#include "fleet/identity.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "host/mac_address.h"

namespace espalier::fleet {
namespace {

constexpr std::size_t kLongestName = 24;  // with an ordinal no more than the 32 that DHCP has room for

// FNV-1a, and at the end the mixing of splitmix64, so that texts that differ in their last letter differ in
// all bits.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) value_ = (value_ ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    value_ = (value_ ^ 0xff) * 0x100000001b3;  // the end of this text
  }
  std::uint64_t value() const {
    std::uint64_t z = value_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

std::uint64_t number_of(const MacAddress& mac) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : mac) number = number << 8 | byte;
  return number;
}

// What is wrong in a template, and where it begins.
struct Mistake {
  std::size_t at;
  std::string what;
};

std::expected<std::string, Mistake> fill(std::string_view text, const Identity& identity) {
  std::string filled;
  for (std::size_t at = 0; at < text.size();) {
    const auto wrong = [&](std::string what) { return std::unexpected(Mistake{at, std::move(what)}); };
    const char c = text[at];
    if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
      filled += c;
      at += 2;
      continue;
    }
    if (c == '}') return wrong("a '}' without its '{'");
    if (c != '{') {
      filled += c;
      ++at;
      continue;
    }
    const std::size_t end = text.find_first_of("}\n", at);
    if (end == std::string_view::npos || text[end] == '\n') return wrong("a '{' without its '}'");
    const std::string word(text.substr(at + 1, end - at - 1));
    if (word == "ordinal")
      filled += std::to_string(identity.ordinal);
    else if (word == "name")
      filled += identity.name;
    else if (word == "mac")
      filled += host::mac_text(identity.mac);
    else if (const auto more = identity.more.find(word); more != identity.more.end())
      filled += more->second;
    else
      return wrong(fmt::format(
          "{{{}}} is none of {{ordinal}}, {{name}}, {{mac}} and what `environment` defines", word));
    at = end + 1;
  }
  return filled;
}

MacAddress mac_of_number(std::uint64_t number) {
  MacAddress mac{};
  for (std::size_t i = mac.size(); i-- != 0; number >>= 8) mac[i] = static_cast<std::uint8_t>(number);
  return mac;
}

}  // namespace

std::string host_id() {
  std::string id;
  if (std::ifstream file("/etc/machine-id"); file) std::getline(file, id);
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) id += fmt::format("@{}", name.data());
  return id;
}

MacAddress group_mac(std::string_view host, std::string_view fleet, std::string_view group) {
  Hash hash;
  for (const std::string_view text : {host, fleet, group}) hash.add(text);
  // Bits 46 to 18 but for the two that make it a locally administered address of one interface.
  const std::uint64_t bits = hash.value() & ((1ull << 28) - 1);
  const std::uint64_t high = bits >> 22;             // 6 bits, above those two
  const std::uint64_t low = bits & ((1 << 22) - 1);  // 22 bits, above the ordinals
  return mac_of_number((high << 42) | (1ull << 41) | (low << 18));
}

MacAddress device_mac(const MacAddress& first, unsigned ordinal) {
  return mac_of_number(number_of(first) + std::uint64_t{ordinal} * kAddressesPerDevice);
}

std::string device_name(std::string_view group, unsigned ordinal) {
  return fmt::format("{}-{}", group, ordinal);
}

std::expected<void, std::string> check_name(std::string_view name) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected(fmt::format("'{}' {}", name, what));
  };
  if (name.empty()) return std::unexpected("the name is empty");
  if (name.size() > kLongestName) return wrong(fmt::format("is longer than {} characters", kLongestName));
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (!std::ranges::all_of(name, plain))
    return wrong("has other characters than letters, digits and hyphens");
  if (name.front() == '-' || name.back() == '-') return wrong("begins or ends with a hyphen");
  return {};
}

std::expected<std::string, std::string> fill_template(std::string_view text, const Identity& identity) {
  auto filled = fill(text, identity);
  if (!filled) return std::unexpected(fmt::format("'{}': {}", text, filled.error().what));
  return std::move(*filled);
}

std::expected<std::string, std::string> fill_text(std::string_view text, const Identity& identity) {
  auto filled = fill(text, identity);
  if (filled) return std::move(*filled);
  const auto lines = std::ranges::count(text.substr(0, filled.error().at), '\n');
  return std::unexpected(fmt::format("{}: {}", lines + 1, filled.error().what));
}

}  // namespace espalier::fleet
