#include "net/impaired_link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace espalier::net {
namespace {

using base::kTicksPerMillisecond;
using base::Ticks;
using Bytes = std::vector<std::uint8_t>;

struct Clock final : base::TimeSource {
  Ticks time = 0;
  Ticks now() override { return time; }
};
struct Arrival {
  Ticks at;
  unsigned number;
  friend bool operator==(const Arrival&, const Arrival&) = default;
};

class ImpairedLinkTest : public ::testing::Test {
 protected:
  struct Port final : EthernetPort {
    explicit Port(Clock& clock_) : clock(clock_) {}
    Clock& clock;
    std::vector<Arrival> got;
    bool takes = true;
    std::function<void()> ready;
    bool can_receive() const override { return takes; }
    bool receive(Frame frame) override {
      if (takes) got.push_back({clock.time, frame[0] + 256u * frame[1]});
      return takes;
    }
    void on_receive_ready(std::function<void()> callback) override { ready = std::move(callback); }
  };
  struct Peer final : EthernetPeer {
    explicit Peer(Clock& clock_) : clock(clock_) {}
    Clock& clock;
    std::vector<Arrival> got;
    int downs = 0;
    void send(Frame frame) override { got.push_back({clock.time, frame[0] + 256u * frame[1]}); }
    void guest_down() override { ++downs; }
  };

  ImpairedLinkTest() { link.plug(guest, network); }

  void set(std::string_view text) {
    const auto parsed = parse_impairment(text);
    ASSERT_TRUE(parsed) << parsed.error();
    link.set(*parsed);
  }
  static Bytes frame(unsigned number, std::size_t size = 100) {
    Bytes bytes(size);
    bytes[0] = static_cast<std::uint8_t>(number);
    bytes[1] = static_cast<std::uint8_t>(number >> 8);
    return bytes;
  }
  void run_until(Ticks time) {
    while (events.next_deadline() <= time) {
      clock.time = std::max(clock.time, events.next_deadline());
      events.run_due(clock.time);
    }
    clock.time = time;
  }
  void run() {
    while (events.next_deadline() != base::kNever) run_until(events.next_deadline());
  }
  static std::vector<unsigned> numbers(const std::vector<Arrival>& arrivals) {
    std::vector<unsigned> all;
    for (const Arrival& arrival : arrivals) all.push_back(arrival.number);
    return all;
  }

