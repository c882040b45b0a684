#include <gtest/gtest.h>

#include <vector>

#include "base/archive.h"
#include "base/event_queue.h"
#include "base/log.h"

namespace espalier::base {
namespace {

struct ManualTime final : TimeSource {
  Ticks time = 0;
  Ticks now() override { return time; }
};

TEST(Time, ConvertsWithoutDrift) {
  EXPECT_EQ(ticks_per_cycle(240'000'000), 2u);
  EXPECT_EQ(ns_from_ticks(kTicksPerSecond), 1'000'000'000u);
  EXPECT_EQ(ticks_from_ns(86'400'000'000'000), kTicksPerSecond * 86'400);
  for (std::uint64_t n : {1ull, 7ull, 150'000ull, 1ull << 40})
    EXPECT_EQ(cycles_in(ticks_for(n, 150'000), 150'000), n);
}

TEST(Time, ConvertsExactlyOverCenturies) {
  std::uint64_t value = 1;
  for (int n = 0; n < 10'000; ++n) {
    value = value * 6364136223846793005 + 1442695040888963407;
    const std::uint64_t some = value >> n % 64;
    const auto wide = static_cast<unsigned __int128>(some);
    EXPECT_EQ(ticks_from_ns(some), static_cast<std::uint64_t>(wide * 12 / 25)) << some;
    EXPECT_EQ(ns_from_ticks(some / 4), static_cast<std::uint64_t>(wide / 4 * 25 / 12)) << some;
    EXPECT_EQ(cycles_in(some, 3'999'999'999u),
              static_cast<std::uint64_t>(wide * 3'999'999'999u / 480'000'000))
        << some;
  }
}

TEST(EventQueue, FiresInOrderOfTimeThenOfMaking) {
  ManualTime time;
  EventQueue queue(time);
  std::vector<int> fired;
  Timer a(queue, [&] { fired.push_back(1); });
  Timer b(queue, [&] { fired.push_back(2); });
  Timer c(queue, [&] { fired.push_back(3); });
  c.arm(10);
  b.arm(20);
  a.arm(20);
  EXPECT_EQ(queue.next_deadline(), 10u);
  queue.run_due(15);
  EXPECT_EQ(fired, (std::vector{3}));
  queue.run_due(20);
  EXPECT_EQ(fired, (std::vector{3, 1, 2}));
  EXPECT_EQ(queue.next_deadline(), kNever);
}

TEST(EventQueue, ATimerThatReArmsItselfForThePresentDoesNotLoop) {
  ManualTime time;
  EventQueue queue(time);
  int count = 0;
  Timer* self = nullptr;
  Timer timer(queue, [&] {
    ++count;
    self->arm(5);
  });
  self = &timer;
  timer.arm(5);
  queue.run_due(5);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(timer.armed());
}

TEST(EventQueue, RemovalFromTheMiddleKeepsTheHeap) {
  ManualTime time;
  EventQueue queue(time);
  std::vector<Ticks> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  for (Ticks t = 0; t < 100; ++t) {
    timers.push_back(std::make_unique<Timer>(queue, [&fired, t] { fired.push_back(t * 37 % 101); }));
    timers.back()->arm(t * 37 % 101);
  }
  for (Ticks t = 0; t < 100; t += 3) timers[t].reset();
  queue.run_due(1000);
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
  EXPECT_EQ(fired.size(), 66u);
}

TEST(Archive, LoadsWhatItSaved) {
  std::uint32_t a = 7;
  std::array<std::uint8_t, 3> b = {1, 2, 3};
  std::vector<std::uint16_t> c = {9, 8};
  std::string d = "x";
  Archive out = Archive::saving();
  out.section("s");
  out(a, b, c, d);
  a = 0, b = {}, c.clear(), d.clear();
  Archive in = Archive::loading(out.bytes());
  in.section("s");
  in(a, b, c, d);
  EXPECT_FALSE(in.failed());
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(a, 7u);
  EXPECT_EQ(b[2], 3);
  EXPECT_EQ(c, (std::vector<std::uint16_t>{9, 8}));
  EXPECT_EQ(d, "x");
}

TEST(Archive, RefusesATruncatedOrForeignStream) {
  std::vector<std::uint32_t> v = {1, 2, 3};
  Archive out = Archive::saving();
  out.section("good");
  out(v);
  auto bytes = out.bytes();
  bytes.pop_back();
  Archive in = Archive::loading(bytes);
  in.section("good");
  in(v);
  EXPECT_TRUE(in.failed());
  Archive other = Archive::loading(out.bytes());
  other.section("evil");
  EXPECT_TRUE(other.failed());
}

// Found by fuzz.open_eth: a damaged state put 135 into a bool, which is undefined behaviour.
TEST(Archive, RefusesABoolThatIsNeitherTrueNorFalse) {
  const std::vector<std::uint8_t> bytes = {1, 135, 0};
  bool first = false, second = false, third = true;
  Archive in = Archive::loading(bytes);
  in(first);
  EXPECT_TRUE(first);
  EXPECT_FALSE(in.failed());
  in(second, third);
  EXPECT_TRUE(in.failed());
  EXPECT_FALSE(second);
  EXPECT_TRUE(third);  // left as it was
}

TEST(Archive, SaysWhereItFailed) {
  std::uint32_t a = 1, b = 2;
  Archive out = Archive::saving();
  out.section("first");
  out(a);
  out.section("second");
  out(b);
  ASSERT_EQ(out.sections().size(), 2u);
  const std::span bytes(out.bytes());
  const auto load = [&](std::size_t size) {
    Archive in = Archive::loading(bytes.first(size));
    in.section("first");
    in(a);
    in.section("second");
    in(b);
    return in.failed() ? in.failed_in() : "";
  };
  EXPECT_EQ(load(bytes.size()), "");
  EXPECT_EQ(load(bytes.size() - 1), "second");
  EXPECT_EQ(load(out.sections()[1]), "second");
  EXPECT_EQ(load(out.sections()[1] - 1), "first");
  EXPECT_EQ(load(0), "first");
}

TEST(Seal, RoundTrip) {
  for (const std::vector<std::uint8_t>& state : {std::vector<std::uint8_t>{}, {1}, {1, 2, 3}}) {
    const auto sealed = seal(state, 7);
    const auto back = unseal(sealed, 7);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(std::vector(back->begin(), back->end()), state);
  }
}

TEST(Seal, RefusesWhatIsNotWhole) {
  const std::vector<std::uint8_t> state = {1, 2, 3, 4, 5};
  const auto sealed = seal(state, 7);
  const auto error = [](std::span<const std::uint8_t> bytes) {
    const auto got = unseal(bytes, 7);
    return got ? "" : got.error();
  };
  EXPECT_EQ(error({}), "is no saved state");
  EXPECT_EQ(error(std::vector<std::uint8_t>(100, 'x')), "is no saved state");
  for (std::size_t size = 1; size < sealed.size(); ++size)
    EXPECT_TRUE(error(std::span(sealed).first(size)).starts_with("is cut short: ")) << size;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto flipped = sealed;
      flipped[i] ^= static_cast<std::uint8_t>(1 << bit);
      EXPECT_NE(error(flipped), "") << "byte " << i << ", bit " << bit;
    }
  }
  auto longer = sealed;
  longer.push_back(0);
  EXPECT_EQ(error(longer), "is damaged: 1 bytes more than it should have");
  EXPECT_EQ(error(seal(state, 8)), "was saved in form 8, and this program reads form 7");
  auto flipped = sealed;
  flipped.back() ^= 1;
  EXPECT_EQ(error(flipped), "is damaged: its checksum does not match");
}

TEST(Logger, SelectsByLevelAndArea) {
  std::vector<std::string> lines;
  Logger log([&](LogLevel, LogArea, std::string_view m) { lines.emplace_back(m); });
  log.debug(LogArea::kUnimp, "hidden");
  ASSERT_TRUE(log.configure("debug,unimp"));
  log.debug(LogArea::kUnimp, "shown {}", 1);
  log.debug(LogArea::kFlash, "hidden");
  log.error(LogArea::kFlash, "errors always");
  EXPECT_EQ(lines, (std::vector<std::string>{"shown 1", "errors always"}));
  EXPECT_FALSE(log.configure("loud"));
  EXPECT_FALSE(log.configure("debug,nothing"));
}

}  // namespace
}  // namespace espalier::base
