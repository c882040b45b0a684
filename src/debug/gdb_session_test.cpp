// A debugger's conversation with a real machine.
#include "debug/gdb_session.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "debug/free_rtos_guest_test_support.h"
#include "debug/gdb_registers.h"
#include "esp32/guest_program_test_support.h"

namespace espalier::debug {
namespace {

using esp32::Machine;
using esp32::testing_support::kEntry;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using xtensa::Engine;

constexpr std::uint32_t kData = esp32::kSram2 + 0x10000;
constexpr std::uint32_t kCode = esp32::kSram0 + 0x8000, kOther = kCode + 0x1000;

class GdbSessionTest : public ::testing::TestWithParam<Engine> {
 protected:
  GdbSessionTest() {
    esp32::MachineOptions options;
    options.rom = std::make_shared<esp32::SharedRom>(rom::Rom());
    options.flash = esp32::testing_support::flash_with("self: j self");
    options.clock = esp32::ClockMode::kWarp;
    options.engine = GetParam();
    machine = Machine::create(options).value();
    for (unsigned cpu = 0; cpu < 2; ++cpu) machine->core(cpu).set_jit_threshold(1);
    control = std::make_unique<RunControl>(*machine, false);
    target = std::make_unique<GdbTarget>(GdbTarget{*machine, *control, {}, {}});
    for (int n = 0; n < 100'000 && machine->core(0).state().pc != kEntry; ++n)
      if (machine->run_round() == Machine::Progress::kIdle) machine->skip_idle();
    EXPECT_EQ(machine->core(0).state().pc, kEntry);
  }
  void start(unsigned cpu, std::string_view program, std::uint32_t at) {
    EXPECT_TRUE(esp32::testing_support::start_at(*machine, cpu, program, at, kData));
  }
  void connect() {
    session.reset();
    received.clear();
    session = std::make_unique<GdbSession>(*target, [this](std::string_view bytes) { received += bytes; });
    EXPECT_FALSE(control->running());
    EXPECT_EQ(ask("QStartNoAckMode"), "OK");
    session->receive(bytes_of("+"));
  }
  static std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }
  void run(int rounds) {
    while (rounds-- > 0 && control->running())
      if (machine->run_round() == Machine::Progress::kIdle) machine->skip_idle();
  }
  // The next packet that has come, or nothing.
  std::optional<std::string> next() {
    const auto inputs = GdbPacketReader().feed(bytes_of(received));
    for (const GdbInput& input : inputs) {
      if (input.kind != GdbInput::Kind::kPacket) continue;
      received.erase(0, received.find('#') + 3);
      return input.payload;
    }
    return std::nullopt;
  }
  std::string ask(std::string_view packet) {
    session->receive(bytes_of(gdb_frame(packet)));
    return next().value_or("(no reply)");
  }
  // Lets the machine go on and returns why it has stopped.
  std::string go(std::string_view packet, int rounds = 2000) {
    session->receive(bytes_of(gdb_frame(packet)));
    for (; rounds > 0; --rounds) {
      if (auto reply = next()) return *reply;
      run(1);
    }
    return "(runs)";
  }
  std::uint32_t pc(unsigned cpu = 0) { return machine->core(cpu).state().pc; }
  std::string word(std::uint32_t value) {
    return fmt::format("{:02x}{:02x}{:02x}{:02x}", value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff,
                       value >> 24);
  }

