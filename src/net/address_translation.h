// Other addresses in frames: a guest's own for those that it has brought along.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "net/ethernet_address.h"
#include "net/guest_lease.h"

namespace espalier::net {

// A guest that goes on from a snapshot uses the MAC address and the lease of the machine that was saved, as
// all others from that snapshot do. Outside it is to have its own. Each address that it has brought along is
// exchanged for its own and, so that nobody disappears, the other way round: whoever really has the guest's
// address appears to the guest with the one that the guest does not know to be its own.
//
// Exchanged are Ethernet addresses; in ARP both kinds; IPv4 addresses with the checksums of IPv4, TCP and UDP
// over it (RFC 1624), in packets that ICMP quotes too; the hardware address in DHCP; in IPv6 the addresses
// that are made from the MAC address (RFC 4291, appendix A), their solicited-node groups, and what neighbour
// discovery says of both (RFC 4861). What else carries addresses in its data stays as it is: multicast
// listener reports, mDNS, FTP.
class AddressTranslation {
 public:
  enum class Way : std::uint8_t { kOut, kIn };  // from the guest, to the guest

  // The same twice: nothing is exchanged. Of leases the gateway, the name server and the subnet's broadcast
  // address are exchanged, too, and libslirp's Ethernet addresses of the former two.
  void set_macs(EthernetAddress guest, EthernetAddress own) { macs_ = {guest, own}; }
  void set_leases(const GuestLease& guest, const GuestLease& own);
  bool none() const { return macs_.first == macs_.second && guest_ == own_; }

  EthernetAddress mac(EthernetAddress address, Way way) const;
  std::uint32_t ipv4(std::uint32_t address, Way way) const;
  // In place. Whatever is damaged or cut short is left alone from there on.
  void rewrite(std::span<std::uint8_t> frame, Way way) const;

 private:
  using Bytes = std::span<std::uint8_t>;
  void arp(Bytes message, Way way) const;
  void ipv4_packet(Bytes packet, Way way) const;
  void icmp(Bytes message, Way way) const;
  void udp(Bytes datagram, std::uint16_t before, std::uint16_t after, Way way) const;
  void ipv6_packet(Bytes packet, Way way) const;
  void icmpv6(Bytes message, std::uint16_t before, std::uint16_t after, Way way) const;
  void put_mac(Bytes at, Way way) const;
  void put_ipv4(Bytes at, Way way) const;
  void put_ipv6(Bytes at) const;

  static constexpr std::size_t kAddresses = 4;
  std::pair<EthernetAddress, EthernetAddress> macs_{};  // the guest's, its own
  std::array<std::uint32_t, kAddresses> guest_{};       // addresses that belong together
  std::array<std::uint32_t, kAddresses> own_{};
};

}  // namespace espalier::net
