#include "net/dhcp_server.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "net/bytes.h"

namespace espalier::net {
namespace {

using Bytes = std::span<const std::uint8_t>;

// RFC 2131, figure 1: where things are.
constexpr std::size_t kOpAt = 0, kTypeAt = 1, kLengthAt = 2, kXidAt = 4, kFlagsAt = 10, kClientAt = 12,
                      kGatewayAt = 24, kHardwareAt = 28, kCookieAt = 236, kOptionsAt = 240;
constexpr std::uint8_t kRequestOp = 1, kReplyOp = 2, kEthernet = 1;
constexpr std::uint16_t kBroadcastFlag = 0x8000;
constexpr std::uint32_t kCookie = 0x63825363;
// What every client can receive (RFC 951).
constexpr std::size_t kShortest = 300;

enum Option : std::uint8_t {
  kPad = 0,
  kMask = 1,
  kRouter = 3,
  kDns = 6,
  kHostname = 12,
  kDomain = 15,
  kBroadcast = 28,
  kRequested = 50,
  kLease = 51,
  kMessageType = 53,
  kServer = 54,
  kMessage = 56,
  kRenewal = 58,
  kRebinding = 59,
  kEnd = 255
};
enum Type : std::uint8_t { kDiscover = 1, kOffer, kRequest, kDecline, kAck, kNak, kRelease, kInform };

// The options' content; nothing where there is no such option.
std::optional<Bytes> option(Bytes request, std::uint8_t wanted) {
  for (std::size_t at = kOptionsAt; at < request.size() && request[at] != kEnd;) {
    if (request[at] == kPad) {
      ++at;
      continue;
    }
    if (at + 2 > request.size() || at + 2 + request[at + 1] > request.size()) return std::nullopt;
    if (request[at] == wanted) return request.subspan(at + 2, request[at + 1]);
    at += std::size_t{2} + request[at + 1];
  }
  return std::nullopt;
}

std::optional<std::uint32_t> address_option(Bytes request, std::uint8_t wanted) {
  const auto content = option(request, wanted);
  if (!content || content->size() != 4) return std::nullopt;
  return get_u32(*content, 0);
}

class Message {
 public:
  Message(Bytes request, std::uint32_t yours) {
    bytes_.resize(kOptionsAt);
    bytes_[kOpAt] = kReplyOp;
    bytes_[kTypeAt] = kEthernet;
    bytes_[kLengthAt] = 6;
    const auto copy = [&](std::size_t at, std::size_t size) {
      std::ranges::copy(request.subspan(at, size), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
    };
    copy(kXidAt, 4);
    copy(kFlagsAt, 2);
    copy(kClientAt, 4);
    copy(kGatewayAt, 4);
    copy(kHardwareAt, 16);
    set(16, yours);
    set(kCookieAt, kCookie);
  }
  void add(Option code, std::uint32_t value) {
    bytes_.push_back(code);
    bytes_.push_back(4);
    add_u32(bytes_, value);
  }
  void add(Option code, std::string_view text) {
    if (text.empty() || text.size() > 255) return;
    bytes_.push_back(code);
    bytes_.push_back(static_cast<std::uint8_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  void add(Type type) { bytes_.insert(bytes_.end(), {kMessageType, 1, type}); }
  std::vector<std::uint8_t> end() {
    bytes_.push_back(kEnd);
    if (bytes_.size() < kShortest) bytes_.resize(kShortest);
    return std::move(bytes_);
  }
  void clear_client() { set(kClientAt, 0); }
  void set(std::size_t at, std::uint32_t value) {
    set_u16(bytes_, at, value >> 16);
    set_u16(bytes_, at + 2, value);
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

bool is_request(Bytes message) {
  return message.size() >= kCookieAt && message[kOpAt] == kRequestOp && message[kTypeAt] == kEthernet &&
         message[kLengthAt] == 6 && get_u32(message, kGatewayAt) == 0;
}

bool has_options(Bytes message) {
  return message.size() >= kOptionsAt && get_u32(message, kCookieAt) == kCookie;
}

}  // namespace

std::optional<std::uint32_t> dhcp_client_address(Bytes request) {
  if (!is_request(request)) return std::nullopt;
  const std::uint32_t client = get_u32(request, kClientAt);
  return has_options(request) ? address_option(request, kRequested).value_or(client) : client;
}

std::optional<DhcpReply> answer_dhcp(const DhcpSettings& settings, Bytes request, const DhcpGrants& grant) {
  if (!is_request(request)) return std::nullopt;
  std::uint8_t type = 0;  // BOOTP
  if (has_options(request))
    if (const auto content = option(request, kMessageType); content && content->size() == 1)
      type = (*content)[0];
  if (type == kDecline || type == kRelease || type > kInform || type == kOffer || type == kAck ||
      type == kNak)
    return std::nullopt;

  DhcpReply reply;
  for (std::size_t i = 0; i < 6; ++i) reply.client_mac = reply.client_mac << 8 | request[kHardwareAt + i];
  const auto given = grant(reply.client_mac);
  if (!given) return std::nullopt;
  const std::uint32_t client = get_u32(request, kClientAt);
  bool refuse = false;
  if (type == kRequest) {
    const auto server = address_option(request, kServer);
    if (server && *server != settings.server) return std::nullopt;  // it has chosen another one
    // Selecting and rebooting clients name the address in an option, those that renew in the header.
    refuse = address_option(request, kRequested).value_or(client) != given->address;
  }

  const bool informs = type == kInform;
  Message message(request, refuse || informs ? 0 : given->address);
  if (refuse) {
    message.clear_client();
    message.add(kNak);
    message.add(kServer, settings.server);
    message.add(kMessage, "that is not your address in this network");
    reply.message = message.end();
    return reply;
  }
  if (type != 0) message.add(type == kDiscover ? kOffer : kAck);
  message.add(kServer, settings.server);
  if (!informs && type != 0) {
    message.add(kLease, settings.lease_seconds);
    message.add(kRenewal, settings.lease_seconds / 2);
    message.add(kRebinding, settings.lease_seconds / 8 * 7);
  }
  message.add(kMask, settings.mask);
  message.add(kRouter, settings.router);
  message.add(kDns, settings.dns);
  message.add(kBroadcast, settings.broadcast);
  message.add(kDomain, settings.domain);
  message.add(kHostname, given->hostname);
  reply.message = message.end();
  const bool broadcasts = (get_u16(request, kFlagsAt) & kBroadcastFlag) != 0;
  if (client != 0)
    reply.destination = client;
  else if (!broadcasts)
    reply.destination = given->address;
  return reply;
}

}  // namespace espalier::net
