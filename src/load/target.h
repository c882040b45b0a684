// Where requests go.
#pragma once

#include <sys/socket.h>

#include <expected>
#include <string>
#include <vector>

namespace espalier::load {

struct Target {
  sockaddr_storage address{};
  socklen_t address_size = 0;
  std::string host;  // as named, with its port: the Host header
  std::string path;  // begins with '/'
  // For reports: the URL with a numeric address.
  std::string name() const;
};

// `http://HOST[:PORT][/PATH]`; HOST is a numeric IPv4 address, an IPv6 address in brackets, or a name. A name
// that stands for several addresses (a container engine's name for all tasks of a service) makes as many
// targets; IPv6 addresses count where there are no others. localhost is 127.0.0.1. Without a port 80; without
// a path "/". The error is one line that names the URL.
std::expected<std::vector<Target>, std::string> parse_url(const std::string& url);

}  // namespace espalier::load
