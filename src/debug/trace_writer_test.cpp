// The bytes of each trace format, and what happens where they cannot be written.
#include "debug/trace_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

namespace espalier::debug {
namespace {

using base::kTicksPerMicrosecond;
using base::TraceEvent;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// A tracer with everything on, whose events go through a writer to a file.
class Trace {
 public:
  explicit Trace(TraceFormat format)
      : path_(std::filesystem::path(::testing::TempDir()) / fmt::format("trace-{}", getpid())),
        file_(TraceFile::create(path_.string()).value()),
        writer_(make_trace_writer(format, *file_)),
        tracer_([this] {
          return base::Tracer::Moment{us * kTicksPerMicrosecond, cpu};
        }) {
    tracer_.set_sink([this](const base::TraceRecord& record) { writer_->write(record); });
    EXPECT_TRUE(tracer_.apply("*"));
  }
  ~Trace() { std::filesystem::remove(path_); }

  template <TraceEvent event, class... Args>
  void tell(std::uint64_t at_us, const Args&... args) {
    us = at_us;
    tracer_.trace<event>(args...);
  }
  // All of the file; nothing can be told after it.
  std::string text() {
    writer_->finish();
    file_->flush();
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::uint64_t us = 0;
  int cpu = -1;

 private:
  std::filesystem::path path_;
  std::unique_ptr<TraceFile> file_;
  std::unique_ptr<TraceWriter> writer_;
  base::Tracer tracer_;
};

TEST(TraceText, IsThatOfQemusLog) {
  Trace trace(TraceFormat::kText);
  trace.tell<TraceEvent::open_eth_reg_write>(1'000'002, 4, 0x7f);
  trace.tell<TraceEvent::open_eth_receive_reject>(1'000'003);
  trace.tell<TraceEvent::efuse_read>(61'000'000);
  EXPECT_EQ(trace.text(), fmt::format("{0}@1.000002:open_eth_reg_write MAC[0x04] <- 0x0000007f\n"
                                      "{0}@1.000003:open_eth_receive_reject RX: rejected\n"
                                      "{0}@61.000000:efuse_read\n",
                                      getpid()));
}

// What QEMU's own format strings make of the same values, spelled out.
TEST(TraceText, TheMacsEventsReadAsQemus) {
  Trace trace(TraceFormat::kText);
  trace.tell<TraceEvent::open_eth_mii_write>(0, 2u, 0x1234);
  trace.tell<TraceEvent::open_eth_mii_read>(0, 0x10u, 0x5);
  trace.tell<TraceEvent::open_eth_update_irq>(0, 4u);
  trace.tell<TraceEvent::open_eth_receive>(0, 60u);
  trace.tell<TraceEvent::open_eth_receive_mcast>(0, 12u, 0xffu, 0x80000000u);
  trace.tell<TraceEvent::open_eth_receive_desc>(0, 0x3ffb0000u, 0x400084u);
  trace.tell<TraceEvent::open_eth_start_xmit>(0, 0x3ffb4000u, 42u, 60u);
  trace.tell<TraceEvent::open_eth_reg_read>(0, 0u, 0xa000u);
  trace.tell<TraceEvent::open_eth_desc_read>(0, 8u, 0x8000u);
  trace.tell<TraceEvent::open_eth_desc_write>(0, 0x3f8u, 0xc000u);
  const std::string p = fmt::format("{}@0.000000:open_eth_", getpid());
  EXPECT_EQ(trace.text(), p + "mii_write MII[0x02] <- 0x1234\n" + p + "mii_read MII[0x10] -> 0x0005\n" + p +
                              "update_irq IRQ <- 0x4\n" + p + "receive RX: len: 60\n" + p +
                              "receive_mcast MCAST: idx = 12, hash: 000000ff:80000000\n" + p +
                              "receive_desc RX: 0x3ffb0000, len_flags: 0x00400084\n" + p +
                              "start_xmit TX: 0x3ffb4000, len: 42, tx_len: 60\n" + p +
                              "reg_read MAC[0x00] -> 0x0000a000\n" + p +
                              "desc_read DESC[0x0008] -> 0x00008000\n" + p +
                              "desc_write DESC[0x03f8] <- 0x0000c000\n");
}

TEST(TraceJson, IsAnObjectALine) {
  Trace trace(TraceFormat::kJson);
  trace.cpu = 1;
  trace.tell<TraceEvent::uart_tx>(2, 0, 65);
  trace.cpu = -1;
  trace.tell<TraceEvent::task_switch>(3, 0, 0x3ffb1234, std::string_view("a\"b\\c\n\xff"));
  trace.tell<TraceEvent::efuse_read>(4);
  EXPECT_EQ(trace.text(),
            "{\"ns\":2000,\"event\":\"uart_tx\",\"core\":1,\"uart\":0,\"byte\":65}\n"
            "{\"ns\":3000,\"event\":\"task_switch\",\"cpu\":0,\"tcb\":1073418804,\"name\":"
            "\"a\\\"b\\\\c\\u000a\\u00ff\"}\n"
            "{\"ns\":4000,\"event\":\"efuse_read\"}\n");
}

// ---- The timeline

// The events of a track, each as "phase name ts" and what else it has of dur and level.
std::vector<std::string> track(const nlohmann::json& trace, std::string_view name) {
  const auto& events = trace.at("traceEvents");
  int tid = -1;
  for (const auto& e : events)
    if (e.value("name", "") == "thread_name" && e.at("args").at("name") == name) tid = e.at("tid");
  EXPECT_NE(tid, -1) << "no track " << name;
  std::vector<std::string> found;
  for (const auto& e : events) {
    if (e.at("tid") != tid || e.at("ph") == "M") continue;
    std::string text =
        fmt::format("{} {} {:.3f}", std::string(e.at("ph")), e.value("name", "-"), double(e.at("ts")));
    if (e.contains("dur")) text += fmt::format(" {:.3f}", double(e.at("dur")));
    if (e.contains("args") && e.at("args").contains("level") && e.at("ph") == "C")
      text += fmt::format(" {}", int(e.at("args").at("level")));
    found.push_back(text);
  }
  return found;
}

TEST(TracePerfetto, ShowsTasksAndWaits) {
  Trace trace(TraceFormat::kPerfetto);
  trace.tell<TraceEvent::task_switch>(10, 0, 0x3ffb0000, std::string_view("main"));
  trace.tell<TraceEvent::task_switch>(12, 1, 0x3ffb1000, std::string_view("IDLE1"));
  trace.tell<TraceEvent::task_switch>(20, 0, 0x3ffb2000, std::string_view("IDLE0"));
  trace.tell<TraceEvent::cpu_waiti>(21, 0, 0);
  trace.tell<TraceEvent::cpu_interrupt>(30, 0, 1, 0x40, 0x400d0000u, 0x40080340u);
  trace.tell<TraceEvent::task_switch>(33, 0, 0x3ffb0000, std::string_view("main"));
  trace.tell<TraceEvent::cpu_interrupt_done>(34, 0, 1);
  const auto json = nlohmann::json::parse(trace.text());
  EXPECT_THAT(track(json, "PRO CPU: tasks"),
              ElementsAre("B main 10.000", "E - 20.000", "B IDLE0 20.000", "B waits 21.000", "E - 30.000",
                          "E - 33.000", "B main 33.000", "E - 34.000"));
  EXPECT_THAT(track(json, "APP CPU: tasks"), ElementsAre("B IDLE1 12.000", "E - 34.000"));
  EXPECT_THAT(track(json, "PRO CPU: interrupts"), ElementsAre("B level 1 30.000", "E - 34.000"));
}

// A handler that was never seen to end is ended by the next interrupt of its level, one inside another stays.
TEST(TracePerfetto, NestsInterruptHandlers) {
  Trace trace(TraceFormat::kPerfetto);
  const auto taken = [&](std::uint64_t us, unsigned level) {
    trace.tell<TraceEvent::cpu_interrupt>(us, 1, level, 1u, 0u, 0u);
  };
  taken(1, 1);
  taken(2, 3);
  trace.tell<TraceEvent::cpu_interrupt_done>(3, 1, 3);
  taken(4, 1);
  taken(5, 5);
  trace.tell<TraceEvent::cpu_reset>(6, 1, 0x40000400u);
  EXPECT_THAT(track(nlohmann::json::parse(trace.text()), "APP CPU: interrupts"),
              ElementsAre("B level 1 1.000", "B level 3 2.000", "E - 3.000", "E - 4.000", "B level 1 4.000",
                          "B level 5 5.000", "E - 6.000", "E - 6.000"));
}

TEST(TracePerfetto, ShowsFramesForAsLongAsTheyTakeOnTheWire) {
  Trace trace(TraceFormat::kPerfetto);
  const auto sent = [&](std::uint64_t us, unsigned length) {
    trace.tell<TraceEvent::ethernet_tx>(us, length, std::string_view("a"), std::string_view("b"), 0x800);
  };
  sent(100, 1514);  // 1538 bytes with what surrounds it: 123.04 us
  sent(110, 42);    // begins before the first is over; padded to 60
  trace.tell<TraceEvent::ethernet_rx>(111, 60, std::string_view("b"), std::string_view("a"), 0x806);
  const auto json = nlohmann::json::parse(trace.text());
  EXPECT_THAT(track(json, "Ethernet: sent"),
              ElementsAre("X 1514 bytes 100.000 10.000", "X 42 bytes 110.000 6.720"));
  EXPECT_THAT(track(json, "Ethernet: received"), ElementsAre("X 60 bytes 111.000 6.720"));
}

TEST(TracePerfetto, ShowsSourcesPadsAndWhateverElseThereIs) {
  Trace trace(TraceFormat::kPerfetto);
  const std::string_view uart = "UART0";
  trace.tell<TraceEvent::interrupt_source>(1, 34, uart, true);
  trace.tell<TraceEvent::interrupt_source>(2, 34, uart, false);
  trace.tell<TraceEvent::interrupt_source>(3, 34, uart, true);
  trace.tell<TraceEvent::gpio_level>(4, 2, true, true);
  trace.tell<TraceEvent::watchdog_stage>(5, std::string_view("timg0"), 0, 1);
  trace.cpu = 1;
  trace.tell<TraceEvent::uart_tx>(6, 0, 65);
  const auto json = nlohmann::json::parse(trace.text());
  EXPECT_THAT(track(json, "source 34 UART0"),
              ElementsAre("B UART0 1.000", "E - 2.000", "B UART0 3.000", "E - 6.000"));
  EXPECT_THAT(track(json, "chip"), ElementsAre("C GPIO2 4.000 1", "i watchdog_stage 5.000"));
  EXPECT_THAT(track(json, "APP CPU: events"), ElementsAre("i uart_tx 6.000"));
}

TEST(TracePerfetto, IsJsonWithoutAnyEvent) {
  Trace trace(TraceFormat::kPerfetto);
  EXPECT_TRUE(nlohmann::json::accept(trace.text()));
}

// ---- The file

TEST(TraceFile, NamesAFileThatCannotBeMade) {
  const auto file = TraceFile::create("/no/such/folder/trace");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), "cannot write /no/such/folder/trace: No such file or directory");
}

TEST(TraceFile, WritesInLargePiecesAndAtTheEnd) {
  const std::string path = fmt::format("{}/trace-file-{}", ::testing::TempDir(), getpid());
  auto file = TraceFile::create(path).value();
  file->write("line\n");
  EXPECT_EQ(std::filesystem::file_size(path), 0u);
  file->write(std::string(TraceFile::kBuffer, 'x'));
  EXPECT_EQ(std::filesystem::file_size(path), TraceFile::kBuffer + 5);
  file->write("end");
  file.reset();
  EXPECT_EQ(std::filesystem::file_size(path), TraceFile::kBuffer + 8);
  std::filesystem::remove(path);
}

TEST(TraceFile, TellsOfAFullDiskOnce) {
  auto file = TraceFile::create("/dev/full").value();
  std::vector<std::string> told;
  file->on_error([&](const std::string& line) { told.push_back(line); });
  file->write("text");
  EXPECT_FALSE(file->failed());
  file->flush();
  EXPECT_TRUE(file->failed());
  file->write("more");
  file->flush();
  EXPECT_THAT(told, ElementsAre("cannot write /dev/full: No space left on device"));
}

TEST(TraceFile, TellsOfAReaderThatHasGone) {
  std::signal(SIGPIPE, SIG_IGN);  // as base::ignore_sigpipe() does for the program
  const std::string path = fmt::format("{}/trace-pipe-{}", ::testing::TempDir(), getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  auto file = TraceFile::create(path).value();
  std::filesystem::remove(path);
  std::vector<std::string> told;
  file->on_error([&](const std::string& line) { told.push_back(line); });
  file->write("text");
  file->flush();
  EXPECT_THAT(told, ElementsAre());
  close(reader);
  file->write("text");
  file->flush();
  EXPECT_THAT(told, ElementsAre(EndsWith("Broken pipe")));
}

}  // namespace
}  // namespace espalier::debug
