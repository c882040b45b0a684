// How libslirp's virtual network is to be.
#pragma once

#include <expected>
#include <string>

#include "net/guest_lease.h"

namespace espalier::net {

struct SlirpOptions {
  // The guest reaches nothing but the virtual network itself, and nothing reaches it but published ports.
  bool restricted = false;
  bool ipv6 = true;
  // The virtual network, IPv4: its address and prefix length, the host's and the name server's address in it,
  // and the address that DHCP gives to the guest, to which published ports lead.
  std::string network = "10.0.2.0";
  unsigned prefix_length = 24;
  std::string host = "10.0.2.2";
  std::string dns = "10.0.2.3";
  std::string guest = "10.0.2.15";
  // The name that DHCP gives to the guest; empty for none.
  std::string hostname;

  // Has all that belongs to a lease as that says, unless it has been chosen already.
  void adopt(const GuestLease& lease);
  // Otherwise one line that says which of them is wrong.
  std::expected<void, std::string> check() const;
};

}  // namespace espalier::net