  Clock clock;
  base::EventQueue events{clock};
  unsigned queued = 0;
  ImpairedLink link{events, [this] { ++queued; }};
  Port guest{clock};
  Peer network{clock};
};

TEST_F(ImpairedLinkTest, WithoutImpairmentsItIsACable) {
  link.send(frame(1));
  EXPECT_TRUE(link.receive(frame(2)));
  EXPECT_EQ(network.got, (std::vector<Arrival>{{0, 1}}));
  EXPECT_EQ(guest.got, (std::vector<Arrival>{{0, 2}}));
  guest.takes = false;
  EXPECT_FALSE(link.can_receive());
  EXPECT_FALSE(link.receive(frame(3)));
  link.guest_down();
  EXPECT_EQ(network.downs, 1);
  EXPECT_EQ(events.next_deadline(), base::kNever);
  EXPECT_EQ(queued, 0u);
}

TEST_F(ImpairedLinkTest, LatencyIsOfEachDirection) {
  set("latency=20ms");
  link.send(frame(1));
  link.receive(frame(2));
  EXPECT_EQ(queued, 2u);
  run_until(20 * kTicksPerMillisecond - 1);
  EXPECT_TRUE(network.got.empty());
  EXPECT_TRUE(guest.got.empty());
  run_until(20 * kTicksPerMillisecond);
  EXPECT_EQ(network.got, (std::vector<Arrival>{{20 * kTicksPerMillisecond, 1}}));
  EXPECT_EQ(guest.got, (std::vector<Arrival>{{20 * kTicksPerMillisecond, 2}}));
  set("latency=20ms,direction=in");
  link.send(frame(3));
  EXPECT_EQ(network.got.size(), 2u);
}

TEST_F(ImpairedLinkTest, JitterKeepsTheOrder) {
  set("latency=20ms,jitter=10ms");
  std::set<Ticks> delays;
  for (unsigned i = 0; i < 200; ++i) {
    const Ticks sent = clock.time;
    link.send(frame(i));
    run();
    const Ticks delay = clock.time - sent;
    EXPECT_GE(delay, 10 * kTicksPerMillisecond);
    EXPECT_LE(delay, 30 * kTicksPerMillisecond);
    delays.insert(delay);
  }
  EXPECT_GT(delays.size(), 190u);
  EXPECT_LT(*delays.begin(), 12 * kTicksPerMillisecond);
  EXPECT_GT(*delays.rbegin(), 28 * kTicksPerMillisecond);
  network.got.clear();
  for (unsigned i = 0; i < 200; ++i) link.send(frame(i));
  run();
  EXPECT_EQ(network.got.size(), 200u);
  EXPECT_TRUE(std::ranges::is_sorted(numbers(network.got)));
}

TEST_F(ImpairedLinkTest, LossDuplicationAndReorderingAsOften) {
  set("latency=20ms,loss=10%,duplicate=5%,reorder=25%,seed=3");
  for (unsigned i = 0; i < 10'000; ++i) {
    link.send(frame(i));
    clock.time += kTicksPerMillisecond;
    run_until(clock.time);
  }
  run();
  const auto got = numbers(network.got);
  const std::set<unsigned> distinct(got.begin(), got.end());
  EXPECT_NEAR(static_cast<double>(distinct.size()), 9'000, 150);
  EXPECT_NEAR(static_cast<double>(got.size() - distinct.size()), 450, 70);
  EXPECT_EQ(link.out_counts().lost, 10'000 - distinct.size());
  EXPECT_EQ(link.out_counts().duplicated, got.size() - distinct.size());
  EXPECT_FALSE(std::ranges::is_sorted(got));
}

TEST_F(ImpairedLinkTest, RepeatsWithTheSeed) {
  const auto run_with = [&](std::string_view text) {
    network.got.clear();
    clock.time = 0;
    ImpairedLink fresh(events, [] {});
    fresh.plug(guest, network);
    fresh.set(*parse_impairment(text));
    for (unsigned i = 0; i < 500; ++i) fresh.send(frame(i));
    run();
    return network.got;
  };
  const auto first = run_with("latency=5ms,jitter=5ms,loss=30%,seed=7");
  EXPECT_EQ(run_with("latency=5ms,jitter=5ms,loss=30%,seed=7"), first);
  EXPECT_NE(run_with("latency=5ms,jitter=5ms,loss=30%,seed=8"), first);
  // What loss does is not changed by what else there is.
  EXPECT_EQ(numbers(run_with("loss=30%,seed=7")), numbers(first));
}

TEST_F(ImpairedLinkTest, RateLetsFramesThroughOneByOne) {
  set("rate=1Mbit");
  for (unsigned i = 0; i < 5; ++i) link.send(frame(i, 125));  // 1 ms each
  run();
  ASSERT_EQ(network.got.size(), 5u);
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(network.got[i].at, (i + 1) * kTicksPerMillisecond);
}

TEST_F(ImpairedLinkTest, ItsQueueIsBounded) {
  set("rate=1kbit");
  for (unsigned i = 0; i < 1'500; ++i) link.send(frame(i));
  EXPECT_EQ(link.out_counts().lost, 500u);
  run();
  EXPECT_EQ(network.got.size(), ImpairedLink::kMostWaiting);
}

TEST_F(ImpairedLinkTest, NothingPassesAPartitionOrAStuckNetwork) {
  set("latency=1ms,partition");
  link.send(frame(1));
  link.receive(frame(2));
  run();
  set("latency=1ms");
  link.send(frame(3));
  link.set_stuck(true);  // what is under way is lost, too
  link.receive(frame(4));
  run();
  EXPECT_TRUE(network.got.empty());
  EXPECT_TRUE(guest.got.empty());
  link.set_stuck(false);
  link.receive(frame(5));
  run();
  EXPECT_EQ(numbers(guest.got), std::vector<unsigned>{5});
}

TEST_F(ImpairedLinkTest, FramesWaitForTheGuestsBuffers) {
  set("latency=1ms");
  guest.takes = false;
  link.receive(frame(1));
  link.receive(frame(2));
  run_until(10 * kTicksPerMillisecond);
  EXPECT_TRUE(guest.got.empty());
  EXPECT_EQ(events.next_deadline(), base::kNever);  // no timer spins for them
  guest.takes = true;
  guest.ready();
  EXPECT_EQ(numbers(guest.got), (std::vector<unsigned>{1, 2}));
}

TEST_F(ImpairedLinkTest, TellsTheNetworkOfBuffersWhenItIsACableAgain) {
  unsigned told = 0;
  link.on_receive_ready([&] { ++told; });
  guest.takes = false;
  set("latency=1ms");  // it takes frames whatever the guest does
  EXPECT_EQ(told, 1u);
  link.receive(frame(1));
  run_until(2 * kTicksPerMillisecond);
  set("");
  EXPECT_TRUE(link.can_receive());  // behind the one that waits
  guest.takes = true;
  guest.ready();
  EXPECT_EQ(told, 3u);
  EXPECT_EQ(numbers(guest.got), std::vector<unsigned>{1});
}

TEST_F(ImpairedLinkTest, AGuestThatIsDownGetsNothingOfBefore) {
  set("latency=1ms");
  link.receive(frame(1));
  link.guest_down();
  run();
  EXPECT_TRUE(guest.got.empty());
  EXPECT_EQ(network.downs, 1);
}

}  // namespace
}  // namespace espalier::net
