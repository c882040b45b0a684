#include "base/trace.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace espalier::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A tracer whose events come here as "time/cpu name text".
struct Traced {
  Traced() : tracer([this] { return Tracer::Moment{now, cpu}; }) {
    tracer.set_sink([this](const TraceRecord& record) {
      lines.push_back(
          fmt::format("{}/{} {} {}", record.time, record.cpu, record.event.name, trace_text(record)));
    });
  }
  std::set<std::string> on() const {
    std::set<std::string> names;
    for (const auto& [event, is_on] : tracer.events())
      if (is_on) names.insert(std::string(event.name));
    return names;
  }
  void tell() {
    tracer.trace<TraceEvent::open_eth_reg_write>(0x40, 0x1234abcd);
    tracer.trace<TraceEvent::uart_tx>(0, 'A');
  }

  Ticks now = 7;
  int cpu = 1;
  Tracer tracer;
  std::vector<std::string> lines;
};

// A file of patterns that is gone after the test.
struct PatternFile {
  explicit PatternFile(std::string_view text)
      : path(std::filesystem::temp_directory_path() / fmt::format("espalier_trace_{}", getpid())) {
    std::ofstream(path) << text;
  }
  ~PatternFile() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

TEST(Trace, GlobsMatchAllOfAName) {
  EXPECT_TRUE(matches_glob("open_eth_reg_read", "open_eth_reg_read"));
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("open_eth_*", "open_eth_"));
  EXPECT_TRUE(matches_glob("*_read", "open_eth_reg_read"));
  EXPECT_TRUE(matches_glob("*_re*_read", "open_eth_receive_reg_read"));
  EXPECT_TRUE(matches_glob("uart?_reg_*", "uart2_reg_write"));
  EXPECT_TRUE(matches_glob("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches_glob("open_eth", "open_eth_reg_read"));
  EXPECT_FALSE(matches_glob("eth_*", "open_eth_reg_read"));
  EXPECT_FALSE(matches_glob("uart?_reg_*", "uart_reg_write"));
  EXPECT_FALSE(matches_glob("a*b*c", "a-b-b"));
  EXPECT_FALSE(matches_glob("", "a"));
}

// A name that is there twice, a text that does not fit the fields, or a field that the formats use
// themselves.
TEST(Trace, TheTableIsSound) {
  std::set<std::string_view> names;
  for (const TraceEventInfo& event : kTraceEvents) {
    EXPECT_TRUE(names.insert(event.name).second) << event.name;
    EXPECT_FALSE(event.help.empty()) << event.name;
    std::vector<TraceValue> values;
    for (TraceFields fields(event.fields); fields.next();) {
      EXPECT_FALSE(fields.name().empty()) << event.name;
      for (const std::string_view reserved : {"ns", "event", "core"})
        EXPECT_NE(fields.name(), reserved) << event.name;
      values.push_back(fields.is_text() ? TraceValue(std::string_view("text")) : TraceValue(0x1234567u));
    }
    std::string text;
    EXPECT_NO_THROW(text = trace_text({0, event, 0, -1, values})) << event.name;
    std::size_t places = 0;
    for (const char c : event.text) places += c == '{';
    EXPECT_EQ(places, values.size()) << event.name << " leaves out a field";
  }
}

TEST(Trace, WhatIsOffTellsNothing) {
  Traced t;
  t.tell();
  EXPECT_THAT(t.lines, IsEmpty());
  EXPECT_FALSE(t.tracer.on(TraceEvent::uart_tx));
}

TEST(Trace, AnEventTellsItsFieldsItsTimeAndItsCore) {
  Traced t;
  ASSERT_TRUE(t.tracer.apply("open_eth_reg_write,uart_tx"));
  t.tell();
  t.now = 9;
  t.cpu = -1;
  t.tracer.trace<TraceEvent::uart_tx>(2, 0);
  EXPECT_THAT(t.lines, ElementsAre("7/1 open_eth_reg_write MAC[0x40] <- 0x1234abcd", "7/1 uart_tx 0 0x41",
                                   "9/-1 uart_tx 2 0x00"));
}

TEST(Trace, EventsAreSwitchedWhileTheMachineRuns) {
  Traced t;
  ASSERT_TRUE(t.tracer.enable("uart_*", true));
  t.tell();
  ASSERT_TRUE(t.tracer.enable("uart_tx", false));
  t.tell();
  EXPECT_THAT(t.lines, ElementsAre("7/1 uart_tx 0 0x41"));
  EXPECT_THAT(t.on(), ElementsAre("uart_rx"));
}

TEST(Trace, PatternsAreAppliedInOrder) {
  Traced t;
  ASSERT_TRUE(t.tracer.apply("open_eth_mii_*, uart_?x,-*_rx"));
  EXPECT_THAT(t.on(), ElementsAre("open_eth_mii_read", "open_eth_mii_write", "uart_tx"));
  ASSERT_TRUE(t.tracer.apply("-*,enable=efuse_burn"));  // as QEMU's -trace enable=PATTERN
  EXPECT_THAT(t.on(), ElementsAre("efuse_burn"));
}

TEST(Trace, APatternThatMatchesNothingIsAnError) {
  Traced t;
  for (const char* bad : {"no_such_event", "no_such_*", "-no_such_event", "uart_tx,,uart_rx", ""}) {
    const auto ok = t.tracer.apply(bad);
    ASSERT_FALSE(ok) << bad;
    EXPECT_THAT(ok.error(), HasSubstr("does not exist")) << bad;
  }
  EXPECT_EQ(t.tracer.apply("no_such_*").error(), "trace event 'no_such_*' does not exist");
}

TEST(Trace, PatternsComeFromAFile) {
  const PatternFile file("# serial\n\nuart_*\r\n  -uart_rx  \n");
  Traced t;
  ASSERT_TRUE(t.tracer.apply(fmt::format("efuse_burn,events={}", file.path.string())));
  EXPECT_THAT(t.on(), ElementsAre("efuse_burn", "uart_tx"));
}

TEST(Trace, AWrongFileOfPatternsIsNamedWithItsLine) {
  const PatternFile file("uart_tx\nnonsense\n");
  Traced t;
  const auto ok = t.tracer.apply("events=" + file.path.string());
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error(), file.path.string() + ", line 2: trace event 'nonsense' does not exist");
  const auto missing = t.tracer.apply("events=/no/such/file");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), "cannot read /no/such/file: No such file or directory");
}

