// Passes on what a machine sends to its gateway for another machine of the same network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "net/ethernet_address.h"

namespace espalier::net {

// A guest that goes on from a snapshot may think its subnet to be another one, and then takes its neighbours
// for strangers. IPv4. Where it does not know a neighbour's Ethernet address it asks by ARP, in the machine's
// name, and keeps what is to go there, 32 packets at most.
class LanRouter {
 public:
  static constexpr std::size_t kMostKept = 32;
  // What it has heard is true for so long.
  static constexpr std::uint64_t kLifetime = 30'000'000'000;  // ns

  // `address`: the machine's. `send` puts a frame onto the network.
  LanRouter(std::uint32_t address, std::function<void(Frame)> send)
      : address_(address), send_(std::move(send)) {}

  // An IPv4 packet of the machine's to `to`; `known`: the Ethernet address, if somebody knows it. `now_ns` by
  // any clock that never goes back.
  void route(Frame frame, std::uint32_t to, std::optional<EthernetAddress> known, std::uint64_t now_ns);
  // A frame for the machine, which may be an answer.
  void heard(Frame frame, std::uint64_t now_ns) {
    if (!kept_.empty()) take_answer(frame, now_ns);
  }
  void clear();

 private:
  struct Kept {
    std::uint32_t to;
    std::vector<std::uint8_t> frame;
  };
  struct Neighbour {
    EthernetAddress mac;
    std::uint64_t until_ns;
  };
  void take_answer(Frame frame, std::uint64_t now_ns);
  void ask(EthernetAddress sender, std::uint32_t to);

  const std::uint32_t address_;
  std::function<void(Frame)> send_;
  std::vector<Kept> kept_;
  std::map<std::uint32_t, Neighbour> neighbours_;
};

}  // namespace espalier::net
