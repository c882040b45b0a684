#include "net/udp_packet.h"

#include "net/bytes.h"
#include "net/ethernet_address.h"

namespace espalier::net {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIp = 20;
constexpr std::size_t kUdp = 8;
constexpr std::uint8_t kProtocol = 17;
constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kFragment = 0x3fff;  // more to come, or not the first

}  // namespace

std::optional<UdpPacket> UdpPacket::parse(Frame frame) {
  if (frame.size() < kEthernet + kIp + kUdp || get_u16(frame, 12) != kTypeIpv4) return std::nullopt;
  const std::span ip = frame.subspan(kEthernet);
  const std::size_t header = std::size_t{4} * (ip[0] & 15);
  const std::size_t total = get_u16(ip, 2);
  if (ip[0] >> 4 != 4 || ip[9] != kProtocol || (get_u16(ip, 6) & kFragment) != 0 || header < kIp ||
      total < header + kUdp || ip.size() < total)
    return std::nullopt;
  const std::span udp = ip.subspan(header, total - header);
  const std::size_t size = get_u16(udp, 4);
  if (size < kUdp || size > udp.size()) return std::nullopt;
  return UdpPacket{.source_mac = ethernet_address(frame, 6),
                   .destination_mac = ethernet_address(frame, 0),
                   .source = get_u32(ip, 12),
                   .destination = get_u32(ip, 16),
                   .source_port = get_u16(udp, 0),
                   .destination_port = get_u16(udp, 2),
                   .data = udp.subspan(kUdp, size - kUdp)};
}

std::vector<std::uint8_t> UdpPacket::frame() const {
  const auto length = static_cast<std::uint32_t>(kUdp + data.size());
  std::vector<std::uint8_t> made;
  made.reserve(kEthernet + kIp + length);
  add_uint(made, destination_mac, 6);
  add_uint(made, source_mac, 6);
  add_u16(made, kTypeIpv4);
  add_u16(made, 0x4500);
  add_u16(made, static_cast<std::uint32_t>(kIp + length));
  add_u32(made, 0x4000);  // identification 0: not to be fragmented
  made.push_back(64);
  made.push_back(kProtocol);
  add_u16(made, 0);
  add_u32(made, source);
  add_u32(made, destination);
  add_u16(made, source_port);
  add_u16(made, destination_port);
  add_u16(made, length);
  add_u16(made, 0);
  made.insert(made.end(), data.begin(), data.end());
  const std::span ip = std::span(made).subspan(kEthernet, kIp);
  set_u16(ip, 10, internet_checksum(ip));
  const std::span udp = std::span(made).subspan(kEthernet + kIp);
  std::uint32_t pseudo = kProtocol + length;
  for (std::size_t at = 12; at < kIp; at += 2) pseudo += get_u16(ip, at);
  const std::uint16_t sum = internet_checksum(udp, pseudo);
  set_u16(udp, 6, sum == 0 ? 0xffff : sum);
  return made;
}

}  // namespace espalier::net
