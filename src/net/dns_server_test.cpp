#include "net/dns_server.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using testing::Bytes;
using testing::get16;
using testing::get32;
using testing::ip;
using testing::put;
using testing::put16;

constexpr std::uint16_t kA = 1, kPtr = 12, kAaaa = 28, kAny = 255;

DnsZone zone(bool closed = false) {
  return {.domains = {"lab", "lan"},
          .address_of = [](std::string_view name) -> std::optional<std::uint32_t> {
            if (name == "web-0") return ip(10, 1, 0, 16);
            return std::nullopt;
          },
          .name_of = [](std::uint32_t address) -> std::optional<std::string> {
            if (address == ip(10, 1, 0, 16)) return "web-0";
            return std::nullopt;
          },
          .contains = [](std::uint32_t address) { return address >> 16 == (10 << 8 | 1); },
          .closed = closed};
}

Bytes query(std::string_view name, std::uint16_t type, std::uint16_t flags = 0x0100) {
  Bytes q;
  put16(q, 0x4242);
  put16(q, flags);
  for (const unsigned count : {1, 0, 0, 0}) put16(q, count);
  while (!name.empty()) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    q.push_back(static_cast<std::uint8_t>(dot));
    put(q, testing::bytes(name.substr(0, dot)));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  q.push_back(0);
  put16(q, type);
  put16(q, 1);
  return q;
}

int code(const Bytes& answer) {
  return answer[3] & 15;
}
unsigned answers(const Bytes& answer) {
  return get16(answer, 6);
}

TEST(DnsServer, KnowsNamesWithAndWithoutTheirDomains) {
  for (const char* name : {"web-0", "web-0.lab", "web-0.lan", "WEB-0.Lab"}) {
    const Bytes asked = query(name, kA);
    const auto answer = answer_dns(zone(), asked);
    ASSERT_TRUE(answer) << name;
    EXPECT_EQ(get16(*answer, 0), 0x4242);
    EXPECT_EQ(get16(*answer, 2), 0x8580) << "a response, with authority; recursion wanted and there";
    EXPECT_EQ(answers(*answer), 1u);
    const std::size_t record = asked.size();
    EXPECT_EQ(get16(*answer, record), 0xc00c);
    EXPECT_EQ(get16(*answer, record + 2), kA);
    EXPECT_EQ(get32(*answer, record + 6), 60u);
    EXPECT_EQ(get16(*answer, record + 10), 4);
    EXPECT_EQ(get32(*answer, record + 12), ip(10, 1, 0, 16));
    EXPECT_EQ(answer->size(), record + 16);
  }
}

TEST(DnsServer, HasNoOtherAddressesForKnownNames) {
  const auto answer = answer_dns(zone(), query("web-0.lab", kAaaa));
  ASSERT_TRUE(answer);
  EXPECT_EQ(code(*answer), 0);
  EXPECT_EQ(answers(*answer), 0u);
  EXPECT_EQ(answers(*answer_dns(zone(), query("web-0", kAny))), 1u);
}

TEST(DnsServer, KnowsNamesOfAddresses) {
  const Bytes asked = query("16.0.1.10.in-addr.arpa", kPtr);
  const auto answer = answer_dns(zone(), asked);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answers(*answer), 1u);
  const Bytes name = {5, 'w', 'e', 'b', '-', '0', 3, 'l', 'a', 'b', 0};
  EXPECT_EQ(Bytes(answer->begin() + static_cast<std::ptrdiff_t>(asked.size()) + 12, answer->end()), name);
  EXPECT_EQ(code(*answer_dns(zone(), query("17.0.1.10.in-addr.arpa", kPtr))), 3);
  EXPECT_FALSE(answer_dns(zone(), query("8.8.8.8.in-addr.arpa", kPtr)));
  EXPECT_FALSE(answer_dns(zone(), query("256.0.1.10.in-addr.arpa", kPtr)));
  EXPECT_FALSE(answer_dns(zone(), query("16.1.10.in-addr.arpa", kPtr)));
}

TEST(DnsServer, WhatIsInItsDomainsIsNowhereElse) {
  EXPECT_EQ(code(*answer_dns(zone(), query("web-1.lab", kA))), 3);
  EXPECT_FALSE(answer_dns(zone(), query("example.org", kA)));
  EXPECT_FALSE(answer_dns(zone(), query("web-1", kA)));
  EXPECT_FALSE(answer_dns(zone(), query("", kA)));
}

TEST(DnsServer, ClosedIsAllThereIs) {
  EXPECT_EQ(code(*answer_dns(zone(true), query("example.org", kA))), 3);
  EXPECT_EQ(code(*answer_dns(zone(true), query("web-0", kA))), 0);
  EXPECT_EQ(code(*answer_dns(zone(true), query("web-0", kA, 0x2000))), 4);  // opcode NOTIFY
  EXPECT_EQ(code(*answer_dns(zone(true), Bytes(12))), 1);                   // no question
}

TEST(DnsServer, LeavesResponsesAlone) {
  EXPECT_FALSE(answer_dns(zone(true), query("web-0", kA, 0x8180)));
}

TEST(DnsServer, SurvivesWhatIsMalformed) {
  const Bytes whole = query("web-0.lab", kA);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(answer_dns(zone(), Frame(whole).first(size))) << size;
  Bytes pointer = query("web-0", kA);
  pointer[12] = 0xc0;
  EXPECT_FALSE(answer_dns(zone(), pointer));
  Bytes dotted = query("web-0", kA);
  dotted[15] = '.';
  EXPECT_FALSE(answer_dns(zone(), dotted));
  std::string longest;
  for (int i = 0; i < 60; ++i) longest += "abcd.";
  EXPECT_EQ(code(*answer_dns(zone(true), query(longest, kA))), 1);
}

}  // namespace
}  // namespace espalier::net
