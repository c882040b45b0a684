#include "net/translated_network.h"

#include <utility>

#include "net/dhcp_server.h"
#include "net/udp_packet.h"

namespace espalier::net {
namespace {

using Way = AddressTranslation::Way;

constexpr std::uint16_t kDhcpServer = 67, kDhcpClient = 68;

}  // namespace

TranslatedNetwork::TranslatedNetwork(std::unique_ptr<Network> network, NetworkIdentity identity,
                                     const GuestLease& brought)
    : identity_(std::move(identity)),
      brought_(brought == identity_.lease ? GuestLease{} : brought),
      network_(std::move(network)) {
  translation_.set_leases(brought_, identity_.lease);
}

void TranslatedNetwork::guest_uses(EthernetAddress mac) {
  if (mac == guest_mac_ || mac == 0 || is_group(mac)) return;
  guest_mac_ = mac;
  // Of the four the last is Ethernet's.
  constexpr EthernetAddress kAddresses = 4, kEthernetAddress = 3;
  const EthernetAddress saved = mac - identity_.saved_chip_mac;
  const EthernetAddress own = identity_.chip_mac + (saved < kAddresses ? saved : kEthernetAddress);
  translation_.set_macs(mac, mac - identity_.chip_mac < kAddresses ? mac : own);
}

GuestLease TranslatedNetwork::guest_lease() const {
  const GuestLease lease = network_->guest_lease();
  return lease && brought_ ? brought_ : lease;
}

void TranslatedNetwork::attach(EthernetPort* port) {
  guest_ = port;
  network_->attach(port != nullptr ? this : nullptr);
}

void TranslatedNetwork::on_receive_ready(std::function<void()> callback) {
  guest_->on_receive_ready(std::move(callback));
}

void TranslatedNetwork::send(Frame frame) {
  if (frame.size() >= 14) guest_uses(ethernet_address(frame, 6));
  if (brought_ && serve_dhcp(frame)) return;
  if (translation_.none()) return network_->send(frame);
  std::vector<std::uint8_t> out(frame.begin(), frame.end());
  translation_.rewrite(out, Way::kOut);
  network_->send(out);
}

bool TranslatedNetwork::receive(Frame frame) {
  if (translation_.none()) return guest_->receive(frame);
  std::vector<std::uint8_t> in(frame.begin(), frame.end());
  translation_.rewrite(in, Way::kIn);
  return guest_->receive(in);
}

// True if that was all.
bool TranslatedNetwork::serve_dhcp(Frame frame) {
  const auto udp = UdpPacket::parse(frame);
  if (!udp || udp->destination_port != kDhcpServer) return false;
  const auto named = dhcp_client_address(udp->data);
  if (!named) return false;
  if (*named != brought_.address) {
    brought_ = {};
    translation_.set_leases({}, {});
    return false;
  }
  const DhcpSettings settings{.server = brought_.gateway,
                              .router = brought_.gateway,
                              .dns = brought_.dns,
                              .mask = brought_.mask,
                              .broadcast = brought_.broadcast(),
                              .domain = identity_.domain};
  const auto reply = answer_dhcp(settings, udp->data, [this](std::uint64_t) {
    return DhcpGrant{.address = brought_.address, .hostname = identity_.hostname};
  });
  if (!reply) return true;
  const bool everybody = reply->destination == ~std::uint32_t{0};
  const UdpPacket packet{.source_mac = gateway_mac(brought_.gateway),
                         .destination_mac = everybody ? kEthernetBroadcast : reply->client_mac,
                         .source = brought_.gateway,
                         .destination = reply->destination,
                         .source_port = kDhcpServer,
                         .destination_port = kDhcpClient,
                         .data = reply->message};
  // Without a buffer it is lost, and asked for again.
  if (can_receive()) guest_->receive(packet.frame());
  return true;
}

}  // namespace espalier::net
