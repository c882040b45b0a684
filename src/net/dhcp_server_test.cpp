#include "net/dhcp_server.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using testing::Bytes;
using testing::get32;
using testing::ip;
using testing::put;
using testing::put16;
using testing::put32;

enum : std::uint8_t { kDiscover = 1, kOffer, kRequest, kAck = 5, kNak, kInform = 8 };

constexpr std::uint64_t kMac = 0x021f00000003;
const DhcpSettings kSettings = {.server = ip(10, 1, 0, 2),
                                .router = ip(10, 1, 0, 2),
                                .dns = ip(10, 1, 0, 3),
                                .mask = ip(255, 255, 0, 0),
                                .broadcast = ip(10, 1, 255, 255),
                                .domain = "lab",
                                .lease_seconds = 800};

struct Asked {
  std::uint8_t type = kDiscover;  // 0: none, BOOTP
  std::uint32_t client = 0;       // ciaddr
  std::uint16_t flags = 0;
  std::uint32_t requested = 0;
  std::uint32_t server = 0;
};

Bytes message(const Asked& asked) {
  Bytes m = {1, 1, 6, 0};
  put32(m, 0x12345678);
  put16(m, 0);
  put16(m, asked.flags);
  put32(m, asked.client);
  put32(m, 0);
  put32(m, 0);
  put32(m, 0);
  put16(m, kMac >> 32);
  put32(m, static_cast<std::uint32_t>(kMac));
  m.resize(236);
  put32(m, 0x63825363);
  if (asked.type != 0) put(m, Bytes{53, 1, asked.type});
  m.push_back(0);  // a pad between
  for (const auto& [code, value] :
       {std::pair<std::uint8_t, std::uint32_t>{50, asked.requested}, {54, asked.server}})
    if (value != 0) {
      put(m, Bytes{code, 4});
      put32(m, value);
    }
  m.push_back(255);
  return m;
}

std::optional<DhcpReply> answer(Frame request) {
  return answer_dhcp(kSettings, request, [](std::uint64_t mac) -> std::optional<DhcpGrant> {
    if (mac != kMac) return std::nullopt;
    return DhcpGrant{.address = ip(10, 1, 0, 16), .hostname = "web-0"};
  });
}
std::optional<DhcpReply> answer(const Asked& asked) {
  return answer(message(asked));
}

std::map<int, Bytes> options(const Bytes& m) {
  std::map<int, Bytes> all;
  for (std::size_t at = 240; at < m.size() && m[at] != 255; at += 2u + m[at + 1])
    all[m[at]] = Bytes(m.begin() + static_cast<std::ptrdiff_t>(at) + 2,
                       m.begin() + static_cast<std::ptrdiff_t>(at) + 2 + m[at + 1]);
  return all;
}

TEST(DhcpServer, OffersWhatTheClientIsToHave) {
  const auto reply = answer(Asked{});
  ASSERT_TRUE(reply);
  const Bytes& m = reply->message;
  EXPECT_EQ(m[0], 2);
  EXPECT_GE(m.size(), 300u);
  EXPECT_EQ(get32(m, 4), 0x12345678u);
  EXPECT_EQ(get32(m, 16), ip(10, 1, 0, 16));
  EXPECT_EQ(Bytes(m.begin() + 28, m.begin() + 34), (Bytes{0x02, 0x1f, 0, 0, 0, 3}));
  auto given = options(m);
  EXPECT_EQ(given[53], Bytes{kOffer});
  EXPECT_EQ(given[54], (Bytes{10, 1, 0, 2}));
  EXPECT_EQ(given[3], (Bytes{10, 1, 0, 2}));
  EXPECT_EQ(given[6], (Bytes{10, 1, 0, 3}));
  EXPECT_EQ(given[1], (Bytes{255, 255, 0, 0}));
  EXPECT_EQ(given[28], (Bytes{10, 1, 255, 255}));
  EXPECT_EQ(given[51], (Bytes{0, 0, 3, 32}));
  EXPECT_EQ(given[58], (Bytes{0, 0, 1, 144}));
  EXPECT_EQ(given[59], (Bytes{0, 0, 2, 188}));
  EXPECT_EQ(given[15], testing::bytes("lab"));
  EXPECT_EQ(given[12], testing::bytes("web-0"));
  EXPECT_EQ(reply->client_mac, kMac);
}

