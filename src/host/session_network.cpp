// What the chip's Ethernet is plugged into, and what is put on the cable between them.
#include <fmt/format.h>

#include <utility>

#include "host/session.h"
#include "net/publish.h"
#include "net/tap_network.h"

namespace espalier::host {

std::expected<void, std::string> Session::open_network() {
  devices::OpenEth& mac = machine_->chip().open_eth;
  line_ = std::make_unique<NetworkLine>(mac, [this] { work_came(); });
  mac.connect(line_.get());
  if (!options_.impair.none()) impair(options_.impair);
  if (options_.net == NetMode::kNone) {
    mac.set_cable(false);
    return {};
  }
  if (options_.net == NetMode::kTap) {
    auto tap = net::TapNetwork::open(loop_, machine_->log(), options_.tap);
    if (!tap) return std::unexpected(tap.error());
    other_network_ = std::move(*tap);
  }
  if (options_.net == NetMode::kSocket) {
    auto link = net::SocketLink::open(loop_, machine_->log(), options_.link);
    if (!link) return std::unexpected(link.error());
    options_.link = (*link)->spec();
    other_network_ = std::move(*link);
  }
  if (other_network_) {
    connect_network();
    if (inputs_->snapshot && inputs_->snapshot->notes().lease) other_network_->guest_is_there();
    return {};
  }
  if (inputs_->snapshot) options_.slirp.adopt(inputs_->snapshot->notes().lease);
  auto network = net::SlirpNetwork::create(loop_, machine_->log(), options_.slirp);
  if (!network) return std::unexpected(network.error());
  network_ = std::move(*network);
  connect_network();
  if (inputs_->snapshot && inputs_->snapshot->notes().lease) network_->guest_is_there();
  for (net::Publish& publish : options_.publish) {
    const auto port = network_->publish(publish);
    if (!port) return std::unexpected(port.error());
    publish.host_port = *port;
  }
  return {};
}

// The cable, through the capture where there is one. What makes it bad is behind that: a capture shows what
// the guest sees.
void Session::connect_network() {
  net::Network* const network = connected();
  if (network == nullptr) return;
  net::EthernetPeer* peer = network;
  if (impaired_) peer = impaired_.get();
  net::EthernetPort* port = line_.get();
  if (call_trace_) port = call_trace_.get();
  if (pcap_) {
    net::PcapTap::Clock clock = net::PcapTap::host_clock;
    if (options_.clock == ClockMode::kWarp)
      clock = [this] { return base::ns_from_ticks(machine_->clock().now()); };
    tap_ = std::make_unique<net::PcapTap>(*pcap_, std::move(clock), *port, *peer);
    peer = tap_.get();
    port = tap_.get();
  }
  if (call_trace_) {
    call_trace_->plug(*line_, *peer);
    peer = call_trace_.get();
  }
  line_->connect(peer);
  if (impaired_) {
    impaired_->plug(*port, *network);
    port = impaired_.get();
  }
  network->attach(port);
}

net::ImpairedLink& Session::bad_cable() {
  if (!impaired_) {
    impaired_ = std::make_unique<net::ImpairedLink>(machine_->events(), [this] { work_came(); });
    connect_network();
  }
  return *impaired_;
}

void Session::impair(const net::LinkImpairment& link) {
  options_.impair = link;
  if (impaired_ || !link.none()) bad_cable().set(link);
}

std::expected<void, std::string> Session::plug_network(const net::SlirpOptions& options, std::string id) {
  if (connected() != nullptr)
    return std::unexpected(
        fmt::format("the chip's network is connected to '{}'; remove that first", network_id_));
  auto network = net::SlirpNetwork::create(loop_, machine_->log(), options);
  if (!network) return std::unexpected(network.error());
  network_ = std::move(*network);
  network_id_ = std::move(id);
  connect_network();
  if (!options_.impair.none()) impair(options_.impair);
  machine_->chip().open_eth.set_cable(true);
  return {};
}

void Session::unplug_network() {
  if (!network_) return;
  machine_->chip().open_eth.set_cable(false);
  line_->connect(nullptr);
  network_.reset();
  tap_.reset();
  impaired_.reset();
}

// Last of all, so that a port in use leaves no empty capture behind.
std::expected<void, std::string> Session::open_capture() {
  if (options_.pcap.empty()) return {};
  auto file = net::PcapFile::create(options_.pcap, machine_->log());
  if (!file) return std::unexpected(file.error());
  pcap_ = std::move(*file);
  if (options_.net == NetMode::kNone) return {};
  connect_network();
  return {};
}

}  // namespace espalier::host