  std::unique_ptr<Machine> machine;
  std::unique_ptr<RunControl> control;
  std::unique_ptr<GdbTarget> target;
  std::unique_ptr<GdbSession> session;
  std::string received;
};

constexpr std::string_view kCount = "again: addi a2, a2, 1; j again";
constexpr std::string_view kStores = "again: addi a2, a2, 1; s32i a2, a3, 8; l32i a4, a3, 8; j again";

TEST_P(GdbSessionTest, SaysWhatItCan) {
  connect();
  const std::string supported = ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386");
  for (const char* feature :
       {"PacketSize=4000", "vContSupported+", "swbreak+", "hwbreak+", "qXfer:features:read+",
        "qXfer:memory-map:read+", "qXfer:threads:read+", "QStartNoAckMode+"})
    EXPECT_THAT(supported, HasSubstr(feature));
  EXPECT_EQ(ask("?"), "T05thread:1;core:0;");
  EXPECT_EQ(ask("vCont?"), "vCont;c;C;s;S;r");
  EXPECT_EQ(ask("qAttached"), "1");
  EXPECT_EQ(ask("vMustReplyEmpty"), "");
  EXPECT_EQ(ask("qCRC:0,4"), "");
}

TEST_P(GdbSessionTest, RegistersInEachForm) {
  start(0, kCount, kCode);
  connect();
  xtensa::Core& core = machine->core(0);
  core.state().fr[3] = 0x3f800000;
  core.write_special(xtensa::Sr::MISC2, 0x11223344);
  const std::string g = ask("g");
  EXPECT_EQ(g.size(), 2u * 420);
  EXPECT_EQ(g.substr(0, 8), word(kCode));
  EXPECT_EQ(g.substr(8 * (87 + 3), 8), "0000803f");
  EXPECT_THAT(ask("qRcmd," + to_hex(std::string_view("registers all"))), HasSubstr("363238"));
  const std::string all = ask("g");
  EXPECT_EQ(all.size(), 2u * 628);
  EXPECT_EQ(all.substr(0, 8 * 105), g);
  EXPECT_EQ(all.substr(8 * 155, 8), "44332211");
  ask("qRcmd," + to_hex(std::string_view("registers window")));
  EXPECT_EQ(ask("g").size(), 2u * 692);

  // One by one, also those that are not among them: 0x9d is a0, 0x92 PRID.
  core.set_a(5, 0xabcdef01);
  EXPECT_EQ(ask("pa2"), "01efcdab");
  EXPECT_EQ(ask("p92"), "cdcd0000");
  EXPECT_EQ(ask("P9b=78563412"), "OK");
  EXPECT_EQ(core.state().misc[2], 0x12345678u);
  EXPECT_EQ(ask("Pa2=04030201"), "OK");
  EXPECT_EQ(core.a(5), 0x01020304u);
  EXPECT_EQ(ask("pad"), "E16");
  EXPECT_EQ(ask("P0=0"), "E16");
  // As another core sees itself.
  EXPECT_EQ(ask("Hg2"), "OK");
  EXPECT_EQ(ask("p92"), "abab0000");
  EXPECT_EQ(ask("Hg9"), "E03");
}

TEST_P(GdbSessionTest, AllRegistersAreWrittenBackInEachForm) {
  start(0, kCount, kCode);
  connect();
  for (const char* form : {"registers core", "registers all", "registers window"}) {
    ask("qRcmd," + to_hex(std::string_view(form)));
    const xtensa::State before = machine->core(0).state();
    std::string g = ask("g");
    EXPECT_EQ(ask("G" + g), "OK");
    const xtensa::State& after = machine->core(0).state();
    EXPECT_EQ(after.ar, before.ar);
    EXPECT_EQ(after.ps, before.ps);
    EXPECT_EQ(after.windowbase, before.windowbase);
    EXPECT_EQ(after.interrupt, before.interrupt);
    EXPECT_EQ(after.ccount_offset, before.ccount_offset);
    g.replace(0, 8, word(kCode + 3));
    g.replace(8 * 76, 8, "xxxxxxxx");
    EXPECT_EQ(ask("G" + g), "OK");
    EXPECT_EQ(pc(), kCode + 3);
    EXPECT_EQ(ask("G" + g.substr(1)), "E16");
    EXPECT_EQ(ask("G" + g.substr(8) + "0000000g"), "E16");
  }
  EXPECT_EQ(ask("G" + std::string(8 * 174, '0')), "E16");
}

TEST_P(GdbSessionTest, TargetDescriptionAndMemoryMap) {
  connect();
  std::string xml;
  for (std::size_t at = 0;; at = xml.size()) {
    const std::string piece = ask(fmt::format("qXfer:features:read:target.xml:{:x},100", at));
    ASSERT_FALSE(piece.empty());
    xml += piece.substr(1);
    if (piece[0] == 'l') break;
    ASSERT_EQ(piece[0], 'm');
  }
  EXPECT_EQ(xml, gdb_target_description());
  EXPECT_THAT(xml, HasSubstr("<reg name=\"ar63\" bitsize=\"32\" type=\"uint32\" regnum=\"64\""));
  EXPECT_THAT(xml, HasSubstr("<reg name=\"fsr\" bitsize=\"32\" type=\"uint32\" regnum=\"104\""));
  EXPECT_THAT(xml, HasSubstr("<reg name=\"misc3\" bitsize=\"32\" type=\"uint32\" regnum=\"156\""));
  EXPECT_THAT(xml, HasSubstr("<reg name=\"a15\" bitsize=\"32\" type=\"uint32\" regnum=\"172\""));
  EXPECT_EQ(ask("qXfer:features:read:other.xml:0,100"), "E00");
  EXPECT_EQ(ask("qXfer:features:write:target.xml:0,100"), "");
  EXPECT_EQ(ask("qXfer:features:read:target.xml:ffffffff,ffffffff"), "l");
  EXPECT_EQ(ask("qXfer:features:read:target.xml:0"), "E16");
  const std::string map = ask("qXfer:memory-map:read::0,1fff");
  EXPECT_THAT(map, HasSubstr("<memory type=\"rom\" start=\"0x40000000\" length=\"0x70000\"/>"));
  EXPECT_THAT(map, HasSubstr("<memory type=\"ram\" start=\"0x3ffae000\" length=\"0x52000\"/>"));
}

TEST_P(GdbSessionTest, Memory) {
  connect();
  EXPECT_EQ(ask(fmt::format("M{:x},4:01020304", kData)), "OK");
  EXPECT_EQ(ask(fmt::format("X{:x},5:a#$}}*", kData + 4)), "OK");
  EXPECT_EQ(ask(fmt::format("m{:x},9", kData)), "01020304" + to_hex(std::string_view("a#$}*")));
  EXPECT_EQ(ask("m0,4"), "E0e");
  EXPECT_EQ(ask("M0,1:00"), "E0e");
  EXPECT_EQ(ask("m50001ffe,10"), "0000");  // up to the end of RTC memory
  EXPECT_EQ(ask("mffffffff,10"), "E0e");
  EXPECT_EQ(ask(fmt::format("m{:x},0", kData)), "");
  EXPECT_EQ(ask(fmt::format("m{:x},ffffffff", kData)).size(), GdbPacketReader::kMaxPayload);
  for (const char* wrong :
       {"m", "m1", "mx,4", "M3ffb0000,4:00", "M3ffb0000,1:0x", "M3ffb0000", "X3ffb0000,4:a"})
    EXPECT_EQ(ask(wrong), "E16") << wrong;
}

TEST_P(GdbSessionTest, ReadingARegisterHasNoEffect) {
  connect();
  devices::Uart& uart = machine->chip().uart[1];
  const std::vector<std::uint8_t> typed = {'a', 'b'};
  control->resume();
  uart.receive(typed);
  run(20);
  control->pause();
  constexpr std::uint32_t kFifo = 0x3ff50000, kStatus = kFifo + 0x1c;
  const std::string status = ask(fmt::format("m{:x},4", kStatus));
  EXPECT_EQ(status.substr(0, 2), "02");  // RXFIFO_CNT
  for (int n = 0; n < 3; ++n) EXPECT_EQ(ask(fmt::format("m{:x},4", kFifo)), word('a'));
  EXPECT_EQ(ask(fmt::format("m{:x},4", kStatus)), status);
  // Writing has what the guest's store would have: here the byte leaves.
  std::string sent;
  uart.on_transmit = [&](std::span<const std::uint8_t> bytes) { sent.append(bytes.begin(), bytes.end()); };
  EXPECT_EQ(ask(fmt::format("M{:x},4:58000000", kFifo)), "OK");
  control->resume();
  run(200);
  EXPECT_EQ(sent, "X");
}

TEST_P(GdbSessionTest, BreakpointsOnBothCores) {
  start(0, kCount, kCode);
  start(1, kCount, kOther);
  connect();
  const std::string z0 = fmt::format("0,{:x},3", kOther + 3), z1 = fmt::format("1,{:x},3", kCode);
  EXPECT_EQ(ask("Z" + z0), "OK");
  EXPECT_EQ(go("c"), "T05thread:2;core:1;swbreak:;");
  EXPECT_EQ(pc(1), kOther + 3);
  EXPECT_EQ(ask("p0"), word(kOther + 3));  // it is the selected thread now
  EXPECT_EQ(ask("?"), "T05thread:2;core:1;swbreak:;");
  EXPECT_EQ(control->state(), RunState::kDebug);
  EXPECT_EQ(go("vCont;c"), "T05thread:2;core:1;swbreak:;");
  EXPECT_EQ(ask("z" + z0), "OK");
  EXPECT_EQ(ask("Z" + z1), "OK");
  EXPECT_EQ(ask("Z" + z1), "OK");
  EXPECT_EQ(go("vCont;c:-1"), "T05thread:1;core:0;hwbreak:;");
  EXPECT_EQ(ask("z" + z1), "OK");
  EXPECT_EQ(go("c", 50), "(runs)");
  EXPECT_EQ(ask("Z9,0,0"), "");
}

TEST_P(GdbSessionTest, WhatBothCoresMeetInOneTurnIsToldOneByOne) {
  start(0, kCount, kCode);
  start(1, kCount, kOther);
  connect();
  ask(fmt::format("Z0,{:x},3", kCode + 3));
  ask(fmt::format("Z0,{:x},3", kOther + 3));
  std::map<std::string, int> told;
  for (int n = 0; n < 30; ++n) ++told[go("c")];
  EXPECT_EQ(told.size(), 2u);
  EXPECT_GE(told["T05thread:1;core:0;swbreak:;"], 8);
  EXPECT_GE(told["T05thread:2;core:1;swbreak:;"], 8);
  // Each time it has gone round once more.
  EXPECT_NEAR(machine->core(0).a(2), told["T05thread:1;core:0;swbreak:;"], 1);
  EXPECT_NEAR(machine->core(1).a(2), told["T05thread:2;core:1;swbreak:;"], 1);
}

TEST_P(GdbSessionTest, Watchpoints) {
  start(0, kStores, kCode);
  connect();
  const std::string at = fmt::format("{:x}", kData + 8);
  ask("Z2," + at + ",4");
  EXPECT_EQ(go("c"), "T05thread:1;core:0;watch:" + at + ";");
  EXPECT_EQ(pc(), kCode + 6);
  EXPECT_EQ(ask("m" + at + ",4"), word(machine->core(0).a(2)));
  ask("z2," + at + ",4");
  ask("Z3," + at + ",4");
  EXPECT_EQ(go("c"), "T05thread:1;core:0;rwatch:" + at + ";");
  EXPECT_EQ(pc(), kCode + 9);
  ask("z3," + at + ",4");
  ask("Z4," + at + ",1");
  EXPECT_EQ(go("c"), "T05thread:1;core:0;awatch:" + at + ";");
  EXPECT_EQ(pc(), kCode + 6);
  ask("z4," + at + ",1");
  EXPECT_EQ(go("c", 20), "(runs)");
  EXPECT_EQ(ask("Z2," + at + ",0"), "E16");
  EXPECT_EQ(ask("Z2,ffffffff,2"), "E16");
  EXPECT_EQ(ask("Z2,fffffffe,2"), "OK");
}

TEST_P(GdbSessionTest, StepsEachCoreAsItIsTold) {
  start(0, kCount, kCode);
  start(1, kCount, kOther);
  connect();
  EXPECT_EQ(go("vCont;s:1"), "T05thread:1;core:0;");
  EXPECT_EQ(pc(), kCode + 3);
  EXPECT_EQ(pc(1), kOther);  // held
  EXPECT_EQ(go("vCont;s:2;c"), "T05thread:2;core:1;");
  EXPECT_EQ(pc(1), kOther + 3);
  EXPECT_EQ(pc(0), kCode);  // both have done one
  EXPECT_EQ(ask("Hc2"), "OK");
  EXPECT_EQ(go("s"), "T05thread:2;core:1;");
  EXPECT_EQ(pc(1), kOther);
}

TEST_P(GdbSessionTest, StepsThroughARangeOfCode) {
  start(0, "begin: movi a2, 0; again: addi a2, a2, 1; nop; blti a2, 64, again; end: addi a3, a3, 1; j begin",
        kCode);
  start(1, kCount, kOther);
  connect();
  const std::uint32_t end = kCode + 3 + 3 + 3 + 3;
  const std::string range = fmt::format("r{:x},{:x}", kCode, end);
  // Alone, with the other core, and from outside the range: then it is a step.
  EXPECT_EQ(go("vCont;" + range + ":1"), "T05thread:1;core:0;");
  EXPECT_EQ(pc(), end);
  EXPECT_EQ(machine->core(0).a(2), 64u);
  EXPECT_EQ(pc(1), kOther);
  EXPECT_EQ(machine->core(1).a(2), 0u);
  EXPECT_EQ(go("vCont;" + range + ":1;c"), "T05thread:1;core:0;");
  EXPECT_EQ(pc(), end + 3);
  EXPECT_EQ(go("vCont;s:1"), "T05thread:1;core:0;");
  EXPECT_EQ(go("vCont;" + range + ":1;c"), "T05thread:1;core:0;");
  EXPECT_EQ(pc(), end);
  EXPECT_NEAR(machine->core(1).a(2), 3 * 64 / 2, 3);  // it does what it would have done meanwhile
  // Up to a breakpoint in it, and on from there.
  ask(fmt::format("Z0,{:x},3", kCode + 6));
  for (const std::uint32_t turn : {1u, 2u}) {
    if (turn == 1) go("vCont;s:1"), go("vCont;s:1");
    EXPECT_EQ(go("vCont;" + range + ":1"), "T05thread:1;core:0;");
    EXPECT_EQ(pc(), kCode + 6);
    EXPECT_EQ(machine->core(0).a(2), turn);
  }
  ask(fmt::format("z0,{:x},3", kCode + 6));
  // What the other core meets comes before.
  ask(fmt::format("Z0,{:x},3", kOther));
  EXPECT_EQ(go("vCont;" + range + ":1;c"), "T05thread:2;core:1;swbreak:;");
  ask(fmt::format("z0,{:x},3", kOther));
  // Without an end of it, until somebody says so.
  EXPECT_EQ(go(fmt::format("vCont;r{:x},{:x}:1", kCode, end + 9), 500), "(runs)");
  session->receive(bytes_of("\x03"));
  EXPECT_EQ(next(), "T02thread:1;core:0;");
  const std::uint64_t stands = machine->core(0).instructions();
  run(10);
  EXPECT_EQ(machine->core(0).instructions(), stands);
  // The range was that step's alone.
  EXPECT_EQ(go("vCont;s:1"), "T05thread:1;core:0;");
  EXPECT_EQ(machine->core(0).instructions(), stands + 1);
  for (const char* wrong : {"vCont;r", "vCont;r:1", "vCont;r1:1", "vCont;r1,:1", "vCont;r,2", "vCont;rx,y:1"})
    EXPECT_EQ(ask(wrong), "E16") << wrong;
}

TEST_P(GdbSessionTest, ARangeEndsForSomebodyElsesStop) {
  start(0, kCount, kCode);
  connect();
  // Within the turn in which a step ends.
  int turns = 0;
  machine->scheduler().on_turn_end(this, [&](xtensa::Core&, base::Ticks) {
    if (++turns == 20) control->pause();
  });
  EXPECT_EQ(go(fmt::format("vCont;r{:x},{:x}:1", kCode, kCode + 6)), "T02thread:1;core:0;");
  machine->scheduler().on_turn_end(this, {});
  EXPECT_EQ(control->state(), RunState::kPaused);
  const std::uint32_t before = machine->core(0).a(2);
  control->resume();
  run(10);
  EXPECT_TRUE(control->running());
  EXPECT_GT(machine->core(0).a(2), before + 1000) << "it is stepped no longer";
}

TEST_P(GdbSessionTest, StepsPassInterrupts) {
  // A timer's handler, level 1, that asks for the next one after 40 cycles.
  const std::uint32_t vectors = kCode + 0x2000;
  start(0, R"(
    wsr.excsave1 a4; rsr.misc0 a4; addi a4, a4, 1; wsr.misc0 a4
    rsr.ccount a4; addi a4, a4, 40; wsr.ccompare0 a4; rsr.excsave1 a4; rfe)",
        vectors + xtensa::kVecKernel);
  start(0, kCount, kCode);
  xtensa::Core& core = machine->core(0);
  core.write_special(xtensa::Sr::VECBASE, vectors);
  core.write_special(xtensa::Sr::MISC0, 0);
  core.write_special(xtensa::Sr::INTENABLE, 1u << 6);
  core.write_special(xtensa::Sr::PS, xtensa::kPsWoe);
  core.write_special(xtensa::Sr::CCOMPARE0, core.read_special(xtensa::Sr::CCOUNT) + 40);
  connect();
  for (std::uint32_t n = 1; n <= 200; ++n) {
    ASSERT_EQ(go("vCont;s:1"), "T05thread:1;core:0;");
    ASSERT_EQ(pc(), n % 2 == 0 ? kCode : kCode + 3);
    ASSERT_EQ(core.a(2), (n + 1) / 2);
  }
  EXPECT_GE(core.state().misc[0], 4u);
  EXPECT_LE(core.state().misc[0], 6u);
}

TEST_P(GdbSessionTest, StepsThroughWindowsAndLoops) {
  // The ROM's handlers spill and fill; 12 calls deep.
  start(0, R"(
    movi a10, 12
    call8 function
    done: j done
    .align 4
    function: entry a1, 32
    beqz a2, leave
    addi a10, a2, -1
    call8 function
    movi a4, 2
    loop a4, end
    addi a5, a5, 1
    end: nop
    leave: retw)",
        kCode);
  connect();
  const std::uint32_t done = kCode + 6;
  unsigned handled = 0, steps = 0;
  for (; steps < 500 && pc() != done; ++steps) {
    const std::uint64_t before = machine->core(0).instructions();
    ASSERT_EQ(go("vCont;s:1"), "T05thread:1;core:0;");
    ASSERT_GE(pc(), kCode);
    ASSERT_LT(pc(), kCode + 0x100);
    handled += machine->core(0).instructions() > before + 1;
  }
  EXPECT_EQ(pc(), done);
  EXPECT_GT(handled, 8u);
  // 2 before, 13 entries and branches and returns, and in 12 of them 3 and a loop of two turns with 2 and its
  // end.
  EXPECT_EQ(steps, 2u + 13 * 3 + 12 * (2 + 2 + 2 + 1));
}

