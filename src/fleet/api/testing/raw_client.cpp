#include "fleet/api/testing/raw_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

#include "base/unix_socket.h"

namespace espalier::fleet::api::testing {

RawClient::RawClient(const std::string& path) {
  const auto fd = base::connect_unix(path);
  if (!fd) throw std::runtime_error(path + ": " + fd.error());
  fd_ = *fd;
}

RawClient::~RawClient() {
  drop();
}

void RawClient::drop() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawClient::shut_down_sending() {
  shutdown(fd_, SHUT_WR);
}

bool RawClient::read_more(std::chrono::steady_clock::time_point until) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
  if (left.count() <= 0 || poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
  std::array<char, 65536> piece;
  const ssize_t size = recv(fd_, piece.data(), piece.size(), 0);
  ended_ = size <= 0;
  if (!ended_) received_.append(piece.data(), static_cast<std::size_t>(size));
  return !ended_;
}

std::string RawClient::read_all(std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (read_more(until)) {
  }
  return std::exchange(received_, {});
}

std::string RawClient::read_until(std::string_view text, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (const std::size_t at = received_.find(text); at != std::string::npos) {
      std::string found = received_.substr(0, at + text.size());
      received_.erase(0, found.size());
      return found;
    }
    if (!read_more(until)) return std::exchange(received_, {});
  }
}

}  // namespace espalier::fleet::api::testing
