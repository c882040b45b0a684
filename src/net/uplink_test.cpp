#include "net/uplink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fake_guest_test_support.h"

namespace espalier::net {
namespace {

using ::testing::HasSubstr;
using namespace net::testing;

// A network with one machine, and what joins it to another.
struct Site {
  Site(base::EventLoop& of, unsigned number, const std::string& to)
      : loop(of),
        lan{.directory = std::make_shared<LanDirectory>(LanNetwork{}, ip(10, 1, number, 16)),
            .domains = {"lan"},
            .restricted = false,
            .ethernet = {}},
        bay(lan.ethernet, loop),
        guest(loop),
        claim(lan.directory->claim("web-" + std::to_string(number), "")) {
    auto made = LanPort::plug(lan, bay, loop, base::Logger(quiet), {.address = claim->address()});
    EXPECT_TRUE(made);
    port = std::move(*made);
    port->attach(&guest);
    guest.network = port.get();
    guest.mac = {2, 0, 0, 0, 0, static_cast<std::uint8_t>(number)};
    guest.address = claim->address();
    guest.make_room(~std::size_t{0});
    auto link = Uplink::open(lan, bay, loop, quiet, *parse_uplink(to));
    EXPECT_TRUE(link) << link.error();
    uplink = std::move(*link);
  }
  ~Site() { port->attach(nullptr); }

  static void quiet(base::LogLevel, base::LogArea, std::string_view) {}

  base::EventLoop& loop;
  Lan lan;
  EthernetSwitch::Bay bay;
  FakeGuest guest;
  std::shared_ptr<const LanDirectory::Claim> claim;
  std::unique_ptr<LanPort> port;
  std::unique_ptr<Uplink> uplink;
};

TEST(Uplink, IsRead) {
  EXPECT_EQ(text_of(*parse_uplink("tap:lab0")), "tap:lab0");
  EXPECT_EQ(text_of(*parse_uplink("listen:4000")), "listen:127.0.0.1:4000");
  const auto wrong = parse_uplink("bridge:br0");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error(), HasSubstr("expected tap:IF, listen:"));
}

TEST(Uplink, JoinsTwoNetworks) {
  base::EventLoop loop;
  Site a(loop, 1, "listen:0");
  const auto& bound = std::get<SocketLinkSpec>(a.uplink->spec());
  Site b(loop, 2, "connect:127.0.0.1:" + std::to_string(bound.end.port));
  // Asks until the link is there. `b` has not said anything yet.
  std::optional<Bytes> reply;
  for (int i = 0; i < 100 && !reply; ++i) {
    a.guest.arp(1, b.guest.address);
    a.guest.run_for(10);
    b.guest.answer_arp();
    a.guest.run_for(10);
    for (const Bytes& f : a.guest.frames)
      if (get16(f, 12) == 0x0806 && get16(f, 20) == 2) reply = f;
  }
  ASSERT_TRUE(reply);
  EXPECT_EQ(Bytes(reply->begin() + 22, reply->begin() + 28), b.guest.mac);
  a.guest.gateway = b.guest.mac;
  a.guest.send_udp(5000, b.guest.address, 7, bytes("across"));
  ASSERT_TRUE(a.guest.run_until(
      [&] { return std::ranges::any_of(b.guest.frames, [](const Bytes& f) { return is_udp_to(f, 7); }); }));
}

TEST(Uplink, GatewaysStayOnTheirSide) {
  base::EventLoop loop;
  Site a(loop, 1, "listen:0");
  const auto& bound = std::get<SocketLinkSpec>(a.uplink->spec());
  Site b(loop, 2, "connect:127.0.0.1:" + std::to_string(bound.end.port));
  a.guest.run_for(50);
  a.guest.arp(1, ip(10, 1, 0, 2));
  a.guest.run_for(50);
  EXPECT_EQ(a.guest.frames.size(), 1u) << "one gateway answers";
  EXPECT_TRUE(b.guest.frames.empty());
}

}  // namespace
}  // namespace espalier::net
