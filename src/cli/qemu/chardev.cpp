#include "cli/qemu/chardev.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <charconv>
#include <memory>

#include "cli/qemu/keyval.h"

namespace espalier::cli::qemu {
namespace {

using Error = std::unexpected<std::string>;
using Kind = base::SerialSpec::Kind;

// A host's numeric address. Names are looked up, as a container's peers have no other.
std::expected<std::string, std::string> resolve(std::string host) {
  if (host.empty() || host == "localhost") return "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0)
    return Error(fmt::format("address resolution failed for {}: {}", host, gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  char text[INET6_ADDRSTRLEN] = {};
  const void* address =
      found->ai_family == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(found->ai_addr)->sin6_addr)
          : static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr);
  inet_ntop(found->ai_family, address, text, sizeof text);
  return text;
}

std::expected<std::uint16_t, std::string> parse_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > 65535)
    return Error(fmt::format("'{}' is not a port from 0 to 65535", text));
  return static_cast<std::uint16_t>(value);
}

std::expected<bool, std::string> take_switch(KeyVal& options, std::string_view key, bool otherwise) {
  const auto text = options.take(key);
  if (!text) return otherwise;
  const auto value = parse_switch(*text);
  if (!value) return Error(fmt::format("Parameter '{}' expects 'on' or 'off'", key));
  return *value;
}

// server, wait and what has no meaning here; `line` is a socket.
std::expected<CharDevice, std::string> socket_device(base::SerialSpec line, KeyVal options) {
  const auto server = take_switch(options, "server", false);
  if (!server) return Error(server.error());
  const auto wait = take_switch(options, "wait", *server);
  if (!wait) return Error(wait.error());
  const auto telnet = take_switch(options, "telnet", line.telnet);
  if (!telnet) return Error(telnet.error());
  line.connect = !*server;
  line.wait = *server && *wait;
  line.telnet = *telnet;
  for (const char* ignored :
       {"nodelay", "delay", "reconnect", "ipv4", "ipv6", "to", "mux", "logfile", "logappend"})
    options.take(ignored);
  if (const auto unknown = options.unused()) return Error(fmt::format("Invalid parameter '{}'", *unknown));
  return CharDevice{.line = std::move(line)};
}

std::expected<CharDevice, std::string> tcp_device(std::string host, std::string_view port, bool telnet,
                                                  KeyVal options) {
  auto address = resolve(std::move(host));
  if (!address) return Error(address.error());
  const auto number = parse_port(port);
  if (!number) return Error(number.error());
  return socket_device(
      {.kind = Kind::kTcp, .path = {}, .address = *address, .port = *number, .telnet = telnet},
      std::move(options));
}

std::expected<CharDevice, std::string> stdio_device(KeyVal options) {
  const auto signals = take_switch(options, "signal", true);
  if (!signals) return Error(signals.error());
  options.take("mux");
  if (const auto unknown = options.unused()) return Error(fmt::format("Invalid parameter '{}'", *unknown));
  return CharDevice{
      .line = {.kind = Kind::kStdio, .path = {}, .address = {}, .plain_keys = true, .signals = *signals}};
}

// "host:port", the host possibly empty or in brackets.
std::expected<std::pair<std::string, std::string>, std::string> split_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return Error(fmt::format("port not specified in '{}'", text));
  return std::pair(std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)));
}

}  // namespace

std::expected<CharDevice, std::string> parse_chardev(std::string_view text, const CharDevices& named) {
  if (text == "stdio") return stdio_device({});
  if (text == "null" || text == "none" || text == "vc") return CharDevice{};
  if (text == "pty") return CharDevice{.line = {.kind = Kind::kPty, .path = {}, .address = {}}};
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (kind == "mon") {
    auto device = parse_chardev(rest, named);
    if (!device) return device;
    device->multiplexed = true;
    device->line.signals = false;
    return device;
  }
  if (kind == "chardev" || named.contains(text)) {
    const auto found = named.find(kind == "chardev" ? rest : text);
    if (found == named.end()) return Error(fmt::format("chardev '{}' not found", rest));
    return found->second;
  }
  if (kind == "file" && !rest.empty())
    return CharDevice{.line = {.kind = Kind::kFile, .path = std::string(rest), .address = {}}};
  if (kind == "tcp" || kind == "telnet" || kind == "unix") {
    const auto comma = rest.find(',');
    const std::string_view where = rest.substr(0, comma);
    KeyVal options =
        KeyVal::parse(comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1));
    if (kind == "unix") {
      if (where.empty()) return Error(fmt::format("'{}' names no path", text));
      return socket_device({.kind = Kind::kUnix, .path = std::string(where), .address = {}},
                           std::move(options));
    }
    auto address = split_address(where);
    if (!address) return Error(address.error());
    return tcp_device(address->first, address->second, kind == "telnet", std::move(options));
  }
  return Error(fmt::format("'{}' is not a valid char driver", text));
}

std::expected<void, std::string> add_chardev(std::string_view text, CharDevices& named) {
  KeyVal options = KeyVal::parse(text, "backend");
  const std::string kind = options.take("backend").value_or("");
  const auto id = options.take("id");
  if (!id) return Error("chardev: no id specified");
  std::expected<CharDevice, std::string> device = CharDevice{};
  if (kind == "socket") {
    if (const auto path = options.take("path")) {
      device = socket_device({.kind = Kind::kUnix, .path = *path, .address = {}}, std::move(options));
    } else {
      const std::string host = options.take("host").value_or("");
      const std::string port = options.take("port").value_or("");
      device = tcp_device(host, port, false, std::move(options));
    }
  } else if (kind == "stdio") {
    const bool multiplexed = take_switch(options, "mux", false).value_or(false);
    device = stdio_device(std::move(options));
    if (device) device->multiplexed = multiplexed;
  } else if (kind == "file") {
    const auto path = options.take("path");
    if (!path) return Error("chardev: file: no filename given");
    device->line = {.kind = Kind::kFile, .path = *path, .address = {}};
  } else if (kind == "pty") {
    device->line.kind = Kind::kPty;
  } else if (kind != "null" && kind != "vc") {
    return Error(fmt::format("'{}' is not a valid char driver name", kind));
  }
  if (!device) return Error(device.error());
  named[*id] = *device;
  return {};
}

}  // namespace espalier::cli::qemu
