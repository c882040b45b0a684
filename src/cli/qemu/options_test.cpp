#include "cli/qemu/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace espalier::cli::qemu {
namespace {

using base::SerialSpec;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = SerialSpec::Kind;

std::expected<Options, std::string> parse_line(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  return parse(arguments);
}

Options options_of(const std::string& line) {
  auto options = parse_line(line);
  EXPECT_TRUE(options) << line << ": " << options.error();
  return options ? *options : Options();
}

std::string error_of(const std::string& line) {
  auto options = parse_line(line);
  EXPECT_FALSE(options) << line;
  return options ? "" : options.error();
}

TEST(QemuOptions, TheMissionsLine) {
  const Options options = options_of(
      "-nographic -machine esp32 -nic user,model=open_eth,id=lo0,hostfwd=tcp::8000-:80 "
      "-drive file=merged_qemu.bin,if=mtd,format=raw");
  const host::SessionOptions& session = options.session;
  EXPECT_EQ(session.image, "merged_qemu.bin");
  EXPECT_TRUE(session.write_through);
  EXPECT_FALSE(session.persist);
  EXPECT_EQ(session.net, host::NetMode::kUser);
  EXPECT_EQ(session.network_id, "lo0");
  ASSERT_EQ(session.publish.size(), 1u);
  EXPECT_EQ(session.publish[0].address, "0.0.0.0") << "an empty address means all of them";
  EXPECT_EQ(session.publish[0].host_port, 8000);
  EXPECT_EQ(session.publish[0].guest_port, 80);
  ASSERT_EQ(options.serial.size(), 3u);
  EXPECT_EQ(options.serial[0].line.kind, Kind::kStdio);
  EXPECT_TRUE(options.serial[0].multiplexed);
  EXPECT_FALSE(options.serial[0].line.signals) << "Ctrl-C is the guest's";
  EXPECT_EQ(options.serial[1].line.kind, Kind::kNone);
  EXPECT_THAT(options.warnings, IsEmpty());
}

TEST(QemuOptions, IdfPysLine) {
  const Options options = options_of(
      "-M esp32 -m 4M -drive file=flash.bin,if=mtd,format=raw -drive "
      "file=efuse.bin,if=none,format=raw,id=efuse "
      "-global driver=nvram.esp32.efuse,property=drive,value=efuse "
      "-global driver=timer.esp32.timg,property=wdt_disable,value=true -nic user,model=open_eth -gdb "
      "tcp::3333 -S "
      "-nographic -serial mon:stdio");
  EXPECT_EQ(options.session.psram_size, 4u << 20);
  EXPECT_EQ(options.session.efuse, "efuse.bin");
  EXPECT_FALSE(options.session.timer_group_watchdogs);
  EXPECT_TRUE(options.session.start_paused);
  ASSERT_TRUE(options.session.gdb);
  EXPECT_EQ(options.session.gdb->port, 3333);
  EXPECT_EQ(options.session.gdb->address, "127.0.0.1");
}

TEST(QemuOptions, PytestEmbeddedsLine) {
  const Options options = options_of(
      "-nographic -machine esp32 -drive file=f.bin,if=mtd,format=raw "
      "-global driver=esp32.gpio,property=strap_mode,value=0x0f -serial tcp::5555,server,nowait "
      "-qmp tcp:127.0.0.1:4444,server,wait=off -no-reboot");
  EXPECT_EQ(options.session.strapping, 0x0fu);
  const SerialSpec& line = options.serial[0].line;
  EXPECT_EQ(line.kind, Kind::kTcp);
  EXPECT_EQ(line.address, "127.0.0.1") << "loopback unless an address is given";
  EXPECT_EQ(line.port, 5555);
  EXPECT_FALSE(line.connect);
  EXPECT_FALSE(line.wait);
  ASSERT_EQ(options.qmp.size(), 1u);
  EXPECT_EQ(options.qmp[0].line.port, 4444);
  ASSERT_EQ(options.monitors.size(), 1u) << "-nographic: the monitor is on the terminal";
  EXPECT_TRUE(options.no_reboot);
}

TEST(QemuOptions, SerialLinesOfAllKinds) {
  const auto line = [](const std::string& text) {
    return options_of("-display none -serial " + text).serial[0].line;
  };
  EXPECT_EQ(line("null").kind, Kind::kNone);
  EXPECT_EQ(line("pty").kind, Kind::kPty);
  EXPECT_EQ(line("file:out.txt").path, "out.txt");
  EXPECT_TRUE(line("stdio").signals);
  EXPECT_TRUE(line("stdio").plain_keys);
  EXPECT_TRUE(line("tcp:127.0.0.1:23").connect);
  EXPECT_TRUE(line("tcp:0.0.0.0:23,server").wait) << "a server waits for its first client";
  EXPECT_EQ(line("tcp:[::1]:23,server=on,wait=off").address, "::1");
  EXPECT_TRUE(line("telnet::23,server,nowait").telnet);
  EXPECT_EQ(line("unix:/tmp/a.sock,server,nowait").path, "/tmp/a.sock");
  const Options named = options_of(
      "-display none -chardev socket,id=c,host=127.0.0.1,port=7,server=on,wait=off -serial chardev:c");
  EXPECT_EQ(named.serial[0].line.port, 7);
  EXPECT_FALSE(named.serial[0].line.wait);
  const Options three = options_of("-serial null -serial pty -serial stdio");
  EXPECT_EQ(three.session.serial[1].kind, Kind::kPty);
  EXPECT_EQ(three.session.serial[2].kind, Kind::kStdio);
}

TEST(QemuOptions, WhoWritesToTheFlash) {
  EXPECT_TRUE(options_of("-drive file=f,if=mtd").session.write_through);
  EXPECT_FALSE(options_of("-drive file=f,if=mtd,readonly=on").session.write_through);
  EXPECT_FALSE(options_of("-drive file=f,if=mtd -snapshot").session.write_through);
  EXPECT_TRUE(options_of("-nographic").session.any_flash) << "no drive: a blank one";
}

TEST(QemuOptions, Networks) {
  const Options user = options_of(
      "-netdev "
      "user,id=n,net=192.168.7.0/24,dhcpstart=192.168.7.9,restrict=on,ipv6=off,hostfwd=udp:127.0.0.1:5-:6 "
      "-net nic,model=open_eth,netdev=n -object filter-dump,id=d,netdev=n,file=x.pcap");
  EXPECT_EQ(user.session.slirp.network, "192.168.7.0");
  EXPECT_EQ(user.session.slirp.host, "192.168.7.2");
  EXPECT_EQ(user.session.slirp.guest, "192.168.7.9");
  EXPECT_TRUE(user.session.slirp.restricted);
  EXPECT_FALSE(user.session.slirp.ipv6);
  EXPECT_TRUE(user.session.publish.at(0).udp);
  EXPECT_EQ(user.session.pcap, "x.pcap");
  const Options tap = options_of("-nic tap,model=open_eth,ifname=tap3,script=no,downscript=no");
  EXPECT_EQ(tap.session.net, host::NetMode::kTap);
  EXPECT_EQ(tap.session.tap, "tap3");
  const Options socket =
      options_of("-netdev socket,id=s,connect=127.0.0.1:4000 -net nic,model=open_eth,netdev=s");
  EXPECT_EQ(socket.session.net, host::NetMode::kSocket);
  EXPECT_EQ(socket.session.link.text(), "connect:127.0.0.1:4000");
  EXPECT_EQ(options_of("-nic socket,model=open_eth,listen=:4000").session.link.text(), "listen:0.0.0.0:4000");
  EXPECT_EQ(options_of("-nic none").session.net, host::NetMode::kNone);
  const Options other = options_of("-nic user,model=e1000");
  EXPECT_EQ(other.session.net, host::NetMode::kNone);
  EXPECT_THAT(other.warnings, ElementsAre(HasSubstr("model e1000")));
}

TEST(QemuOptions, ANicsIdIsItsNetworks) {
  const Options options = options_of("-nic user,id=lan -object filter-dump,id=d,netdev=lan,file=x.pcap");
  EXPECT_EQ(options.session.network_id, "lan");
  EXPECT_EQ(options.session.pcap, "x.pcap");
  EXPECT_EQ(options_of("-netdev user,id=n -net nic,netdev=n").session.network_id, "n");
  EXPECT_EQ(options_of("-nic user").session.network_id, "net0") << "it has to have some name";
  EXPECT_THAT(error_of("-nic user,id=lan -object filter-dump,id=d,netdev=wan,file=x"), HasSubstr("'wan'"));
}

TEST(QemuOptions, GdbIsThisHostsAloneUnlessAnAddressIsGiven) {
  for (const auto& [line, address, port] : {
           std::tuple{"-s", "127.0.0.1", 1234},
           std::tuple{"-gdb tcp::3333", "127.0.0.1", 3333},
           std::tuple{"-gdb tcp:127.0.0.1:3333,server,nowait", "127.0.0.1", 3333},
           std::tuple{"-gdb tcp:0.0.0.0:3333", "0.0.0.0", 3333},
           std::tuple{"-gdb tcp:[::]:3333", "::", 3333},
       }) {
    const auto gdb = options_of(line).session.gdb;
    ASSERT_TRUE(gdb) << line;
    EXPECT_EQ(gdb->address, address) << line;
    EXPECT_EQ(gdb->port, port) << line;
  }
}

TEST(QemuOptions, TimeTracesAndLogs) {
  EXPECT_EQ(options_of("-icount 3,sleep=off").session.clock, esp32::ClockMode::kWarp);
  const Options plain = options_of("-icount shift=3");
  EXPECT_EQ(plain.session.clock, esp32::ClockMode::kRealtime);
  EXPECT_THAT(plain.warnings, ElementsAre(HasSubstr("sleep=off")));
  const Options traced =
      options_of("--trace open_eth* -trace events=list,file=out -d unimp,int,in_asm,nochain");
  EXPECT_THAT(traced.trace, ElementsAre("open_eth*"));
  EXPECT_THAT(traced.trace_events_files, ElementsAre("list"));
  EXPECT_EQ(traced.debug_log, "out");
  EXPECT_EQ(traced.session.log, "debug,unimp");
  EXPECT_TRUE(traced.log_interrupts);
  EXPECT_TRUE(traced.log_code);
}

TEST(QemuOptions, QuestionsAreAnswered) {
  EXPECT_THAT(options_of("-machine help").answer, HasSubstr("esp32                Espressif ESP32 machine"));
  EXPECT_THAT(options_of("-nic model=help").answer, HasSubstr("open_eth"));
  EXPECT_THAT(options_of("-version").answer, HasSubstr("QEMU emulator version 7.2.0"));
  EXPECT_THAT(options_of("--help").answer, HasSubstr("-drive"));
  EXPECT_THAT(options_of("-d help").answer, HasSubstr("in_asm"));
}

TEST(QemuOptions, WhatMakesNoSenseHereIsAcceptedWithAWarning) {
  const Options options =
      options_of("-display sdl -rtc base=utc -global driver=ssi_psram,property=is_octal,value=true");
  EXPECT_THAT(options.warnings,
              ElementsAre(HasSubstr("-display"), HasSubstr("-rtc"), HasSubstr("ssi_psram.is_octal")));
}

TEST(QemuOptions, MistakesAreNamed) {
  for (const auto& [line, what] : {
           std::pair{"-foo", "-foo: invalid option"},
           std::pair{"-drive", "-drive: requires an argument"},
           std::pair{"flash.bin", "-drive file=flash.bin,if=mtd,format=raw"},
           std::pair{"-machine virt", "unsupported machine type"},
           std::pair{"-smp 3", "Invalid SMP CPUs 3"},
           std::pair{"-m lots", "expects a size"},
           std::pair{"-drive file=f,if=mtd,format=qcow2", "format 'qcow2'"},
           std::pair{"-drive file=f,if=ide", "if=ide"},
           std::pair{"-drive if=mtd", "no file given"},
           std::pair{"-drive file=f,if=mtd,colour=red", "'colour'"},
           std::pair{"-drive file=a,if=mtd -drive file=b,if=mtd", "one flash only"},
           std::pair{"-nic user,foo=bar", "Invalid parameter 'foo'"},
           std::pair{"-nic user,hostfwd=tcp:8000:80", "Invalid host forwarding rule 'tcp:8000:80'"},
           std::pair{"-nic user,net=10.0.2.0/99", "net="},
           std::pair{"-nic user,restrict=maybe", "'on' or 'off'"},
           std::pair{"-nic tap,script=/etc/qemu-ifup", "no scripts are run"},
           std::pair{"-nic bridge", "network backend 'bridge'"},
           std::pair{"-nic user -nic user", "second NIC"},
           std::pair{"-net nic,netdev=n", "can't find value 'n'"},
           std::pair{"-object rng-random,id=r", "invalid object type: rng-random"},
           std::pair{"-serial foo:bar", "'foo:bar' is not a valid char driver"},
           std::pair{"-serial tcp:5555", "port not specified"},
           std::pair{"-serial stdio -monitor stdio", "stdio"},
           std::pair{"-serial chardev:x", "chardev 'x' not found"},
           std::pair{"-gdb tcp::99999", "99999"},
           std::pair{"-global driver=nvram.esp32.efuse,property=drive,value=e", "can't find value 'e'"},
           std::pair{"-global driver=esp32.gpio,property=strap_mode,value=x", "expects a number"},
           std::pair{"-d everything", "no log item"},
       }) {
    const std::string error = error_of(line);
    EXPECT_THAT(error, HasSubstr(what)) << line;
  }
}

}  // namespace
}  // namespace espalier::cli::qemu
