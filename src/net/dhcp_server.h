// A DHCP server: what it answers to one message.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace espalier::net {

// What is the same for all clients. Addresses in the host's byte order.
struct DhcpSettings {
  std::uint32_t server = 0;
  std::uint32_t router = 0;
  std::uint32_t dns = 0;
  std::uint32_t mask = 0;
  std::uint32_t broadcast = 0;
  std::string domain;  // empty: none
  std::uint32_t lease_seconds = 86'400;
};

// What one client is given.
struct DhcpGrant {
  std::uint32_t address = 0;
  std::string hostname;  // empty: none
};

struct DhcpReply {
  std::vector<std::uint8_t> message;  // what UDP carries, from port 67 to port 68
  // Where it goes: 255.255.255.255 where the client has no address yet or wants it so.
  std::uint32_t destination = ~std::uint32_t{0};
  std::uint64_t client_mac = 0;
};

// Answers what a client has sent to port 67 (RFC 2131, options RFC 2132; BOOTP without DHCP too), or
// says nothing: to what is malformed or for another server, and to a client that has no grant. `grant` says
// what the client with a hardware address gets, and is the same each time: leases are for good, so DECLINE
// and RELEASE change nothing.
using DhcpGrants = std::function<std::optional<DhcpGrant>(std::uint64_t client_mac)>;
std::optional<DhcpReply> answer_dhcp(const DhcpSettings& settings, std::span<const std::uint8_t> request,
                                     const DhcpGrants& grant);

// The address that a client's message says is its own, or that it wants again; 0: none. Nothing where
// it is no client's message.
std::optional<std::uint32_t> dhcp_client_address(std::span<const std::uint8_t> request);

}  // namespace espalier::net
