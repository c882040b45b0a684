// A machine's place on a fleet's network.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "net/dhcp_server.h"
#include "net/dns_server.h"
#include "net/ethernet_switch.h"
#include "net/lan_directory.h"
#include "net/lan_router.h"
#include "net/network.h"
#include "net/publish.h"
#include "net/slirp_network.h"

namespace espalier::net {

// The network as all its ports see it.
struct Lan {
  std::shared_ptr<LanDirectory> directory;
  std::vector<std::string> domains;  // of its names; DHCP gives out the first
  bool restricted = false;           // nothing leads out of it but the ports that are published
  EthernetSwitch ethernet;
};

struct LanPortOptions {
  // Of the machine, claimed from the directory; 0: machines of others are behind this port.
  std::uint32_t address = 0;
  std::string hostname{};
  bool uplink = false;
  // The way out, and addresses and names for those who ask. Without it there are the other ports alone.
  bool gateway = true;
};

// Puts the network's gateway in front of a switch's port: what is for the gateway never reaches the switch.
// To the machines it is one, with one address and one DHCP and name server; in fact each port has its
// own, made as the user network's, for which one machine is what it can do best: libslirp's ARP table has
// 16 places, what it hears of its sockets costs it a look at all of them, and published ports wait for their
// machine alone.
//
// Broadcasts cost every machine a look, and a thousand that start would send a thousand of each kind. So who
// asks for an address by DHCP is heard here only; who asks by ARP where a claimed address is asks the one
// that has been seen with it; and what only announces such an address goes to the uplinks.
class LanPort final : public Network {
 public:
  // `lan` and `bay` outlive it. Otherwise one line.
  static std::expected<std::unique_ptr<LanPort>, std::string> plug(Lan& lan, EthernetSwitch::Bay& bay,
                                                                   base::EventLoop& loop, base::Logger log,
                                                                   const LanPortOptions& options);
  ~LanPort();

  void attach(EthernetPort* port) override;
  void send(Frame frame) override;
  void guest_down() override;
  bool guest_idle() override { return nat_ && nat_->guest_idle(); }
  bool guest_known() const override { return !nat_ || nat_->guest_known(); }
  void guest_is_there() override;
  GuestLease guest_lease() const override;

  // The machine is there with this Ethernet address, though it has not said so since it was made.
  void has(EthernetAddress mac);
  // Where the machine knows an address of the network by another one, names lead to that: to the machine and
  // from it.
  void show_addresses_as(std::function<std::uint32_t(std::uint32_t)> to_guest,
                         std::function<std::uint32_t(std::uint32_t)> from_guest);
  // The machine's lease, whether it has taken it or not.
  GuestLease lease() const;

  // As SlirpNetwork's: leads to the machine's address.
  std::expected<std::uint16_t, std::string> publish(const Publish& publish);

 private:
  // The machine, as the switch sees it.
  struct Outer final : EthernetPort {
    LanPort* of = nullptr;
    EthernetPort* port = nullptr;
    bool can_receive() const override { return port->can_receive(); }
    bool receive(Frame frame) override {
      of->router_.heard(frame, base::EventLoop::now_ns());
      return port->receive(frame);
    }
    void on_receive_ready(std::function<void()> callback) override { (void)callback; }  // room() is called
  };
  // The same, as the way out sees it.
  struct Inner final : EthernetPort {
    EthernetPort* port = nullptr;
    std::function<void()> ready;
    bool can_receive() const override { return port != nullptr && port->can_receive(); }
    bool receive(Frame frame) override { return port != nullptr && port->receive(frame); }
    void on_receive_ready(std::function<void()> callback) override { ready = std::move(callback); }
  };

  LanPort(Lan& lan, EthernetSwitch::Bay& bay, base::Logger log, const LanPortOptions& options);
  bool is_gateway(EthernetAddress address) const;
  bool is_neighbour(std::uint32_t address) const;
  void send_to_gateway(Frame frame);
  void send_to_group(Frame frame);
  void send_arp(Frame frame);
  void serve_dhcp(std::span<const std::uint8_t> request);
  bool serve_dns(Frame frame);

  Lan& lan_;
  const LanNetwork& network_;
  const LanPortOptions options_;
  base::Logger log_;
  DhcpSettings dhcp_;
  DnsZone zone_;
  std::unique_ptr<EthernetSwitch::Port> port_;
  LanRouter router_;
  Outer outer_;
  Inner inner_;
  std::unique_ptr<SlirpNetwork> nat_;
  std::shared_ptr<LanPort*> attached_;  // lives as long as the machine's port may call back
};

}  // namespace espalier::net
