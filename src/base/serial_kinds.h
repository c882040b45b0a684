// The kinds of serial back ends, for serial_backend.cpp.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "base/serial_backend.h"

namespace espalier::base {

// The process's own input and output. A terminal is put into raw mode; Ctrl-] leaves.
std::unique_ptr<SerialBackend> open_stdio_serial(EventLoop& loop, int input_fd = 0, int output_fd = 1);

// A server for one client at a time; further ones are turned away while it is there.
std::expected<std::unique_ptr<SerialBackend>, std::string> open_tcp_serial(EventLoop& loop,
                                                                           const SerialSpec& spec);
std::expected<std::unique_ptr<SerialBackend>, std::string> open_unix_serial(EventLoop& loop,
                                                                            const SerialSpec& spec);

}  // namespace espalier::base
