// A network on which a guest is somebody else than it takes itself for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/address_translation.h"
#include "net/network.h"

namespace espalier::net {

// Who the machine is on the network.
struct NetworkIdentity {
  // The chip's MAC address. ESP-IDF makes four of it: a guest that uses one of those needs no other.
  EthernetAddress chip_mac = 0;
  // The same of the machine that was saved: of whichever of its four the guest uses the machine has its own.
  EthernetAddress saved_chip_mac = 0;
  GuestLease lease{};
  std::string hostname{};  // what DHCP says with the lease; empty: nothing
  std::string domain{};
};

// Sits in front of the network of a machine that goes on from a snapshot. For as long as the guest uses a MAC
// address that is not the machine's, others see the machine's; for as long as it holds the lease that it has
// brought along, others see the machine's (AddressTranslation). DHCP requests for the brought lease are
// answered here, in the words of the network that it is of. A guest that asks for a new one (a reset does)
// gets the network's own, and from then on, if it uses its own MAC address too, frames pass as they are.
class TranslatedNetwork final : public Network, private EthernetPort {
 public:
  TranslatedNetwork(std::unique_ptr<Network> network, NetworkIdentity identity, const GuestLease& brought);

  // What the guest has given its MAC; frames that it sends tell, too.
  void guest_uses(EthernetAddress mac);
  // How others see it.
  EthernetAddress seen_mac() const { return translation_.mac(guest_mac_, AddressTranslation::Way::kOut); }
  // An address of the network's as the guest knows it.
  std::uint32_t to_guest(std::uint32_t address) const {
    return translation_.ipv4(address, AddressTranslation::Way::kIn);
  }
  // The other way round.
  std::uint32_t from_guest(std::uint32_t address) const {
    return translation_.ipv4(address, AddressTranslation::Way::kOut);
  }

  void attach(EthernetPort* port) override;
  void send(Frame frame) override;
  void guest_down() override { network_->guest_down(); }
  bool guest_idle() override { return network_->guest_idle(); }
  bool guest_known() const override { return network_->guest_known(); }
  void guest_is_there() override { network_->guest_is_there(); }
  GuestLease guest_lease() const override;

 private:
  bool can_receive() const override { return guest_ != nullptr && guest_->can_receive(); }
  bool receive(Frame frame) override;
  void on_receive_ready(std::function<void()> callback) override;
  bool serve_dhcp(Frame frame);

  const NetworkIdentity identity_;
  GuestLease brought_;
  EthernetAddress guest_mac_ = 0;  // 0: not known yet
  AddressTranslation translation_;
  EthernetPort* guest_ = nullptr;
  std::unique_ptr<Network> network_;
};

}  // namespace espalier::net
