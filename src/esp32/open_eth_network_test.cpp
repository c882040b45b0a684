// The Ethernet MAC, a capture and the user network together, driven as a guest's driver drives them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "devices/device_test_support.h"
#include "devices/open_eth.h"
#include "net/fake_guest_test_support.h"
#include "net/host_socket_test_support.h"
#include "net/pcap.h"
#include "net/slirp_network.h"

namespace espalier {
namespace {

using net::testing::Bytes;
using net::testing::FakeGuest;
using net::testing::HostSocket;

constexpr std::uint32_t kRam = 0x3ffb0000;
constexpr std::uint32_t kRing = 4;

// Plays the driver: one transmit descriptor, four for reception, and a stack (FakeGuest) above.
class Driver final : public net::EthernetPeer {
 public:
  Driver(devices::OpenEth& eth, devices::testing::Memory& memory, FakeGuest& stack)
      : eth_(eth), memory_(memory), stack_(stack) {
    stack.network = this;
    for (std::uint32_t i = 0; i < kRing; ++i) {
      eth.write(0x408 + i * 8 + 4, kRam + 0x1000 * (i + 1));
      eth.write(0x408 + i * 8, 0xc000u | (i + 1 == kRing ? 0x2000u : 0u));
    }
    eth.write(0x404, kRam);
    eth.write(0x20, 1);
    eth.write(0x00, eth.read(0x00) | 0x23);
    eth.write(0x08, 4);
  }
  // From the stack.
  void send(net::Frame frame) override {
    ASSERT_TRUE(memory_.write(kRam, frame));
    eth_.write(0x400, static_cast<std::uint32_t>(frame.size()) << 16 | 0xa000u);
  }
  // The receive task: frames from the ring to the stack, at most `most`.
  int receive(int most) {
    int count = 0;
    eth_.write(0x04, eth_.read(0x04));
    while (count < most) {
      const std::uint32_t word = eth_.read(0x408 + next_ * 8);
      if (word & 0x8000) break;
      Bytes frame((word >> 16) - 4);
      EXPECT_TRUE(memory_.read(eth_.read(0x408 + next_ * 8 + 4), frame));
      eth_.write(0x408 + next_ * 8, word | 0x8000);
      next_ = (next_ + 1) % kRing;
      stack_.frames.push_back(frame);
      ++count;
    }
    return count;
  }

 private:
  devices::OpenEth& eth_;
  devices::testing::Memory& memory_;
  FakeGuest& stack_;
  std::uint32_t next_ = 0;
};

class OpenEthNetworkTest : public ::testing::Test {
 protected:
  OpenEthNetworkTest() {
    char name[] = "/tmp/espalier-eth-XXXXXX";
    EXPECT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    path = folder_ + "/capture.pcap";
    auto file = net::PcapFile::create(path, bench.log());
    auto made = net::SlirpNetwork::create(loop, bench.log());
    EXPECT_TRUE(file && made);
    pcap = std::move(*file);
    network = std::move(*made);
    tap = std::make_unique<net::PcapTap>(*pcap, net::PcapTap::host_clock, eth, *network);
    eth.connect(tap.get());
    network->attach(tap.get());
    driver = std::make_unique<Driver>(eth, memory, stack);
    pass_time();
    stack.announce();
  }
  ~OpenEthNetworkTest() override { std::filesystem::remove_all(folder_); }
  void pass_time() { bench.run(100 * base::kTicksPerMicrosecond); }
  std::uint16_t publish(std::string_view text) {
    return network->publish(*net::parse_publish(text)).value_or(0);
  }

  base::EventLoop loop;
  devices::testing::Bench bench;
  devices::testing::Memory memory{kRam, 0x10000};
  devices::OpenEth eth{bench.context(), memory};
  FakeGuest stack{loop};
  std::string path;
  std::unique_ptr<net::PcapFile> pcap;
  std::unique_ptr<net::SlirpNetwork> network;
  std::unique_ptr<net::PcapTap> tap;
  std::unique_ptr<Driver> driver;

 private:
  std::string folder_;
};

TEST_F(OpenEthNetworkTest, RequestAndAnswerRaiseTheInterruptAndAreCaptured) {
  stack.arp(1, net::testing::kHostIp);
  EXPECT_TRUE(eth.irq.level());
  EXPECT_EQ(driver->receive(99), 1);
  EXPECT_FALSE(eth.irq.level());
  ASSERT_EQ(stack.frames.size(), 1u);
  EXPECT_EQ(net::testing::get16(stack.frames[0], 20), 2);
  std::ifstream in(path, std::ios::binary);
  const Bytes all{std::istreambuf_iterator<char>(in), {}};
  // The announcement, the request (60 bytes each) and the reply (64, libslirp's size).
  EXPECT_EQ(all.size(), 24u + 2 * (16 + 60) + 16 + 64);
}

TEST_F(OpenEthNetworkTest, FloodThroughFourBuffersLosesNothing) {
  const auto port = publish("0:7/udp");
  HostSocket client(AF_INET, SOCK_DGRAM);
  ASSERT_TRUE(client.connect_to(port));
  constexpr int kCount = 150;
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(client.put(std::to_string(i)));
  std::vector<std::string> got;
  for (int turn = 0; turn < 5000 && got.size() < kCount; ++turn) {
    loop.poll(1'000'000);
    pass_time();
    driver->receive(3);
    stack.answer_arp();
    while (!stack.frames.empty()) {
      const Bytes f = stack.frames.front();
      stack.frames.pop_front();
      if (!net::testing::is_udp_to(f, 7)) continue;
      const Bytes data = net::testing::udp_data(f);
      got.emplace_back(data.begin(), data.end());
    }
  }
  ASSERT_EQ(got.size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)], std::to_string(i));
  EXPECT_FALSE(eth.read(0x04) & 0x10);  // never BUSY
}

TEST_F(OpenEthNetworkTest, ResetOfTheMacMakesConnectionsWaitForTheNextStart) {
  const auto port = publish("0:80");
  eth.reset(devices::ResetKind::kCore);
  HostSocket client(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(client.connect_to(port));
  for (int i = 0; i < 20; ++i) loop.poll(1'000'000);
  EXPECT_EQ(network->waiting(), 0u);
  driver = std::make_unique<Driver>(eth, memory, stack);
  pass_time();
  stack.announce();
  bool syn = false;
  for (int turn = 0; turn < 1000 && !syn; ++turn) {
    loop.poll(1'000'000);
    pass_time();
    driver->receive(99);
    for (const Bytes& f : stack.frames) syn |= net::testing::is_ip(f, 6) && net::testing::get16(f, 36) == 80;
  }
  EXPECT_TRUE(syn);
}

}  // namespace
}  // namespace espalier
