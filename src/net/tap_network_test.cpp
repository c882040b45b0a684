#include "net/tap_network.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <vector>

namespace espalier::net {
namespace {

using Bytes = std::vector<std::uint8_t>;

class Port final : public EthernetPort {
 public:
  bool can_receive() const override { return room > 0; }
  bool receive(Frame frame) override {
    if (room == 0) return false;
    --room;
    frames.emplace_back(frame.begin(), frame.end());
    return true;
  }
  void on_receive_ready(std::function<void()> callback) override { ready = std::move(callback); }

  int room = 0;
  std::deque<Bytes> frames;
  std::function<void()> ready;
};

// A frame of a protocol that nobody else on the interface speaks.
Bytes frame_of(std::uint8_t tag, std::size_t size = 64) {
  Bytes frame(size, tag);
  std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  std::fill_n(frame.begin() + 6, 6, std::uint8_t{0x02});
  frame[12] = 0x88;
  frame[13] = 0xb5;  // IEEE 802, local experimental
  return frame;
}

// What a child process in a network namespace of its own finds: 0 all right, 77 not possible here.
int in_own_namespace() {
  if (unshare(CLONE_NEWNET) != 0) return 77;
  base::EventLoop loop;
  base::Logger log([](base::LogLevel, base::LogArea, std::string_view) {});
  auto tap = TapNetwork::open(loop, log, "tapesp0");
  if (!tap) return 77;
  const int raw = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x88b5));
  ifreq request{};
  std::ranges::copy(std::string_view("tapesp0"), request.ifr_name);
  if (raw < 0 || ioctl(raw, SIOCGIFFLAGS, &request) != 0) return 10;
  request.ifr_flags |= IFF_UP;
  if (ioctl(raw, SIOCSIFFLAGS, &request) != 0) return 11;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(0x88b5);
  address.sll_ifindex = static_cast<int>(if_nametoindex("tapesp0"));
  if (bind(raw, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 12;

  Port port;
  (*tap)->attach(&port);
  // Outwards, padded to the wire's least.
  (*tap)->send(frame_of(1, 20));
  Bytes seen(2048);
  const ssize_t n = recv(raw, seen.data(), seen.size(), 0);
  if (n != 60 || seen[19] != 1 || seen[20] != 0) return 13;
  // Inwards: three frames, of which the guest has room for one at first.
  for (std::uint8_t tag = 2; tag < 5; ++tag)
    if (const Bytes frame = frame_of(tag); send(raw, frame.data(), frame.size(), 0) < 0) return 14;
  const auto of_ours = [&] {
    std::erase_if(port.frames,
                  [](const Bytes& f) { return f.size() < 14 || f[12] != 0x88 || f[13] != 0xb5; });
    return port.frames.size();
  };
  for (int i = 0; i < 20; ++i) loop.poll(1'000'000);
  if (of_ours() != 0) return 15;
  for (int i = 0; i < 200 && of_ours() < 3; ++i) {
    port.room = 1;
    port.ready();
    loop.poll(10'000'000);
  }
  if (of_ours() != 3) return 16;
  for (std::uint8_t tag = 2; tag < 5; ++tag)
    if (port.frames[tag - 2u] != frame_of(tag)) return 17;
  return 0;
}

TEST(TapNetwork, FramesGoBothWaysAndWaitForRoom) {
  const pid_t child = fork();
  if (child == 0) _exit(in_own_namespace());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "needs root and /dev/net/tun";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(TapNetwork, ANameThatCannotBeIsNamed) {
  base::EventLoop loop;
  base::Logger log;
  const auto tap = TapNetwork::open(loop, log, "a-name-that-is-too-long");
  ASSERT_FALSE(tap);
  EXPECT_THAT(tap.error(), testing::HasSubstr("a-name-that-is-too-long"));
}

}  // namespace
}  // namespace espalier::net
