// QEMU's spelling of a published port: hostfwd=, hostfwd_add, hostfwd_remove.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "net/publish.h"

namespace espalier::net {

// [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT, addresses numeric, IPv6 ones in brackets. Without a
// host's address the port is published on `otherwise`. Otherwise QEMU's line: "Invalid host forwarding rule
// 'TEXT' (what is wrong)".
std::expected<Publish, std::string> parse_hostfwd(std::string_view text,
                                                  std::string_view otherwise = "127.0.0.1");

// The host's end alone: [tcp|udp]:[HOSTADDR]:HOSTPORT. Otherwise what is wrong, in a few words.
std::expected<Publish, std::string> parse_hostfwd_end(std::string_view text,
                                                      std::string_view otherwise = "127.0.0.1");

// True where other machines reach the port: the address is not on the loopback interface.
bool is_open_to_others(const Publish& publish);

}  // namespace espalier::net
