#include "net/pcap.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace espalier::net {
namespace {

using ::testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

class PcapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/espalier-pcap-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
    path = folder + "/capture.pcap";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  Bytes content() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string folder;
  std::string path;
  std::vector<std::string> lines;
  base::Logger log{
      [this](base::LogLevel, base::LogArea, std::string_view line) { lines.emplace_back(line); }};
};

struct Port final : EthernetPort {
  std::vector<Bytes> got;
  bool takes = true;
  std::function<void()> ready;
  bool can_receive() const override { return takes; }
  bool receive(Frame frame) override {
    if (takes) got.emplace_back(frame.begin(), frame.end());
    return takes;
  }
  void on_receive_ready(std::function<void()> callback) override { ready = std::move(callback); }
};
struct Peer final : EthernetPeer {
  std::vector<Bytes> got;
  int downs = 0;
  void send(Frame frame) override { got.emplace_back(frame.begin(), frame.end()); }
  void guest_down() override { ++downs; }
};

const Bytes kFileHeader = {
    0x4d, 0x3c, 0xb2, 0xa1,                          // magic: nanoseconds, little-endian
    2,    0,    4,    0,                             // version 2.4
    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 4, 0,  // 262144
    1,    0,    0,    0,                             // Ethernet
};

TEST_F(PcapTest, EveryByte) {
  auto file = PcapFile::create(path, log);
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(content(), kFileHeader);
  (*file)->write(Bytes{1, 2, 3}, 0x12345678ull * 1'000'000'000 + 0x2badbee);
  Bytes expected = kFileHeader;
  const Bytes record = {0x78, 0x56, 0x34, 0x12, 0xee, 0xdb, 0xba, 0x02, 3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3};
  expected.insert(expected.end(), record.begin(), record.end());
  EXPECT_EQ(content(), expected);  // while it is still open
  (*file)->write({}, 0);
  expected.insert(expected.end(), 16, 0);
  EXPECT_EQ(content(), expected);
  EXPECT_TRUE(lines.empty());
}

TEST_F(PcapTest, TapCapturesBothWaysAndPassesEverythingOn) {
  auto file = PcapFile::create(path, log);
  ASSERT_TRUE(file);
  Port port;
  Peer peer;
  std::uint64_t now = 5;
  PcapTap tap(
      **file, [&] { return now++; }, port, peer);
  const Bytes out(60, 0xaa);
  const Bytes in(60, 0xbb);
  tap.send(out);
  EXPECT_TRUE(tap.can_receive());
  EXPECT_TRUE(tap.receive(in));
  EXPECT_EQ(peer.got, std::vector<Bytes>{out});
  EXPECT_EQ(port.got, std::vector<Bytes>{in});
  port.takes = false;
  EXPECT_FALSE(tap.can_receive());
  EXPECT_FALSE(tap.receive(in));  // not taken, not captured
  tap.guest_down();
  EXPECT_EQ(peer.downs, 1);
  bool called = false;
  tap.on_receive_ready([&] { called = true; });
  port.ready();
  EXPECT_TRUE(called);

  const Bytes all = content();
  ASSERT_EQ(all.size(), 24u + 2 * (16 + 60));
  EXPECT_EQ(all[24 + 4], 5);
  EXPECT_EQ(all[24 + 16], 0xaa);
  EXPECT_EQ(all[24 + 76 + 4], 6);
  EXPECT_EQ(all[24 + 76 + 16], 0xbb);
}

TEST_F(PcapTest, HostClockIsTheTimeOfDay) {
  EXPECT_GT(PcapTap::host_clock(), 1'600'000'000ull * 1'000'000'000);
}

TEST_F(PcapTest, UnwritablePathIsNamed) {
  for (const std::string& bad : {folder + "/none/capture.pcap", folder, std::string("/dev/full")}) {
    const auto file = PcapFile::create(bad, log);
    ASSERT_FALSE(file) << bad;
    EXPECT_THAT(file.error(), HasSubstr("cannot write the capture " + bad + ": "));
  }
}

TEST_F(PcapTest, FullDiskEndsTheCaptureWithWholeRecords) {
  auto file = PcapFile::create(path, log);
  ASSERT_TRUE(file);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{.rlim_cur = 24 + 16 + 100 + 50, .rlim_max = old.rlim_max};
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  (*file)->write(Bytes(100, 1), 0);
  (*file)->write(Bytes(100, 2), 0);
  (*file)->write(Bytes(100, 3), 0);
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(content().size(), 24u + 16 + 100);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr(path));
}

TEST_F(PcapTest, TsharkReadsIt) {
  if (std::system("command -v tshark >/dev/null 2>&1") != 0) GTEST_SKIP() << "tshark is not installed";
  {
    auto file = PcapFile::create(path, log);
    ASSERT_TRUE(file);
    // An ARP request of 10.0.2.15 for 10.0.2.2.
    Bytes arp = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0,  1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                 1,    2,    0,    0,    0,    0,    1, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};
    (*file)->write(arp, 1'700'000'000'123'456'789ull);
  }
  FILE* const out = popen(
      ("tshark -r " + path + " -T fields -e frame.time_epoch -e arp.dst.proto_ipv4 2>/dev/null").c_str(),
      "r");
  ASSERT_NE(out, nullptr);
  char line[128] = "";
  ASSERT_NE(fgets(line, sizeof line, out), nullptr);
  pclose(out);
  EXPECT_STREQ(line, "1700000000.123456789\t10.0.2.2\n");
}

}  // namespace
}  // namespace espalier::net
