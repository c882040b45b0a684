// A debugger that comes by a socket, for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "debug/gdb_server.h"

namespace espalier::debug::testing_support {

// A debugger's end of a connection.
struct Client {
  explicit Client(std::uint16_t port) : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() {
    if (fd >= 0) close(fd);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void send(std::string_view text) const {
    EXPECT_EQ(::send(fd, text.data(), text.size(), 0), ssize_t(text.size()));
  }
  // At once, with a reset instead of a good-bye.
  void abort() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    fd = -1;
  }
  int fd;
  bool connected = false;
};

inline std::uint16_t port_of(const GdbServer& server) {
  return static_cast<std::uint16_t>(std::stoi(server.where().substr(server.where().rfind(':') + 1)));
}

}  // namespace espalier::debug::testing_support
