#include "net/hostfwd.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace espalier::net {

namespace {

std::optional<std::uint16_t> port_of(std::string_view text, unsigned lowest) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < lowest || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

// Takes the brackets off an IPv6 address.
std::string bare(std::string_view address) {
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return std::string(address);
}

bool is_address(const std::string& text, int family) {
  in6_addr parsed{};
  return inet_pton(family, text.c_str(), &parsed) == 1;
}

}  // namespace

std::expected<Publish, std::string> parse_hostfwd_end(std::string_view text, std::string_view otherwise) {
  using Error = std::unexpected<std::string>;
  const auto first = text.find(':');
  if (first == std::string_view::npos) return Error("No : separators");
  const std::string_view protocol = text.substr(0, first);
  if (!protocol.empty() && protocol != "tcp" && protocol != "udp") return Error("Bad protocol name");
  const std::string_view rest = text.substr(first + 1);
  const auto last = rest.rfind(':');
  if (last == std::string_view::npos) return Error("Missing : separator");
  Publish publish{.address = std::string(otherwise), .udp = protocol == "udp"};
  if (const std::string address = bare(rest.substr(0, last)); !address.empty()) {
    const bool v6 = rest.front() == '[';
    if (!is_address(address, v6 ? AF_INET6 : AF_INET)) return Error("Bad host address");
    publish.address = address;
  }
  const auto port = port_of(rest.substr(last + 1), 0);
  if (!port) return Error("Bad host port");
  publish.host_port = *port;
  return publish;
}

std::expected<Publish, std::string> parse_hostfwd(std::string_view text, std::string_view otherwise) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected(fmt::format("Invalid host forwarding rule '{}' ({})", text, what));
  };
  const auto dash = text.find('-');
  auto publish = parse_hostfwd_end(text.substr(0, dash), otherwise);
  if (!publish) return wrong(publish.error());
  if (dash == std::string_view::npos) return wrong("Missing - separator");
  const std::string_view guest = text.substr(dash + 1);
  const auto colon = guest.find(':');
  if (colon == std::string_view::npos) return wrong("Missing guest port");
  publish->guest_address = guest.substr(0, colon);
  if (!publish->guest_address.empty() && !is_address(publish->guest_address, AF_INET))
    return wrong("Bad guest address");
  const auto port = port_of(guest.substr(colon + 1), 1);
  if (!port) return wrong("Bad guest port");
  publish->guest_port = *port;
  return publish;
}

bool is_open_to_others(const Publish& publish) {
  return publish.address != "::1" && !publish.address.starts_with("127.");
}

}  // namespace espalier::net
