#include "net/publish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cerrno>

namespace espalier::net {
namespace {

using ::testing::HasSubstr;

struct Good {
  std::string_view text;
  std::string_view address;
  unsigned host, guest;
  bool udp;
  std::string_view end;
};

TEST(Publish, Spellings) {
  const Good good[] = {
      {"8000:80", "127.0.0.1", 8000, 80, false, "127.0.0.1:8000"},
      {"8000:80/tcp", "127.0.0.1", 8000, 80, false, "127.0.0.1:8000"},
      {"0.0.0.0:8000:80", "0.0.0.0", 8000, 80, false, "0.0.0.0:8000"},
      {"5353:53/udp", "127.0.0.1", 5353, 53, true, "127.0.0.1:5353/udp"},
      {"[::1]:8000:80", "::1", 8000, 80, false, "[::1]:8000"},
      {"[fe80::1]:1:65535/udp", "fe80::1", 1, 65535, true, "[fe80::1]:1/udp"},
      {"[::]:65535:1", "::", 65535, 1, false, "[::]:65535"},
      {"0:80", "127.0.0.1", 0, 80, false, "127.0.0.1:0"},
  };
  for (const Good& g : good) {
    const auto p = parse_publish(g.text);
    ASSERT_TRUE(p) << g.text << ": " << p.error();
    EXPECT_EQ(p->address, g.address);
    EXPECT_EQ(p->host_port, g.host);
    EXPECT_EQ(p->guest_port, g.guest);
    EXPECT_EQ(p->udp, g.udp);
    EXPECT_EQ(p->host_end(), g.end);
  }
}

TEST(Publish, MistakesAreNamed) {
  const std::pair<std::string_view, std::string_view> bad[] = {
      {"", "guest's port is missing"},
      {"80", "guest's port is missing"},
      {"8000:", "the guest's port \"\""},
      {":80", "the host's port \"\""},
      {"127.0.0.1::80", "the host's port \"\""},
      {"8000:80:", "is not an IP address"},
      {"8000:0", "the guest's port \"0\" is not a number from 1 to 65535"},
      {"65536:80", "the host's port \"65536\""},
      {"99999999999999999999:80", "the host's port"},
      {"-1:80", "range of ports"},
      {"0x50:80", "the host's port \"0x50\""},
      {"8000 :80", "the host's port \"8000 \""},
      {"8000-8010:80-90", "range of ports"},
      {"8000:80-90", "range of ports"},
      {"8000:80/sctp", "the protocol \"sctp\""},
      {"8000:80/", "the protocol \"\""},
      {"8000/udp:80", "the protocol \"udp:80\""},
      {"localhost:8000:80", "\"localhost\" is not an IP address"},
      {"256.0.0.1:8000:80", "\"256.0.0.1\" is not an IP address"},
      {"::1:8000:80", "in brackets"},
      {"[::1:8000:80", "not closed"},
      {"[::1]:80", "host's port is missing"},
      {"[::1]8000:80", "host's port is missing"},
      {"[127.0.0.1]:8000:80", "is not an IPv6 address"},
      {"[]:8000:80", "is not an IPv6 address"},
  };
  for (const auto& [text, what] : bad) {
    const auto p = parse_publish(text);
    ASSERT_FALSE(p) << text;
    EXPECT_THAT(p.error(), HasSubstr(what)) << text;
    EXPECT_THAT(p.error(), HasSubstr(text));
    EXPECT_EQ(p.error().find('\n'), std::string::npos);
  }
}

TEST(Publish, SocketAddresses) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  ASSERT_TRUE(host_sockaddr(*parse_publish("1.2.3.4:513:80"), storage, size));
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
  EXPECT_EQ(v4.sin_family, AF_INET);
  EXPECT_EQ(v4.sin_port, htons(513));
  EXPECT_EQ(v4.sin_addr.s_addr, htonl(0x01020304));
  EXPECT_EQ(size, sizeof(sockaddr_in));
  ASSERT_TRUE(host_sockaddr(*parse_publish("[::1]:513:80"), storage, size));
  EXPECT_EQ(storage.ss_family, AF_INET6);
  EXPECT_EQ(size, sizeof(sockaddr_in6));
  EXPECT_FALSE(host_sockaddr(Publish{.address = "nonsense"}, storage, size));
}

TEST(Publish, BindErrorsNameThePortAndTheRemedy) {
  const Publish p = *parse_publish("80:80");
  for (const auto& [error, what] :
       {std::pair{EADDRINUSE, "in use"}, std::pair{EACCES, "privileges"},
        std::pair{EADDRNOTAVAIL, "no interface"}, std::pair{EAFNOSUPPORT, "no IPv4"},
        std::pair{ENOBUFS, "No buffer space"}}) {
    EXPECT_THAT(bind_error(p, error), HasSubstr("127.0.0.1:80"));
    EXPECT_THAT(bind_error(p, error), HasSubstr(what));
  }
}

}  // namespace
}  // namespace espalier::net
