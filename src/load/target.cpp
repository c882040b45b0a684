#include "load/target.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace espalier::load {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

std::expected<Addresses, std::string> look_up(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return std::unexpected(gai_strerror(error));
  return Addresses(found, freeaddrinfo);
}

}  // namespace

std::string Target::name() const {
  std::array<char, NI_MAXHOST> numeric{};
  std::array<char, NI_MAXSERV> port{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), address_size, numeric.data(), numeric.size(),
                  port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "http://" + host + path;
  const bool v6 = address.ss_family == AF_INET6;
  return fmt::format("http://{}{}{}:{}{}", v6 ? "[" : "", numeric.data(), v6 ? "]" : "", port.data(), path);
}

std::expected<std::vector<Target>, std::string> parse_url(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto wrong = [&url](std::string_view what) {
    return std::unexpected(
        fmt::format("'{}' {}: it should look like http://127.0.0.1:8000/hello", url, what));
  };
  if (url.starts_with("https://")) return wrong("asks for TLS, which load does not speak");
  if (!url.starts_with(kScheme)) return wrong("does not begin with http://");
  for (const unsigned char c : url)
    if (c <= ' ' || c == 0x7f) return wrong("has a space or control character in it");

  const std::string_view rest = std::string_view(url).substr(kScheme.size());
  const std::size_t slash = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, slash);
  std::string path = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
  path.resize(std::min(path.size(), path.find('#')));  // a fragment is the client's own
  if (!path.starts_with('/')) path.insert(0, "/");

  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view host = authority.substr(0, colon);
  std::uint16_t port = 80;
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size() || port == 0)
      return wrong("has a port that is not between 1 and 65535");
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return wrong("names no host");
  if (host == "localhost") host = "127.0.0.1";

  auto addresses = look_up(std::string(host), std::to_string(port));
  if (!addresses)
    return std::unexpected(fmt::format("'{}': host {} is not known: {}", url, host, addresses.error()));
  std::vector<Target> targets;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* found = addresses->get(); found != nullptr; found = found->ai_next) {
      if (found->ai_family != family) continue;
      Target& target = targets.emplace_back();
      std::memcpy(&target.address, found->ai_addr, found->ai_addrlen);
      target.address_size = found->ai_addrlen;
      target.host = authority;
      target.path = path;
    }
    if (!targets.empty()) return targets;
  }
  return std::unexpected(fmt::format("'{}': host {} has no IP address", url, host));
}

}  // namespace espalier::load
