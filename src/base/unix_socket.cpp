#include "base/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace espalier::base {
namespace {

std::expected<sockaddr_un, std::string> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return std::unexpected(fmt::format("the path is longer than {} bytes", sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.c_str(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::unexpected<std::string> failed(int fd) {
  const int error = errno;
  if (fd >= 0) close(fd);
  return std::unexpected<std::string>(std::strerror(error));
}

}  // namespace

std::expected<int, std::string> listen_unix(const std::string& path, std::optional<mode_t> mode) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  struct stat st {};
  if (lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) return std::unexpected<std::string>("the file exists and is no socket");
    // Left over from a process that was killed, or somebody's?
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const bool refused =
        probe >= 0 && connect(probe, generic(*address), sizeof *address) != 0 && errno == ECONNREFUSED;
    if (probe >= 0) close(probe);
    if (!refused) return std::unexpected<std::string>("another program listens there");
    unlink(path.c_str());
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  // Linux makes the file with the mode of the socket.
  if (fd < 0 || (mode && fchmod(fd, *mode) != 0) || bind(fd, generic(*address), sizeof *address) != 0 ||
      listen(fd, 8) != 0)
    return failed(fd);
  return fd;
}

std::expected<int, std::string> connect_unix(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, generic(*address), sizeof *address) != 0) return failed(fd);
  return fd;
}

}  // namespace espalier::base
