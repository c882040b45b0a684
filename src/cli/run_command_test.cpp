#include "cli/run_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "devices/gpio.h"
#include "image/image_test_support.h"

namespace espalier::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What `espalier run ARGUMENTS` understands.
struct Outcome {
  int code = -1;
  std::optional<host::SessionOptions> options;
  std::string errors;
};

Outcome run(std::vector<std::string> arguments) {
  Outcome outcome;
  arguments.insert(arguments.begin(), "run");
  testing::internal::CaptureStderr();
  outcome.code = run_cli(arguments, [&](const host::SessionOptions& options) {
    outcome.options = options;
    return 7;
  });
  outcome.errors = testing::internal::GetCapturedStderr();
  return outcome;
}

void expect_refused(std::vector<std::string> arguments, std::string_view what) {
  Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.code, kBadInput) << testing::PrintToString(arguments);
  EXPECT_FALSE(outcome.options);
  EXPECT_THAT(outcome.errors, HasSubstr(what));
  EXPECT_EQ(std::ranges::count(outcome.errors, '\n'), 1) << outcome.errors;
  EXPECT_TRUE(outcome.errors.starts_with("espalier: "));
}

TEST(RunCommand, AReplicaHasAnIdentity) {
  const Outcome third = run({"--demo", "--identity", "sensor-3"});
  ASSERT_TRUE(third.options) << third.errors;
  EXPECT_EQ(third.options->slirp.hostname, "sensor-3");
  ASSERT_TRUE(third.options->mac);
  const Outcome fourth = run({"--demo", "--identity", "sensor-4"});
  ASSERT_TRUE(fourth.options) << fourth.errors;
  EXPECT_NE(third.options->mac, fourth.options->mac);
  // What is said more exactly holds.
  const Outcome other = run({"--demo", "--identity", "sensor-3", "--mac", "02:00:00:00:00:04"});
  ASSERT_TRUE(other.options) << other.errors;
  EXPECT_EQ(*other.options->mac, (host::MacAddress{2, 0, 0, 0, 0, 4}));
  // A container by itself, whose host name is no replica's: an address of its own, whatever it is.
  const Outcome any = run({"--demo", "--identity", "auto"});
  ASSERT_TRUE(any.options) << any.errors;
  EXPECT_TRUE(any.options->mac);
  expect_refused({"--demo", "--identity", "sensor"}, "--identity: 'sensor' has no ordinal");
}

