// The kinds of serial back ends, for serial_backend.cpp.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "base/serial_backend.h"

namespace espalier::base {

// The process's own input and output. A terminal is put into raw mode; Ctrl-] leaves, unless `spec` says
// otherwise.
std::unique_ptr<SerialBackend> open_stdio_serial(EventLoop& loop, const SerialSpec& spec = {},
                                                 int input_fd = 0, int output_fd = 1);

// A new pseudo-terminal; where() is its name, /dev/pts/N. What is written while nobody has opened it is lost.
std::expected<std::unique_ptr<SerialBackend>, std::string> open_pty_serial(EventLoop& loop);

// A server for one client at a time; further ones are turned away while it is there. Or a client of a server.
std::expected<std::unique_ptr<SerialBackend>, std::string> open_tcp_serial(EventLoop& loop,
                                                                           const SerialSpec& spec);
std::expected<std::unique_ptr<SerialBackend>, std::string> open_unix_serial(EventLoop& loop,
                                                                            const SerialSpec& spec);

}  // namespace espalier::base
