#include "fleet/lan.h"

#include <fmt/format.h>

#include <cstdio>

namespace espalier::fleet {

FleetLan::FleetLan(const FleetSpec& spec) : wanted_(spec.lan.uplinks) {
  const net::LanNetwork& network = spec.lan.network;
  lan_.directory = std::make_shared<net::LanDirectory>(network, spec.lan.first.value_or(network.first()));
  lan_.domains = {spec.name};
  for (char& c : lan_.domains.front())
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  if (lan_.domains.front() != "lan") lan_.domains.emplace_back("lan");
  lan_.restricted = spec.lan.restricted;
  lan_.ethernet.on_duplicate([](net::EthernetAddress address) {
    fmt::print(
        stderr,
        "espalier: lan: two devices have the Ethernet address {}; neither can be reached for sure (said "
        "once)\n",
        net::text_of(address));
  });
}

std::expected<void, std::string> FleetLan::open(const std::vector<std::unique_ptr<Worker>>& workers) {
  for (const auto& worker : workers) {
    auto seat = worker->call([&] { return std::make_unique<LanSeat>(lan_, worker->loop()); });
    seats_.emplace(worker.get(), Place{.worker = worker.get(), .seat = std::move(seat)});
  }
  if (wanted_.empty()) return {};
  first_ = workers.front().get();
  return first_->call([&]() -> std::expected<void, std::string> {
    for (const net::UplinkSpec& wanted : wanted_) {
      auto uplink = net::Uplink::open(
          lan_, seat(*first_)->bay, first_->loop(),
          [](base::LogLevel, base::LogArea, std::string_view line) {
            fmt::print(stderr, "espalier: {}\n", line);
          },
          wanted);
      if (!uplink) return std::unexpected(uplink.error());
      uplinks_.push_back(std::move(*uplink));
    }
    return {};
  });
}

void FleetLan::close() {
  if (!uplinks_.empty()) first_->call([&] { uplinks_.clear(); });
  for (auto& [key, place] : seats_) place.worker->call([&] { place.seat.reset(); });
  seats_.clear();
}

}  // namespace espalier::fleet
