// The network that all devices of a fleet are on, with net = "lan".
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fleet/spec.h"
#include "fleet/worker.h"
#include "net/lan_port.h"
#include "net/uplink.h"

namespace espalier::fleet {

// Where a worker's devices are plugged in. The worker's thread only.
struct LanSeat {
  net::Lan& lan;
  net::EthernetSwitch::Bay bay;

  LanSeat(net::Lan& of, base::EventLoop& loop) : lan(of), bay(of.ethernet, loop) {}
};

class FleetLan {
 public:
  explicit FleetLan(const FleetSpec& spec);
  ~FleetLan() { close(); }

  // Any thread. Null: the network has no address left.
  std::shared_ptr<const net::LanDirectory::Claim> claim(const std::string& name,
                                                        const std::string& hostname) {
    return lan_.directory->claim(name, hostname);
  }
  // A seat in each worker, which outlive this or its close(), and the uplinks in the first. An error is one
  // line. Not from their threads.
  std::expected<void, std::string> open(const std::vector<std::unique_ptr<Worker>>& workers);
  LanSeat* seat(const Worker& worker) { return seats_.at(&worker).seat.get(); }
  // After all devices have gone, or been told to.
  void close();

 private:
  struct Place {
    Worker* worker;
    std::unique_ptr<LanSeat> seat;
  };

  net::Lan lan_;
  const std::vector<net::UplinkSpec> wanted_;
  std::vector<std::unique_ptr<net::Uplink>> uplinks_;  // the first worker's thread
  std::map<const Worker*, Place> seats_;
  Worker* first_ = nullptr;
};

}  // namespace espalier::fleet