TEST(RunCommand, StatsAreAskedFor) {
  Outcome outcome = run({"--demo", "--stats"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_TRUE(outcome.options->stats);
}

// A tool that is to flash the chip need not find an image there.
TEST(RunCommand, StrappingPins) {
  Outcome outcome = run({"--demo"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_FALSE(outcome.options->strapping);
  outcome = run({"--demo", "--strap", "flash"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.options->strapping, devices::Gpio::kStrapFlashBoot);
  EXPECT_FALSE(outcome.options->any_flash);
  outcome = run({"--strap", "download"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.options->strapping, devices::Gpio::kStrapDownload);
  EXPECT_TRUE(outcome.options->any_flash);
  expect_refused({"--strap", "flash"}, "which image?");
  expect_refused({"--strap", "download", "--persist"}, "--persist: there is no image file to write to");
}

TEST(RunCommand, TheDebuggersDoor) {
  Outcome outcome = run({"--demo"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_FALSE(outcome.options->gdb);
  EXPECT_FALSE(outcome.options->start_paused);
  outcome = run({"--demo", "--gdb", "0.0.0.0:3333"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.options->gdb, (debug::GdbAddress{"0.0.0.0", 3333}));
  EXPECT_FALSE(outcome.options->start_paused);
  outcome = run({"--demo", "--gdb-wait"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.options->gdb, (debug::GdbAddress{"127.0.0.1", 1234}));
  EXPECT_TRUE(outcome.options->start_paused);
  outcome = run({"--demo", "--gdb-wait", "--gdb", "0"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.options->gdb, (debug::GdbAddress{"127.0.0.1", 0}));
  expect_refused({"--demo", "--gdb", "here:1"}, "'here:1'");
  expect_refused({"--demo", "--gdb", "70000"}, "'70000'");
  expect_refused({"--demo", "--gdb", "0", "--elf", "/nowhere/a.elf"}, "/nowhere/a.elf");
}

TEST(DebugCommand, WaitsForADebugger) {
  std::optional<host::SessionOptions> options;
  const int code = run_cli({"debug", "--demo", "--gdb", "0"}, [&](const host::SessionOptions& parsed) {
    options = parsed;
    return 7;
  });
  EXPECT_EQ(code, 7);
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->start_paused);
  EXPECT_EQ(options->gdb, (debug::GdbAddress{"127.0.0.1", 0}));
}

TEST(RunCommand, Defaults) {
  Outcome outcome = run({"--demo"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.code, 7);
  const host::SessionOptions& options = *outcome.options;
  EXPECT_TRUE(options.demo);
  EXPECT_EQ(options.serial[0].kind, base::SerialSpec::Kind::kStdio);
  EXPECT_EQ(options.serial[1].kind, base::SerialSpec::Kind::kNone);
  EXPECT_EQ(options.serial[2].kind, base::SerialSpec::Kind::kNone);
  EXPECT_EQ(options.net, host::NetMode::kUser);
  EXPECT_EQ(options.clock, esp32::ClockMode::kRealtime);
  EXPECT_EQ(options.cpus, 2u);
  EXPECT_EQ(options.psram_size, 0u);
  EXPECT_FALSE(options.stats || options.persist || options.mac || options.timeout_seconds ||
               options.reset_limit || options.flash_size);
  EXPECT_THAT(options.publish, IsEmpty());
  EXPECT_THAT(options.until, IsEmpty());
}

TEST(RunCommand, TakesEveryOption) {
  image::test::TemporaryFolder folder;
  std::string file = folder.write("flash.bin", "x").string();
  Outcome outcome = run({"-p",
                         "8000:80",
                         file,
                         "--publish",
                         "0.0.0.0:5353:53/udp",
                         "--pcap",
                         "out.pcap",
                         "--serial",
                         "tcp:127.0.0.1:5555",
                         "--serial1",
                         "unix:/tmp/u1",
                         "--serial2",
                         "file:/tmp/u2",
                         "--until",
                         "first",
                         "--until",
                         "--- second ---",
                         "--timeout",
                         "2.5",
                         "--clock",
                         "warp",
                         "--engine",
                         "interp",
                         "--rom",
                         file,
                         "--mac",
                         "24:0A:c4:00-01-10",
                         "--efuse",
                         file,
                         "--flash-size",
                         "8MB",
                         "--psram",
                         "4M",
                         "--cpus",
                         "1",
                         "--persist",
                         "--reset-limit",
                         "3",
                         "--log",
                         "debug,unimp"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  const host::SessionOptions& options = *outcome.options;
  EXPECT_EQ(options.image, file);
  ASSERT_EQ(options.publish.size(), 2u);
  EXPECT_EQ(options.publish[0].host_port, 8000);
  EXPECT_EQ(options.publish[1].address, "0.0.0.0");
  EXPECT_TRUE(options.publish[1].udp);
  EXPECT_EQ(options.pcap, "out.pcap");
  EXPECT_EQ(options.serial[0],
            (base::SerialSpec{.kind = base::SerialSpec::Kind::kTcp, .address = "127.0.0.1", .port = 5555}));
  EXPECT_EQ(options.serial[1], (base::SerialSpec{.kind = base::SerialSpec::Kind::kUnix, .path = "/tmp/u1"}));
  EXPECT_EQ(options.serial[2], (base::SerialSpec{.kind = base::SerialSpec::Kind::kFile, .path = "/tmp/u2"}));
  EXPECT_THAT(options.until, ElementsAre("first", "--- second ---"));
  EXPECT_EQ(options.timeout_seconds, 2.5);
  EXPECT_EQ(options.clock, esp32::ClockMode::kWarp);
  EXPECT_EQ(options.rom, file);
  EXPECT_EQ(options.mac, (devices::MacAddress{0x24, 0x0a, 0xc4, 0x00, 0x01, 0x10}));
  EXPECT_EQ(options.efuse, file);
  EXPECT_EQ(options.flash_size, 8u << 20);
  EXPECT_EQ(options.psram_size, 4u << 20);
  EXPECT_EQ(options.cpus, 1u);
  EXPECT_TRUE(options.persist);
  EXPECT_EQ(options.reset_limit, 3u);
  EXPECT_EQ(options.log, "debug,unimp");
}

TEST(RunCommand, TakesWhatIsToBeTraced) {
  Outcome outcome = run({"--demo", "--trace", "open_eth_*,-*_desc_*", "--trace", "reset", "--trace-file",
                         "t.json", "--trace-format", "json"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_THAT(outcome.options->trace.patterns, ElementsAre("open_eth_*,-*_desc_*", "reset"));
  EXPECT_EQ(outcome.options->trace.file, "t.json");
  EXPECT_EQ(outcome.options->trace.format, debug::TraceFormat::kJson);
  EXPECT_TRUE(outcome.options->trace.wanted());
  EXPECT_FALSE(run({"--demo"}).options->trace.wanted());
  EXPECT_TRUE(run({"--demo", "--trace-format", "perfetto"}).options->trace.wanted());
  // A pattern takes one argument: what follows may be the image.
  EXPECT_TRUE(run({"--trace", "reset", "--demo"}).options);
  expect_refused({"--demo", "--trace-format", "xml"},
                 "--trace-format: 'xml' is none of text, json, perfetto");
  expect_refused({"--demo", "--elf", "/no/such.elf"}, "/no/such.elf: No such file or directory");
}

TEST(RunCommand, TakesWaveformAndProfile) {
  image::test::TemporaryFolder folder;
  const std::string elf = folder.write("program.elf", "x").string();
  const Outcome outcome = run({"--demo", "--vcd", "pads.vcd", "--profile", elf, "--profile-file", "stacks"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_EQ(outcome.options->vcd, "pads.vcd");
  EXPECT_EQ(outcome.options->profile, elf);
  EXPECT_EQ(outcome.options->profile_file, "stacks");
  EXPECT_EQ(run({"--demo"}).options->profile_file, "profile.folded");
  expect_refused({"--demo", "--profile", "/no/such.elf"}, "/no/such.elf: No such file or directory");
}

TEST(RunCommand, CoverageAndCallTracesTakeAnElfFile) {
  image::test::TemporaryFolder folder;
  const std::string elf = folder.write("program.elf", "x").string();
  const Outcome counted = run({"--demo", "--coverage", elf, "--coverage-file", "lines"});
  ASSERT_TRUE(counted.options) << counted.errors;
  EXPECT_EQ(counted.options->coverage, elf);
  EXPECT_EQ(counted.options->coverage_file, "lines");
  EXPECT_EQ(run({"--demo"}).options->coverage_file, "espalier.info");
  const Outcome followed = run({"--call-trace", elf, "--call-trace-filter", "tcp:80", "--call-trace-filter",
                                "udp", "--call-trace-requests", "3", "--call-trace-depth", "9", "--demo"});
  ASSERT_TRUE(followed.options) << followed.errors;
  EXPECT_EQ(followed.options->call_trace, elf);
  EXPECT_EQ(followed.options->call_trace_file, "-");
  const debug::CallTraceOptions& calls = followed.options->calls;
  ASSERT_EQ(calls.filters.size(), 2u);
  EXPECT_EQ(calls.filters[0].port, 80);
  EXPECT_FALSE(calls.filters[1].tcp);
  EXPECT_EQ(calls.requests, 3u);
  EXPECT_EQ(calls.depth, 9u);
  EXPECT_EQ(run({"--demo"}).options->calls.requests, 1u);
  expect_refused({"--demo", "--coverage", "/no/such.elf"}, "/no/such.elf: No such file or directory");
  expect_refused({"--demo", "--call-trace", "/no/such.elf"}, "/no/such.elf: No such file or directory");
  expect_refused({"--demo", "--call-trace", elf, "--net", "none"}, "--net user");
  expect_refused({"--demo", "--call-trace-filter", "icmp"}, "'icmp' is no filter");
  expect_refused({"--demo", "--call-trace-format", "perfetto", "--call-trace-requests", "2"}, "one request");
}

// Without an image: nothing is run.
TEST(RunCommand, ListsTheEventsWithoutAnImage) {
  const Outcome outcome = run({"--trace", "help"});
  ASSERT_TRUE(outcome.options) << outcome.errors;
  EXPECT_TRUE(outcome.options->lists_events());
  EXPECT_FALSE(run({"--demo", "--trace", "reset"}).options->lists_events());
}

TEST(RunCommand, NeedsOneThingToRun) {
  expect_refused({}, "which image?");
  expect_refused({"--demo", "flash.bin"}, "not both");
  expect_refused({"/nonexistent/flash.bin"}, "/nonexistent/flash.bin: No such file");
  expect_refused({"one.bin", "two.bin"}, "two.bin");
}

TEST(RunCommand, RefusesValuesThatMeanNothing) {
  expect_refused({"--demo", "--nonsense"}, "--nonsense");
  expect_refused({"--demo", "-p", "80"}, "--publish");
  expect_refused({"--demo", "-p", "99999:80"}, "--publish");
  expect_refused({"--demo", "--net", "tap"}, "--net: 'tap' is none of user, none");
  expect_refused({"--demo", "--net", "connect:4000"}, "--net: 'connect:4000': the address is missing");
  expect_refused({"--demo", "--net", "listen:4000", "-p", "8000:80"}, "--publish needs --net user");
  expect_refused({"--demo", "--clock", "slow"}, "realtime, warp");
  expect_refused({"--demo", "--engine", "tcg"}, "--engine: 'tcg' is none of jit, interp");
  expect_refused({"--demo", "--psram", "8M"}, "0, 2M, 4M");
  expect_refused({"--demo", "--strap", "0x0f"}, "--strap: '0x0f' is none of flash, download");
  expect_refused({"--demo", "--cpus", "3"}, "1, 2");
  expect_refused({"--demo", "--flash-size", "3M"}, "--flash-size");
  expect_refused({"--demo", "--until", ""}, "--until");
  expect_refused({"--demo", "--log", "loud"}, "--log");
  expect_refused({"--demo", "--rom", "/nonexistent/rom.elf"}, "/nonexistent/rom.elf: No such file");
  expect_refused({"--demo", "--timeout"}, "--timeout");
  for (const char* seconds : {"0", "-1", "x", "1s", "nan", "inf", "1e999", ""}) {
    expect_refused({"--demo", "--timeout", seconds}, "--timeout");
  }
  for (const char* count : {"-1", "x", "1.5", "4294967296"})
    expect_refused({"--demo", "--reset-limit", count}, "--reset-limit");
}

TEST(RunCommand, RefusesOptionsThatContradict) {
  expect_refused({"--demo", "--persist"}, "--persist");
  image::test::TemporaryFolder folder;
  expect_refused({folder.path().string(), "--persist"}, "is a build folder");
  expect_refused({"--demo", "--net", "none", "-p", "8000:80"}, "--publish needs --net user");
  expect_refused({"--demo", "--serial1", "stdio"}, "only one of");
  EXPECT_TRUE(run({"--demo", "--serial", "none", "--serial1", "stdio"}).options);
}

TEST(RunCommand, IsMissingWithoutARunner) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_cli({"run", "--demo"}, {}), kBadInput);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("run"));
}

TEST(RunCommand, AnExceptionIsTheEmulatorsFault) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_cli({"run", "--demo"},
                    [](const host::SessionOptions&) -> int { throw std::runtime_error("lost\nit"); }),
            kEmulatorFault);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "espalier: fault of the emulator: lost it\n");
}

}  // namespace
}  // namespace espalier::cli
