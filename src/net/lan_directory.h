// Who is who on a fleet's network: names, addresses and where they are.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "net/ethernet_address.h"

namespace espalier::net {

// An IPv4 network. Addresses in the host's byte order.
struct LanNetwork {
  std::uint32_t network = 10u << 24 | 1u << 16;
  unsigned prefix_length = 16;

  std::uint32_t mask() const { return ~std::uint32_t{0} << (32 - prefix_length); }
  std::uint32_t broadcast() const { return network | ~mask(); }
  std::uint32_t gateway() const { return network + 2; }
  std::uint32_t dns() const { return network + 3; }
  // Where addresses are given out from, unless somebody says otherwise.
  std::uint32_t first() const { return network + 16; }
  bool contains(std::uint32_t address) const { return (address & mask()) == network; }
};
// "10.1.0.0/16", prefix lengths from 8 to 27. Otherwise what is wrong with it.
std::expected<LanNetwork, std::string> parse_lan_network(std::string_view text);
std::expected<std::uint32_t, std::string> parse_ipv4(std::string_view text);
std::string ipv4_text(std::uint32_t address);

// Any thread.
class LanDirectory : public std::enable_shared_from_this<LanDirectory> {
 public:
  // `first`: the lowest address that is given out.
  LanDirectory(const LanNetwork& network, std::uint32_t first) : network_(network), first_(first) {}

  // An address and the names that lead to it, for as long as it lives.
  class Claim {
   public:
    Claim(std::shared_ptr<LanDirectory> directory, std::string name, std::uint32_t address)
        : directory_(std::move(directory)), name_(std::move(name)), address_(address) {}
    ~Claim() { directory_->release(name_); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    std::uint32_t address() const { return address_; }

   private:
    std::shared_ptr<LanDirectory> directory_;
    std::string name_;
    std::uint32_t address_;
  };
  // The lowest free address; the same again for a name that is still claimed. `hostname` leads to it, too,
  // unless it is another's. Null: there is none left.
  std::shared_ptr<const Claim> claim(const std::string& name, const std::string& hostname);
  // For a machine behind an uplink: from the network's end, the same each time. Nothing: there is none left.
  std::optional<std::uint32_t> lease(EthernetAddress mac);

  // Names in any case, without a domain.
  std::optional<std::uint32_t> address_of(std::string_view name) const;
  std::optional<std::string> name_of(std::uint32_t address) const;
  bool claimed(std::uint32_t address) const { return name_of(address).has_value(); }

  // Where a claimed address has been seen.
  void seen(std::uint32_t address, EthernetAddress mac);
  std::optional<EthernetAddress> mac_of(std::uint32_t address) const;

  const LanNetwork& network() const { return network_; }

 private:
  struct Host {
    std::string name;
    unsigned claims = 0;
    std::optional<EthernetAddress> mac;
  };
  void release(const std::string& name);
  // Or past the end.
  bool leased(std::uint32_t address) const;

  const LanNetwork network_;
  const std::uint32_t first_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Host> hosts_;
  std::map<std::string, std::uint32_t, std::less<>> names_;  // lower case
  std::map<EthernetAddress, std::uint32_t> leases_;
  std::uint32_t next_lease_ = 0;  // counted from the end
};

}  // namespace espalier::net
