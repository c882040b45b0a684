#include "net/publish.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace espalier::net {

namespace {

using Error = std::unexpected<std::string>;

Error wrong(std::string_view text, std::string_view what) {
  return Error(fmt::format("--publish {}: {} (expected [ADDR:]HOSTPORT:GUESTPORT[/udp])", text, what));
}

std::expected<std::uint16_t, std::string> parse_port(std::string_view text, std::string_view port,
                                                     std::string_view whose, unsigned lowest) {
  if (port.find('-') != std::string_view::npos) {
    return wrong(text, fmt::format("\"{}\" is a range of ports; give --publish once for each port", port));
  }
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size() || value < lowest ||
      value > 65535) {
    return wrong(text, fmt::format("{} port \"{}\" is not a number from {} to 65535", whose, port, lowest));
  }
  return static_cast<std::uint16_t>(value);
}

}  // namespace

std::string Publish::host_end() const {
  return fmt::format("{0}{1}{2}:{3}{4}", is_ipv6() ? "[" : "", address, is_ipv6() ? "]" : "", host_port,
                     udp ? "/udp" : "");
}

std::expected<Publish, std::string> parse_publish(std::string_view text) {
  Publish publish;
  std::string_view rest = text;
  if (const auto slash = rest.rfind('/'); slash != std::string_view::npos) {
    const std::string_view protocol = rest.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
      return wrong(text, fmt::format("the protocol \"{}\" is neither tcp nor udp", protocol));
    }
    publish.udp = protocol == "udp";
    rest = rest.substr(0, slash);
  }
  const auto last = rest.rfind(':');
  if (last == std::string_view::npos) return wrong(text, "the guest's port is missing");
  const std::string_view guest = rest.substr(last + 1);
  rest = rest.substr(0, last);

  std::string_view host = rest;
  if (rest.starts_with('[')) {
    const auto bracket = rest.find(']');
    if (bracket == std::string_view::npos)
      return wrong(text, "the bracket of the IPv6 address is not closed");
    publish.address = rest.substr(1, bracket - 1);
    if (bracket + 1 >= rest.size() || rest[bracket + 1] != ':')
      return wrong(text, "the host's port is missing");
    host = rest.substr(bracket + 2);
    in6_addr parsed{};
    if (inet_pton(AF_INET6, publish.address.c_str(), &parsed) != 1) {
      return wrong(text, fmt::format("\"{}\" is not an IPv6 address", publish.address));
    }
  } else if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    publish.address = rest.substr(0, colon);
    host = rest.substr(colon + 1);
    in_addr parsed{};
    if (publish.address.find(':') != std::string::npos) {
      return wrong(text, "an IPv6 address goes in brackets, as in [::1]:8000:80");
    }
    if (inet_pton(AF_INET, publish.address.c_str(), &parsed) != 1) {
      return wrong(text, fmt::format("\"{}\" is not an IP address", publish.address));
    }
  }
  const auto host_port = parse_port(text, host, "the host's", 0);
  if (!host_port) return Error(host_port.error());
  const auto guest_port = parse_port(text, guest, "the guest's", 1);
  if (!guest_port) return Error(guest_port.error());
  publish.host_port = *host_port;
  publish.guest_port = *guest_port;
  return publish;
}

bool host_sockaddr(const Publish& publish, sockaddr_storage& into, socklen_t& size) {
  std::memset(&into, 0, sizeof into);
  if (publish.is_ipv6()) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(into);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(publish.host_port);
    size = sizeof v6;
    return inet_pton(AF_INET6, publish.address.c_str(), &v6.sin6_addr) == 1;
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(into);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(publish.host_port);
  size = sizeof v4;
  return inet_pton(AF_INET, publish.address.c_str(), &v4.sin_addr) == 1;
}

std::string bind_error(const Publish& publish, int error) {
  const std::string end = publish.host_end();
  switch (error) {
    case EADDRINUSE:
      return fmt::format(
          "cannot publish {}: the port is in use; stop the program that holds it or publish on another one",
          end);
    case EACCES:
      return fmt::format("cannot publish {}: ports below 1024 need privileges; publish on a higher one", end);
    case EADDRNOTAVAIL:
      return fmt::format("cannot publish {}: this host has no interface with that address", end);
    case EAFNOSUPPORT:
      return fmt::format("cannot publish {}: this host has no {}", end, publish.is_ipv6() ? "IPv6" : "IPv4");
    default:
      return fmt::format("cannot publish {}: {}", end, std::strerror(error));
  }
}

}  // namespace espalier::net
