// Where the control API is: a Unix socket, or TCP with a token.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/tcp_socket.h"

namespace espalier::fleet::api {

struct Endpoint {
  std::string path{};   // of the Unix socket; empty: TCP
  base::TcpEnd tcp{};   // port 0: any free one
  std::string token{};  // for TCP, where it may not be empty

  bool is_unix() const { return !path.empty(); }
  // "unix:PATH", "http://127.0.0.1:8080".
  std::string name() const;
};

// unix:PATH, or a path with a slash; [tcp:][ADDR:]PORT with a numeric address, loopback by default. Otherwise
// one line that says what is wrong with it.
std::expected<Endpoint, std::string> parse_endpoint(std::string_view text);
// The first line of a file; one line that names the file if it has none, or if anybody may write it.
std::expected<std::string, std::string> read_token_file(const std::string& path);
// Empty if only this host reaches it, otherwise one line that warns of it.
std::string exposure_warning(const Endpoint& endpoint);

}  // namespace espalier::fleet::api
