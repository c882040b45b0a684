// QEMU's character devices: what -serial, -monitor and -qmp name.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "cli/qemu/options.h"

namespace espalier::cli::qemu {

// By id, from -chardev.
using CharDevices = std::map<std::string, CharDevice, std::less<>>;

// stdio | null | none | pty | file:PATH | tcp:[HOST]:PORT[,server[=on|off]][,wait=on|off|,nowait][,nodelay] |
// telnet:... | unix:PATH[,server...] | mon:DEVICE | chardev:ID | vc. Without a host 127.0.0.1. Errors are in
// QEMU's words where it has some.
std::expected<CharDevice, std::string> parse_chardev(std::string_view text, const CharDevices& named);

// -chardev KIND,id=ID,...: null, stdio, pty, file, socket.
std::expected<void, std::string> add_chardev(std::string_view text, CharDevices& named);

}  // namespace espalier::cli::qemu
