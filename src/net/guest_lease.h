// What a guest has been told that its network is.
#pragma once

#include <cstdint>

namespace espalier::net {

// IPv4 addresses in the host's byte order.
struct GuestLease {
  std::uint32_t address = 0;  // the guest's; 0: it has none
  std::uint32_t gateway = 0;
  std::uint32_t dns = 0;
  std::uint32_t mask = 0;

  explicit operator bool() const { return address != 0; }
  std::uint32_t broadcast() const { return address | ~mask; }
  bool operator==(const GuestLease&) const = default;
};

}  // namespace espalier::net