TEST(DhcpServer, AcknowledgesTheAddressThatItHasOffered) {
  const auto reply =
      answer(Asked{.type = kRequest, .requested = ip(10, 1, 0, 16), .server = ip(10, 1, 0, 2)});
  ASSERT_TRUE(reply);
  EXPECT_EQ(options(reply->message)[53], Bytes{kAck});
  EXPECT_EQ(get32(reply->message, 16), ip(10, 1, 0, 16));
}

TEST(DhcpServer, RefusesAnyOtherAddress) {
  for (const Asked& asked : {Asked{.type = kRequest, .requested = ip(192, 168, 4, 2)},
                             Asked{.type = kRequest, .client = ip(10, 0, 2, 15)}, Asked{.type = kRequest}}) {
    const auto reply = answer(asked);
    ASSERT_TRUE(reply);
    auto given = options(reply->message);
    EXPECT_EQ(given[53], Bytes{kNak});
    EXPECT_EQ(given[54], (Bytes{10, 1, 0, 2}));
    EXPECT_FALSE(given.contains(51));
    EXPECT_EQ(get32(reply->message, 16), 0u);
    EXPECT_EQ(reply->destination, ~0u) << "a client that has a wrong address hears only broadcasts";
  }
}

TEST(DhcpServer, SaysNothingToAClientThatHasChosenAnother) {
  EXPECT_FALSE(answer(Asked{.type = kRequest, .requested = ip(10, 1, 0, 16), .server = ip(10, 1, 9, 9)}));
}

TEST(DhcpServer, RenewsToTheClientsOwnAddress) {
  const auto reply = answer(Asked{.type = kRequest, .client = ip(10, 1, 0, 16)});
  ASSERT_TRUE(reply);
  EXPECT_EQ(options(reply->message)[53], Bytes{kAck});
  EXPECT_EQ(reply->destination, ip(10, 1, 0, 16));
  EXPECT_EQ(get32(reply->message, 12), ip(10, 1, 0, 16));
}

TEST(DhcpServer, BroadcastsToAClientThatWantsItSo) {
  EXPECT_EQ(answer(Asked{})->destination, ip(10, 1, 0, 16));
  EXPECT_EQ(answer(Asked{.flags = 0x8000})->destination, ~0u);
}

TEST(DhcpServer, InformsWithoutAnAddressOrALease) {
  const auto reply = answer(Asked{.type = kInform, .client = ip(10, 1, 7, 7)});
  ASSERT_TRUE(reply);
  auto given = options(reply->message);
  EXPECT_EQ(given[53], Bytes{kAck});
  EXPECT_FALSE(given.contains(51));
  EXPECT_EQ(get32(reply->message, 16), 0u);
  EXPECT_EQ(given[6], (Bytes{10, 1, 0, 3}));
  EXPECT_EQ(reply->destination, ip(10, 1, 7, 7));
}

TEST(DhcpServer, SpeaksBootp) {
  const auto reply = answer(Asked{.type = 0});
  ASSERT_TRUE(reply);
  EXPECT_FALSE(options(reply->message).contains(53));
  EXPECT_EQ(get32(reply->message, 16), ip(10, 1, 0, 16));
}

TEST(DhcpServer, SaysNothingToReleasesDeclinesAndOtherServers) {
  for (const int type : {2, 4, 5, 6, 7, 9})
    EXPECT_FALSE(answer(Asked{.type = static_cast<std::uint8_t>(type)})) << type;
  Bytes reply = message({});
  reply[0] = 2;
  EXPECT_FALSE(answer(reply));
}

TEST(DhcpServer, SaysNothingToStrangersAndRelays) {
  Bytes other = message({});
  other[33] = 9;
  EXPECT_FALSE(answer(other));
  Bytes relayed = message({});
  relayed[27] = 1;
  EXPECT_FALSE(answer(relayed));
}

TEST(DhcpServer, SurvivesWhatIsCutOff) {
  const Bytes whole = message({.type = kRequest, .requested = ip(10, 1, 0, 16)});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto reply = answer(Frame(whole).first(size));
    EXPECT_EQ(reply.has_value(), size >= 236) << size;
  }
  Bytes long_option = message({});
  long_option.resize(250);
  long_option[244] = 50;
  long_option[245] = 200;  // past the end
  EXPECT_TRUE(answer(long_option));
}

}  // namespace
}  // namespace espalier::net
