#include "fleet/api/endpoint.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/serial_backend.h"
#include "host/exposure.h"

namespace espalier::fleet::api {

std::string Endpoint::name() const {
  return is_unix() ? "unix:" + path : "http://" + tcp.name();
}

std::expected<Endpoint, std::string> parse_endpoint(std::string_view text) {
  const auto wrong = [&](std::string_view what) {
    return std::unexpected(fmt::format("API address \"{}\": {}", text, what));
  };
  if (text.starts_with("unix:") || text.find('/') != std::string_view::npos) {
    const std::string_view path = text.starts_with("unix:") ? text.substr(5) : text;
    if (path.empty()) return wrong("the path is missing, as in unix:PATH");
    return Endpoint{.path = std::string(path)};
  }
  const std::string_view end = text.starts_with("tcp:") ? text.substr(4) : text;
  const bool port_only = !end.empty() && end.find_first_not_of("0123456789") == std::string_view::npos;
  const auto spec = base::parse_serial_spec(fmt::format("tcp:{}{}", port_only ? "127.0.0.1:" : "", end));
  if (!spec) return wrong("expected unix:PATH or [ADDR:]PORT with a numeric address, as in 127.0.0.1:8080");
  return Endpoint{.tcp = {.address = spec->address, .port = spec->port}};
}

std::expected<std::string, std::string> read_token_file(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  if (!file) return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) return std::unexpected(fmt::format("{}: there is no token in its first line", path));
  struct stat st {};
  // What a container mounts as a secret belongs to root and may be read by all.
  if (stat(path.c_str(), &st) == 0 && (st.st_mode & S_IWOTH) != 0)
    return std::unexpected(fmt::format("{}: anybody may write this token; chmod o-w it", path));
  return token;
}

std::string exposure_warning(const Endpoint& endpoint) {
  if (endpoint.is_unix()) return {};
  return host::exposure_warning(endpoint.tcp.address, endpoint.tcp.port,
                                "the control API, whose token travels unencrypted,");
}

}  // namespace espalier::fleet::api