TEST_P(GdbSessionTest, InterruptedFromOutside) {
  start(0, kCount, kCode);
  connect();
  EXPECT_EQ(go("c", 20), "(runs)");
  session->receive(bytes_of("\x03"));
  EXPECT_EQ(next(), "T02thread:1;core:0;");
  EXPECT_FALSE(control->running());
  // By somebody else, while the debugger waits.
  EXPECT_EQ(go("c", 20), "(runs)");
  control->pause();
  EXPECT_EQ(next(), "T02thread:1;core:0;");
  // While it does not: it is not told.
  control->resume();
  run(5);
  control->pause();
  EXPECT_EQ(next(), std::nullopt);
  EXPECT_EQ(go("c", 20), "(runs)");
  control->shut_down();
  EXPECT_EQ(next(), "W00");
  EXPECT_TRUE(session->finished());
}

TEST_P(GdbSessionTest, DetachLeavesNothingBehind) {
  start(0, kStores, kCode);
  for (const bool politely : {true, false}) {
    connect();
    ask(fmt::format("Z0,{:x},3", kCode));
    ask(fmt::format("Z2,{:x},4", kData + 8));
    EXPECT_THAT(go("c"), StartsWith("T05"));
    if (politely) {
      EXPECT_EQ(ask("D"), "OK");
      EXPECT_TRUE(session->finished());
    }
    session.reset();
    EXPECT_TRUE(control->running());
    const std::uint32_t before = machine->core(0).a(2);
    run(50);
    EXPECT_TRUE(control->running());
    EXPECT_GT(machine->core(0).a(2), before + 1000);
  }
  // In the middle of a step.
  connect();
  session->receive(bytes_of(gdb_frame("s")));
  session.reset();
  run(50);
  EXPECT_TRUE(control->running());
}

