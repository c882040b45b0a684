#include "debug/frame_filter.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace espalier::debug {
namespace {

constexpr std::size_t kEthernetHeader = 14, kIpv6Header = 40, kUdpHeader = 8;
constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;
constexpr std::uint8_t kTcp = 6, kUdp = 17;

std::uint16_t big16(net::Frame bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

Endpoint endpoint(net::Frame address, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool v6 = address.size() == 16;
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, address.data(), text, sizeof text);
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", text, v6 ? "]" : "", port);
}

}  // namespace

std::optional<Segment> segment_of(net::Frame frame) {
  if (frame.size() < kEthernetHeader) return std::nullopt;
  const std::uint16_t type = big16(frame, 12);
  net::Frame ip = frame.subspan(kEthernetHeader), source, destination, data;
  std::uint8_t protocol = 0;
  if (type == kIpv4) {
    if (ip.size() < 20) return std::nullopt;
    const std::size_t header = (ip[0] & 15u) * 4u, length = big16(ip, 2);
    constexpr std::uint16_t kFragment = 0x3fff;  // an offset, or more to come
    if (header < 20 || length < header || length > ip.size() || (big16(ip, 6) & kFragment) != 0)
      return std::nullopt;
    protocol = ip[9];
    source = ip.subspan(12, 4), destination = ip.subspan(16, 4);
    data = ip.subspan(header, length - header);
  } else if (type == kIpv6) {
    if (ip.size() < kIpv6Header || big16(ip, 4) > ip.size() - kIpv6Header) return std::nullopt;
    protocol = ip[6];
    source = ip.subspan(8, 16), destination = ip.subspan(24, 16);
    data = ip.subspan(kIpv6Header, big16(ip, 4));
  } else {
    return std::nullopt;
  }
  if (protocol != kTcp && protocol != kUdp) return std::nullopt;
  const bool tcp = protocol == kTcp;
  if (data.size() < (tcp ? 20 : kUdpHeader)) return std::nullopt;
  const std::size_t header = tcp ? (data[12] >> 4) * 4u : kUdpHeader;
  if (header < kUdpHeader || header > data.size()) return std::nullopt;
  return Segment{.tcp = tcp,
                 .source = endpoint(source, big16(data, 0)),
                 .destination = endpoint(destination, big16(data, 2)),
                 .destination_port = big16(data, 2),
                 .payload = data.subspan(header)};
}

std::expected<FrameFilter, std::string> FrameFilter::parse(std::string_view text) {
  FrameFilter filter;
  const std::size_t colon = text.find(':');
  const std::string_view protocol = text.substr(0, colon);
  filter.tcp = protocol == "tcp";
  bool good = filter.tcp || protocol == "udp";
  if (colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), filter.port);
    good = good && error == std::errc() && end == port.data() + port.size() && filter.port != 0;
  }
  if (!good) return std::unexpected(fmt::format("'{}' is no filter: tcp:PORT, udp:PORT, tcp or udp", text));
  return filter;
}

}  // namespace espalier::debug
