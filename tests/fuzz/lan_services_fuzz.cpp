// libFuzzer target: what a guest may send to the name and DHCP servers of a fleet's network. The first byte
// says to which.
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/check.h"
#include "net/dhcp_server.h"
#include "net/dns_server.h"
#include "net/udp_packet.h"

using namespace espalier::net;

namespace {

constexpr std::uint32_t kNetwork = 0x0a010000, kMask = 0xffff0000;

void ask_for_an_address(std::span<const std::uint8_t> message) {
  const DhcpSettings settings = {.server = kNetwork + 2,
                                 .router = kNetwork + 2,
                                 .dns = kNetwork + 3,
                                 .mask = kMask,
                                 .broadcast = kNetwork | ~kMask,
                                 .domain = "lab"};
  const auto reply = answer_dhcp(settings, message, [](std::uint64_t mac) -> std::optional<DhcpGrant> {
    if (mac & 1) return std::nullopt;
    return DhcpGrant{.address = kNetwork + 16, .hostname = "web-0"};
  });
  if (!reply) return;
  CHECK(reply->message.size() >= 300 && reply->message.size() <= 548);
  CHECK(reply->message[0] == 2);
  // Nobody answers an answer.
  CHECK(!answer_dhcp(settings, reply->message, [](std::uint64_t) { return DhcpGrant{}; }));
}

void ask_for_a_name(std::span<const std::uint8_t> message, bool closed) {
  const DnsZone zone = {.domains = {"lab", "lan"},
                        .address_of = [](std::string_view name) -> std::optional<std::uint32_t> {
                          if (name.starts_with('w')) return kNetwork + 16;
                          return std::nullopt;
                        },
                        .name_of = [](std::uint32_t address) -> std::optional<std::string> {
                          if (address == kNetwork + 16) return "web-0";
                          return std::nullopt;
                        },
                        .contains = [](std::uint32_t address) { return (address & kMask) == kNetwork; },
                        .closed = closed};
  const auto answer = answer_dns(zone, message);
  if (!answer) return;
  CHECK(answer->size() >= 12 && answer->size() <= message.size() + 64);
  CHECK(!answer_dns(zone, *answer));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span message(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      ask_for_an_address(message);
      break;
    case 1:
      ask_for_a_name(message, false);
      break;
    case 2:
      ask_for_a_name(message, true);
      break;
    default:
      if (auto packet = UdpPacket::parse(message)) {
        const auto again = packet->frame();
        const auto read = UdpPacket::parse(again);
        CHECK(read && read->data.size() == packet->data.size() && read->source == packet->source);
      }
  }
  return 0;
}