TEST_P(GdbSessionTest, AMachineThatWaitsGoesOnWaitingIfTheDebuggerDisappears) {
  control->pause();
  connect();
  session.reset();
  EXPECT_FALSE(control->running());
  connect();
  EXPECT_EQ(go("c", 5), "(runs)");
  session.reset();
  EXPECT_TRUE(control->running());
}

TEST_P(GdbSessionTest, Monitor) {
  const auto monitor = [this](std::string_view command) {
    const auto bytes = from_hex(ask("qRcmd," + to_hex(command)));
    return bytes ? std::string(bytes->begin(), bytes->end()) : "";
  };
  start(0, kCount, kCode);
  connect();
  EXPECT_EQ(monitor("nonsense"), "unknown command: 'nonsense'\n");
  EXPECT_THAT(monitor("help"), StartsWith("registers "));
  target->monitor = [](std::string_view command) -> std::string {
    if (command == "long") return std::string(20'000, 'x');
    return fmt::format("{}: so be it\n", command);
  };
  EXPECT_THAT(monitor("help"), AllOf(StartsWith("help: so be it\n"), HasSubstr("\nreset ")));
  EXPECT_THAT(monitor("summary"), HasSubstr("PRO CPU: pc 0x40078000"));
  EXPECT_EQ(monitor(" info registers "), "info registers: so be it\n");
  EXPECT_EQ(monitor("registers"), "registers core, all or window?\n");
  EXPECT_EQ(monitor("system_reset"), monitor("reset"));
  EXPECT_EQ(pc(), xtensa::kResetVector);
  EXPECT_FALSE(control->running());
  EXPECT_EQ(ask("qRcmd,0"), "E16");
  std::string console = ask("qRcmd," + to_hex(std::string_view("long")));
  while (console.starts_with('O') && console.size() > 2) {
    EXPECT_LT(console.size(), GdbPacketReader::kMaxPayload);
    const auto more = next();
    ASSERT_TRUE(more);
    console = *more;
  }
  EXPECT_EQ(console.size() % 2, 0u);
}

TEST_P(GdbSessionTest, ThreadsAreCores) {
  connect();
  EXPECT_EQ(ask("qfThreadInfo"), "m1,2");
  EXPECT_EQ(ask("qsThreadInfo"), "l");
  EXPECT_EQ(ask("qC"), "QC1");
  EXPECT_EQ(ask("T2"), "OK");
  EXPECT_EQ(ask("T3"), "E03");
  EXPECT_EQ(ask("qThreadExtraInfo,2"), to_hex(std::string_view("APP CPU: not started")));
  EXPECT_THAT(ask("qXfer:threads:read::0,1000"), HasSubstr("<thread id=\"1\" core=\"0\">PRO CPU</thread>"));
}

TEST_P(GdbSessionTest, TasksAreThreads) {
  using Guest = testing_support::FreeRtosGuest;
  Guest guest;
  const std::uint32_t running = Guest::kBase + 0x1000, idle = running + 0x900, waits = idle + 0x900;
  const std::uint32_t frame = waits + 0x800;
  guest.task(running, "main", 1, 52);
  guest.task(idle, "IDLE", 0, 52);
  guest.task(waits, "timer", 22, 52);
  guest.put(Guest::kCurrent, running);
  guest.put(Guest::kCurrent + 4, idle);
  guest.put(Guest::kRunning, 1);
  guest.list(Guest::kDelayed, {waits});
  guest.put(frame, 1);  // interrupted
  guest.put(frame + 4, 0x400d1234);
  guest.put(frame + 12 + 4 * 2, 0x55667788);
  start(0, kCount, kCode);
  start(1, kCount, kOther);
  EXPECT_EQ(machine->debug().write(0, Guest::kBase, guest.memory), guest.memory.size());
  target->tasks = guest.rtos();
  connect();
  const std::string id = fmt::format("{:x}", waits);
  EXPECT_EQ(ask("qfThreadInfo"), "m1,2," + id);
  EXPECT_EQ(ask("qThreadExtraInfo,1"), to_hex(std::string_view("PRO CPU: main (running, priority 1)")));
  EXPECT_EQ(ask("qThreadExtraInfo," + id), to_hex(std::string_view("timer (blocked, priority 22)")));
  EXPECT_THAT(ask("qXfer:threads:read::0,1000"), HasSubstr("<thread id=\"" + id + "\">timer"));
  EXPECT_EQ(ask("T" + id), "OK");
  // Its registers are those it has saved, and cannot be changed.
  EXPECT_EQ(ask("Hg" + id), "OK");
  const std::string g = ask("g");
  EXPECT_EQ(g.substr(0, 8), word(0x400d1234));
  EXPECT_EQ(g.substr(8 * (1 + 2), 8), word(0x55667788));
  EXPECT_EQ(g.substr(8 * (1 + 17), 8), "xxxxxxxx");
  EXPECT_EQ(ask("p0"), word(0x400d1234));
  EXPECT_EQ(ask("P0=00000000"), "E03");
  EXPECT_EQ(ask("G" + g), "E03");
  // To let it alone go on means to let the machine go on, which is the cores' to stop.
  ask(fmt::format("Z0,{:x},3", kCode));
  EXPECT_EQ(go("vCont;c:" + id), "T05thread:1;core:0;swbreak:;");
  EXPECT_EQ(ask("p0"), word(kCode));
  // By its TCB a task that runs is the core that runs it.
  EXPECT_EQ(ask(fmt::format("Hg{:x}", idle)), "OK");
  EXPECT_EQ(ask("p92"), "abab0000");
}

// What GDB 13 sends for `target remote`, `monitor reset`, `tbreak`, `continue`, `next`, `watch`, `continue`,
// `thread 2`, `detach`, in its order; recorded, with this program's addresses.
TEST_P(GdbSessionTest, AConversationWithGdb13) {
  start(0, kStores, kCode);
  start(1, kCount, kOther);
  session = std::make_unique<GdbSession>(*target, [this](std::string_view bytes) { received += bytes; });
  const std::string second = fmt::format("{:x}", kCode + 3), watched = fmt::format("{:x}", kData + 8);
  const std::string g(2 * 420, '?');  // as many characters, whichever
  const std::pair<std::string, std::string> talk[] = {
      {"qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;"
       "vContSupported+;QThreadEvents+;no-resumed+;memory-tagging+",
       "PacketSize=4000;*"},
      {"vMustReplyEmpty", ""},
      {"QStartNoAckMode", "OK"},
      {"Hg0", "OK"},
      {"qXfer:features:read:target.xml:0,1000", "m<?xml*"},
      {"qTStatus", ""},
      {"?", "T05thread:1;core:0;"},
      {"qXfer:threads:read::0,1000", "l<?xml*"},
      {"qAttached", "1"},
      {"Hc-1", "OK"},
      {"qOffsets", "Text=0;Data=0;Bss=0"},
      {"g", g},
      {"qXfer:memory-map:read::0,1000", "l<?xml*"},
      {fmt::format("m{:x},4", kCode), "*"},
      {"qSymbol::", "OK"},
      {"qRcmd,726567697374657273", "*"},  // monitor registers
      {"Z0," + second + ",3", "OK"},
      {"vCont?", "vCont;c;C;s;S;r"},
      {"vCont;c", "T05thread:1;core:0;swbreak:;"},
      {"g", g},
      {"z0," + second + ",3", "OK"},
      {"pa5", "00000000"},
      {"p9e", "*"},
      {"Hg2", "OK"},
      {"g", g},
      {"Hg1", "OK"},
      {fmt::format("vCont;r{:x},{:x}:1;c", kCode + 3, kCode + 9), "T05thread:1;core:0;"},
      {"p0", word(kCode + 9)},
      {"Z2," + watched + ",4", "OK"},
      {"vCont;c", "T05thread:1;core:0;watch:" + watched + ";"},
      {"m" + watched + ",4", "02000000"},
      {"z2," + watched + ",4", "OK"},
      {"T2", "OK"},
      {"Hg2", "OK"},
      {"p0", "*"},
      {"D", "OK"},
  };
  for (const auto& [packet, reply] : talk) {
    const std::string got = go(packet);
    if (reply.ends_with('*'))
      EXPECT_THAT(got, StartsWith(reply.substr(0, reply.size() - 1))) << packet;
    else if (reply.starts_with('?'))
      EXPECT_EQ(got.size(), reply.size()) << packet;
    else
      EXPECT_EQ(got, reply) << packet;
    EXPECT_NE(got, "(runs)") << packet;
  }
  EXPECT_TRUE(session->finished());
  session.reset();
  EXPECT_TRUE(control->running());
}

TEST_P(GdbSessionTest, NonsenseHurtsNobody) {
  start(0, kCount, kCode);
  connect();
  const std::string_view commands = "?!bBcCdDgGHikmMpPQqRrsStTvXzZ";
  const std::string_view tails[] = {"",
                                    ":",
                                    ",",
                                    ";",
                                    "0",
                                    "-1",
                                    ",,,",
                                    "ffffffffffffffff",
                                    "0,0",
                                    "g-2",
                                    "Cont;x",
                                    "Cont;s:",
                                    "Cont;s:zz",
                                    "Cont;;;",
                                    "Xfer:features:read:target.xml:",
                                    "Rcmd,zz",
                                    "1,2:3",
                                    "=",
                                    "0=",
                                    "ffffffff,ffffffff"};
  for (const char command : commands) {
    if (command == 'k' || command == 'D') continue;  // these end the session
    for (const std::string_view tail : tails) {
      (void)go(command + std::string(tail), 3);
      if (control->running()) session->receive(bytes_of("\x03"));
      while (next()) {
      }
      ASSERT_FALSE(session->finished()) << command << tail;
    }
  }
  EXPECT_EQ(ask("qC"), "QC1");
  EXPECT_EQ(ask("g").size(), 840u);
}

INSTANTIATE_TEST_SUITE_P(Engines, GdbSessionTest, ::testing::Values(Engine::kInterpreter, Engine::kJit),
                         [](const auto& engine) {
                           return engine.param == Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::debug