TEST(Trace, EachDeviceHasItsRegisterEvents) {
  Traced t;
  const std::uint16_t i2c = t.tracer.add_registers("i2c0");
  EXPECT_EQ(t.tracer.add_registers("i2c0"), i2c) << "mounted twice";
  EXPECT_NE(t.tracer.add_registers("i2c1"), i2c);
  t.tracer.add_registers("flash encryption");
  EXPECT_TRUE(t.tracer.enable("flash_encryption_reg_read", false)) << "a name is one word";
  EXPECT_EQ(t.tracer.add_registers("open_eth"), Tracer::kNoEvent) << "it has QEMU's own";
  t.tracer.trace_register(i2c, 0x3ff53004, 4, 1);
  ASSERT_TRUE(t.tracer.apply("i2c0_reg_*"));
  t.tracer.trace_register(i2c, 0x3ff53004, 4, 0xff);
  t.tracer.trace_register(i2c + 1, 0x3ff53010, 0x10, 2);
  EXPECT_THAT(t.lines, ElementsAre("7/1 i2c0_reg_read 0x3ff53004 [0x004] -> 0x000000ff",
                                   "7/1 i2c0_reg_write 0x3ff53010 [0x010] <- 0x00000002"));
}

// The number that stands for "no event" is also that of the table's first.
TEST(Trace, ADeviceWithoutRegisterEventsTellsNoneWhenAllIsOn) {
  Traced t;
  ASSERT_TRUE(t.tracer.apply("*"));
  t.tracer.trace_register(Tracer::kNoEvent, 0, 0, 0);
  EXPECT_THAT(t.lines, IsEmpty());
}

TEST(Trace, AListenerHearsWhatIsNotSwitchedOn) {
  Traced t;
  std::vector<std::uint64_t> heard;
  t.tracer.listen(TraceEvent::uart_tx, [&](const TraceRecord& r) { heard.push_back(r.values[1].number()); });
  t.tell();
  EXPECT_THAT(heard, ElementsAre('A'));
  EXPECT_THAT(t.lines, IsEmpty());
  t.tracer.listen(TraceEvent::uart_tx, {});
  t.tell();
  EXPECT_THAT(heard, ElementsAre('A'));
  EXPECT_FALSE(t.tracer.on(TraceEvent::uart_tx));
}

TEST(Trace, ChangesAreTold) {
  Traced t;
  int changes = 0;
  t.tracer.on_change(&t, [&] { ++changes; });
  ASSERT_TRUE(t.tracer.apply("uart_tx,uart_rx"));
  EXPECT_EQ(changes, 2);
  t.tracer.on_change(&t, {});
  ASSERT_TRUE(t.tracer.apply("-uart_tx"));
  EXPECT_EQ(changes, 2);
}

}  // namespace
}  // namespace espalier::base
