#include "net/lan_port.h"

#include <algorithm>
#include <utility>

#include "net/bytes.h"
#include "net/udp_packet.h"

namespace espalier::net {
namespace {

constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806;
// Of an ARP message in its frame (RFC 826): the sender's and the target's IPv4 addresses, and its end.
constexpr std::size_t kSenderAt = 28, kTargetAt = 38, kArpEnd = 42;
constexpr std::uint16_t kDhcpServer = 67, kDhcpClient = 68, kDns = 53;

}  // namespace

std::expected<std::unique_ptr<LanPort>, std::string> LanPort::plug(Lan& lan, EthernetSwitch::Bay& bay,
                                                                   base::EventLoop& loop, base::Logger log,
                                                                   const LanPortOptions& options) {
  std::unique_ptr<LanPort> made(new LanPort(lan, bay, std::move(log), options));
  if (!options.gateway) return made;
  const LanNetwork& network = lan.directory->network();
  SlirpOptions slirp;
  slirp.restricted = lan.restricted;
  slirp.ipv6 = false;
  slirp.network = ipv4_text(network.network);
  slirp.prefix_length = network.prefix_length;
  slirp.host = ipv4_text(network.gateway());
  slirp.dns = ipv4_text(network.dns());
  slirp.guest = ipv4_text(options.address != 0 ? options.address : network.network + 4);
  auto nat = SlirpNetwork::create(loop, made->log_, slirp);
  if (!nat) return std::unexpected(nat.error());
  made->nat_ = std::move(*nat);
  return made;
}

LanPort::LanPort(Lan& lan, EthernetSwitch::Bay& bay, base::Logger log, const LanPortOptions& options)
    : lan_(lan),
      network_(lan.directory->network()),
      options_(options),
      log_(std::move(log)),
      dhcp_{.server = network_.gateway(),
            .router = network_.gateway(),
            .dns = network_.dns(),
            .mask = network_.mask(),
            .broadcast = network_.broadcast(),
            .domain = lan.domains.empty() ? "" : lan.domains.front()},
      zone_{.domains = lan.domains,
            .address_of = [this](std::string_view name) { return lan_.directory->address_of(name); },
            .name_of = [this](std::uint32_t address) { return lan_.directory->name_of(address); },
            .contains = [this](std::uint32_t address) { return network_.contains(address); },
            .closed = lan.restricted},
      port_(bay.plug(options.uplink)),
      router_(options.address, [this](Frame frame) { port_->send(frame); }) {
  outer_.of = this;
}

LanPort::~LanPort() = default;

void LanPort::attach(EthernetPort* port) {
  outer_.port = port;
  port_->attach(port != nullptr ? &outer_ : nullptr, false);
  inner_.port = port;
  if (nat_) nat_->attach(port != nullptr ? &inner_ : nullptr);
  attached_ = std::make_shared<LanPort*>(this);
  if (port == nullptr) return;
  port->on_receive_ready([weak = std::weak_ptr(attached_)] {
    const auto alive = weak.lock();
    if (!alive) return;
    (*alive)->port_->room();
    if ((*alive)->inner_.ready) (*alive)->inner_.ready();
  });
}

void LanPort::guest_down() {
  port_->guest_down();
  router_.clear();
  if (nat_) nat_->guest_down();
}

void LanPort::guest_is_there() {
  if (nat_) nat_->guest_is_there();
}

std::expected<std::uint16_t, std::string> LanPort::publish(const Publish& publish) {
  if (!nat_) return std::unexpected("there is no way into this network to publish ports at");
  return nat_->publish(publish);
}

GuestLease LanPort::lease() const {
  if (options_.address == 0) return {};
  return {.address = options_.address,
          .gateway = network_.gateway(),
          .dns = network_.dns(),
          .mask = network_.mask()};
}

GuestLease LanPort::guest_lease() const {
  return nat_ && nat_->guest_known() ? lease() : GuestLease{};
}

void LanPort::has(EthernetAddress mac) {
  port_->has(mac);
  if (options_.address != 0) lan_.directory->seen(options_.address, mac);
}

void LanPort::show_addresses_as(std::function<std::uint32_t(std::uint32_t)> to_guest,
                                std::function<std::uint32_t(std::uint32_t)> from_guest) {
  zone_.address_of = [this, to_guest](std::string_view name) {
    return lan_.directory->address_of(name).transform(to_guest);
  };
  zone_.name_of = [this, from_guest](std::uint32_t address) {
    return lan_.directory->name_of(from_guest(address));
  };
  zone_.contains = [this, from_guest](std::uint32_t address) {
    return network_.contains(from_guest(address));
  };
}

bool LanPort::is_neighbour(std::uint32_t address) const {
  return network_.contains(address) && address != network_.network && address != network_.broadcast() &&
         address != network_.gateway() && address != network_.dns() && address != options_.address;
}

bool LanPort::is_gateway(EthernetAddress address) const {
  return address == gateway_mac(network_.gateway()) || address == gateway_mac(network_.dns());
}

// ---- From the machine ----

void LanPort::send(Frame frame) {
  if (frame.size() < 14) return;
  const EthernetAddress to = ethernet_address(frame, 0);
  if (is_group(to)) return send_to_group(frame);
  if (is_gateway(to)) return send_to_gateway(frame);
  port_->send(frame);
}

void LanPort::send_to_gateway(Frame frame) {
  port_->hear(frame);
  if (!nat_) return;
  const auto udp = UdpPacket::parse(frame);
  if (udp && udp->destination == network_.gateway() && udp->destination_port == kDhcpServer)
    return serve_dhcp(udp->data);
  if (udp && udp->destination == network_.dns() && udp->destination_port == kDns && serve_dns(frame)) return;
  constexpr std::size_t kDestinationAt = 30, kHeaderEnd = 34;
  if (get_u16(frame, 12) == kTypeIpv4 && frame.size() >= kHeaderEnd)
    if (const std::uint32_t to = get_u32(frame, kDestinationAt); is_neighbour(to))
      return router_.route(frame, to, lan_.directory->mac_of(to), base::EventLoop::now_ns());
  nat_->send(frame);
}

void LanPort::send_to_group(Frame frame) {
  const std::uint16_t type = get_u16(frame, 12);
  if (type == kTypeArp && frame.size() >= kArpEnd) return send_arp(frame);
  if (type == kTypeIpv4)
    if (const auto udp = UdpPacket::parse(frame); udp && udp->destination_port == kDhcpServer) {
      port_->hear(frame);
      if (options_.gateway) serve_dhcp(udp->data);
      return;
    }
  port_->send(frame);
}

void LanPort::send_arp(Frame frame) {
  const std::uint32_t sender = get_u32(frame, kSenderAt);
  const std::uint32_t target = get_u32(frame, kTargetAt);
  if (options_.address != 0 && sender == options_.address)
    lan_.directory->seen(sender, ethernet_address(frame, 22));
  if (nat_) {
    port_->hear(frame);
    nat_->send(frame);
    if (target == network_.gateway() || target == network_.dns()) return;
  }
  if (!lan_.directory->claimed(target)) return port_->send(frame);
  if (target == options_.address) return port_->send_to_uplinks(frame);
  const auto mac = lan_.directory->mac_of(target);
  if (!mac || !port_->send_to(*mac, frame)) port_->send(frame);
}

// ---- The gateway's services ----

void LanPort::serve_dhcp(std::span<const std::uint8_t> request) {
  const auto reply = answer_dhcp(dhcp_, request, [&](std::uint64_t mac) -> std::optional<DhcpGrant> {
    if (options_.address != 0) return DhcpGrant{.address = options_.address, .hostname = options_.hostname};
    const auto leased = lan_.directory->lease(mac);
    if (!leased) return std::nullopt;
    return DhcpGrant{.address = *leased, .hostname = {}};
  });
  if (!reply) return;
  const bool everybody = reply->destination == ~std::uint32_t{0};
  const UdpPacket packet{.source_mac = gateway_mac(network_.gateway()),
                         .destination_mac = everybody ? kEthernetBroadcast : reply->client_mac,
                         .source = network_.gateway(),
                         .destination = reply->destination,
                         .source_port = kDhcpServer,
                         .destination_port = kDhcpClient,
                         .data = reply->message};
  port_->give(packet.frame());
}

bool LanPort::serve_dns(Frame frame) {
  const auto query = UdpPacket::parse(frame);
  const auto answer = answer_dns(zone_, query->data);
  if (!answer) return false;
  const UdpPacket packet{.source_mac = query->destination_mac,
                         .destination_mac = query->source_mac,
                         .source = query->destination,
                         .destination = query->source,
                         .source_port = kDns,
                         .destination_port = query->source_port,
                         .data = *answer};
  port_->give(packet.frame());
  return true;
}

}  // namespace espalier::net
