#include "net/tcp_segment.h"

namespace espalier::net {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kLeastHeader = 20;  // of IPv4 and of TCP
constexpr std::uint8_t kTcp = 6;
constexpr std::uint16_t kTypeIpv4 = 0x0800;
constexpr std::uint16_t kFragment = 0x3fff;  // more to come, or not the first

std::uint16_t get16(Frame frame, std::size_t at) {
  return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}
std::uint32_t get32(Frame frame, std::size_t at) {
  return static_cast<std::uint32_t>(get16(frame, at)) << 16 | get16(frame, at + 2);
}
void put16(std::vector<std::uint8_t>& to, std::size_t at, std::uint32_t value) {
  to[at] = static_cast<std::uint8_t>(value >> 8);
  to[at + 1] = static_cast<std::uint8_t>(value);
}

// Internet checksum (RFC 1071) of an even number of bytes, begun with `sum`.
std::uint16_t checksum(Frame data, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i + 1 < data.size(); i += 2) sum += get16(data, i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::optional<TcpSegment> TcpSegment::parse(Frame frame) {
  const std::size_t ip = kEthernet;
  if (frame.size() < ip + 2 * kLeastHeader || get16(frame, 12) != kTypeIpv4) return std::nullopt;
  const std::size_t ip_header = std::size_t{4} * (frame[ip] & 15);
  const std::size_t total = get16(frame, ip + 2);
  if (frame[ip] >> 4 != 4 || frame[ip + 9] != kTcp || (get16(frame, ip + 6) & kFragment) != 0 ||
      ip_header < kLeastHeader || total < ip_header + kLeastHeader || frame.size() < ip + total) {
    return std::nullopt;
  }
  const std::size_t tcp = ip + ip_header;
  const std::size_t tcp_header = std::size_t{4} * (frame[tcp + 12] >> 4);
  if (tcp_header < kLeastHeader || total < ip_header + tcp_header) return std::nullopt;
  return TcpSegment{.source = get32(frame, ip + 12),
                    .destination = get32(frame, ip + 16),
                    .source_port = get16(frame, tcp),
                    .destination_port = get16(frame, tcp + 2),
                    .sequence = get32(frame, tcp + 4),
                    .acknowledged = get32(frame, tcp + 8),
                    .flags = frame[tcp + 13],
                    .tcp_at = tcp,
                    .data_size = total - ip_header - tcp_header};
}

std::vector<std::uint8_t> bare_segment(Frame like, std::uint32_t sequence, std::uint8_t flags) {
  const std::size_t ip = kEthernet;
  const std::size_t ip_header = std::size_t{4} * (like[ip] & 15);
  const std::size_t tcp = ip + ip_header;
  std::vector<std::uint8_t> bare(like.begin(),
                                 like.begin() + static_cast<std::ptrdiff_t>(tcp + kLeastHeader));
  put16(bare, ip + 2, static_cast<std::uint32_t>(ip_header + kLeastHeader));
  put16(bare, ip + 10, 0);
  put16(bare, ip + 10, checksum(Frame(bare).subspan(ip, ip_header)));
  put16(bare, tcp + 4, sequence >> 16);
  put16(bare, tcp + 6, sequence);
  bare[tcp + 12] = kLeastHeader / 4 << 4;
  bare[tcp + 13] = flags;
  put16(bare, tcp + 16, 0);
  put16(bare, tcp + 18, 0);  // the urgent pointer
  std::uint32_t pseudo = kTcp + kLeastHeader;
  for (std::size_t at = ip + 12; at < ip + 20; at += 2) pseudo += get16(bare, at);
  put16(bare, tcp + 16, checksum(Frame(bare).subspan(tcp), pseudo));
  return bare;
}

}  // namespace espalier::net
