#include "net/lan_router.h"

#include <algorithm>
#include <utility>

#include "net/bytes.h"

namespace espalier::net {
namespace {

constexpr std::uint16_t kTypeIpv4 = 0x0800, kTypeArp = 0x0806;
constexpr std::size_t kArpEnd = 42, kMostNeighbours = 64;

void set_destination(std::vector<std::uint8_t>& frame, EthernetAddress mac) {
  for (std::size_t i = 0; i < 6; ++i) frame[i] = static_cast<std::uint8_t>(mac >> (40 - 8 * i));
}

}  // namespace

void LanRouter::clear() {
  kept_.clear();
  neighbours_.clear();
}

void LanRouter::route(Frame frame, std::uint32_t to, std::optional<EthernetAddress> known,
                      std::uint64_t now_ns) {
  if (!known)
    if (const auto at = neighbours_.find(to); at != neighbours_.end() && now_ns < at->second.until_ns)
      known = at->second.mac;
  std::vector<std::uint8_t> copy(frame.begin(), frame.end());
  if (known) {
    set_destination(copy, *known);
    return send_(copy);
  }
  if (kept_.size() >= kMostKept) kept_.erase(kept_.begin());
  kept_.push_back({.to = to, .frame = std::move(copy)});
  ask(ethernet_address(frame, 6), to);
}

// RFC 826.
void LanRouter::ask(EthernetAddress sender, std::uint32_t to) {
  std::vector<std::uint8_t> request;
  add_uint(request, kEthernetBroadcast, 6);
  add_uint(request, sender, 6);
  add_u16(request, kTypeArp);
  add_u16(request, 1);
  add_u16(request, kTypeIpv4);
  add_u16(request, 0x0604);
  add_u16(request, 1);
  add_uint(request, sender, 6);
  add_u32(request, address_);
  add_uint(request, 0, 6);
  add_u32(request, to);
  send_(request);
}

void LanRouter::take_answer(Frame frame, std::uint64_t now_ns) {
  if (frame.size() < kArpEnd || get_u16(frame, 12) != kTypeArp || get_u16(frame, 16) != kTypeIpv4) return;
  const std::uint32_t address = get_u32(frame, 28);
  const EthernetAddress mac = ethernet_address(frame, 22);
  const auto waits = [&](const Kept& kept) { return kept.to == address; };
  if (is_group(mac) || std::ranges::none_of(kept_, waits)) return;
  if (neighbours_.size() >= kMostNeighbours) neighbours_.clear();
  neighbours_[address] = {.mac = mac, .until_ns = now_ns + kLifetime};
  // Sending may bring the next frame before it returns.
  for (Kept& kept : std::exchange(kept_, {})) {
    if (!waits(kept)) {
      kept_.push_back(std::move(kept));
      continue;
    }
    set_destination(kept.frame, mac);
    send_(kept.frame);
  }
}

}  // namespace espalier::net
