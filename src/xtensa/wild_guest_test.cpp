// Guests that run wild: whatever they do to themselves, the host must not notice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bitset>
#include <cstring>
#include <string_view>

#include "xtensa/testing/random.h"
#include "xtensa/testing/random_program.h"
#include "xtensa/testing/random_vectors.h"
#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/wild_walker.h"

namespace espalier::xtensa {
namespace {

using testing::kCode;
using testing::kData;
using testing::kDevice;
using testing::kMixed;
using testing::kVectors;
using testing::TestMachine;

// Vectors and walker, as at the beginning.
void put_walker(TestMachine& machine, std::uint32_t seed) {
  static constexpr std::uint32_t kPlaces[8] = {kVectors, kCode,         kData,           kMixed,
                                               kDevice,  kData - 0x100, kCode + 0x3f000, 0xfffffff0};
  machine.write(kVectors, testing::random_vectors());
  const testing::Program program = testing::assemble(testing::wild_walker(kPlaces), kCode);
  machine.write(kCode, program.bytes);
  for (const std::uint32_t page : {kVectors, kVectors + 0x1000}) {
    machine.write32(page + testing::kRecoveryWord, program.at("walk"));
    machine.write32(page + testing::kFinishWord, program.at("walk"));
  }
  machine.core().reset();
  State& state = machine.state();
  state.pc = program.at("walk");
  state.ps = kPsWoe | kPsUm;
  state.vecbase = kVectors;
  state.cpenable = 1;
  machine.core().set_a(1, testing::kRandomStack);
  machine.core().set_a(4, seed);
}

class WildGuest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    use_engine();
    if (machine_.core().engine() != GetParam()) GTEST_SKIP() << "nothing is translated on this host";
  }
  void use_engine() {
    (void)machine_.core().set_engine(GetParam());
    machine_.core().set_jit_threshold(2);  // wild code does not come by often
  }

  TestMachine machine_;
};

// Beside the address space nothing is mapped, so an access that left it would end the test program. What the
// guest meets within is recorded by the addresses of its exceptions.
TEST_P(WildGuest, WalksOverAllOfItsAddressSpace) {
  std::bitset<16> parts;
  unsigned executed = 0, devices = 0;
  machine_.on_device_load = [&](std::uint32_t address, unsigned) {
    ++devices;
    return address;
  };
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    put_walker(machine_, seed * 0x9e3779b1u | 1);
    for (unsigned i = 0; i < 200; ++i) {
      executed += machine_.core().run(97) == Stop::kBudget;
      parts.set(machine_.state().excvaddr >> 28);
    }
  }
  EXPECT_TRUE(parts.all()) << parts;
  EXPECT_GT(executed, 150u * 190);
  EXPECT_GT(machine_.slow_stores, 10'000u);
  EXPECT_GT(devices, 100u);
  if (GetParam() == Engine::kJit) {
    EXPECT_GT(machine_.core().engine_stats().faults, 100u);
  }
}

// Random words everywhere, vectors included, and in every register.
TEST_P(WildGuest, RunsWordsThatMeanNothing) {
  testing::Random random(1);
  machine_.on_device_load = [&](std::uint32_t, unsigned) { return random.next(); };
  std::uint64_t executed = 0, translated = 0;
  for (unsigned i = 0; i < 300; ++i) {
    machine_.renew_core();
    use_engine();
    for (const auto& [begin, size] : {std::pair{kVectors, 0x2000u}, {kCode, 0x2000u}, {kMixed, 0x2000u}}) {
      for (std::uint32_t at = begin; at < begin + size; at += 4) machine_.write32(at, random.next());
    }
    Core& core = machine_.core();
    State& state = core.state();
    for (unsigned n = 0; n < 64; ++n) core.set_physical(n, random.next());
    state.windowstart = random.next() & 0xffff;
    core.rotate_to(random.below(16));
    state.ps = random.next() & kPsWritable & ~kPsExcm;
    state.lbeg = kCode + random.below(0x1000);
    state.lend = kCode + random.below(0x1000);
    state.lcount = random.below(100);
    state.vecbase = kVectors + random.below(2) * 0x1000;
    state.cpenable = random.below(2);
    state.intenable = random.next();
    state.fcr = random.below(128);
    state.pc = random.pick({kCode, kMixed}) + random.below(0x1000);
    for (unsigned piece = 0; piece < 20; ++piece) {
      core.run(500);
      core.set_interrupt(random.below(32), random.chance(50));
    }
    executed += core.instructions();
    translated += core.engine_stats().translated_regions;
  }
  EXPECT_GT(executed, 100'000u);
  if (GetParam() == Engine::kJit) {
    EXPECT_GT(translated, 50u);
  }
}

// A base near one end of the address space and a displacement that leads beyond it come round to the other
// end. The access is hot, and was harmless, before.
TEST_P(WildGuest, AccessesThatLeaveTheAddressSpaceComeInAtItsOtherEnd) {
  struct Case {
    std::string_view access;
    std::uint32_t base, address;
  };
  static constexpr Case kCases[] = {
      {"l32e a5, a4, -64", 0, 0xffffffc0},
      {"l32e a5, a4, -4", 0, 0xfffffffc},
      {"l32e a5, a4, -64", 0x3c, 0xfffffffc},
      {"s32e a5, a4, -64", 0, 0xffffffc0},
      {"s32e a5, a4, -4", 0, 0xfffffffc},
      {"l32i a5, a4, 1020", 0xfffffffc, 0x3f8},
      {"l32i a5, a4, 1020", 0xffffffff, 0x3fb},
      {"s32i a5, a4, 1020", 0xfffffffc, 0x3f8},
      {"s32i a5, a4, 1020", 0xfffffffe, 0x3fa},
      {"l32i a5, a4, 0", 0xfffffffd, 0xfffffffd},
      {"s32i a5, a4, 0", 0xffffffff, 0xffffffff},
      {"l8ui a5, a4, 255", 0xffffffff, 0xfe},
      {"s8i a5, a4, 255", 0xffffffff, 0xfe},
      {"l16ui a5, a4, 510", 0xfffffffe, 0x1fc},
      {"l16si a5, a4, 0", 0xffffffff, 0xffffffff},
      {"s16i a5, a4, 510", 0xffffffff, 0x1fd},
      {"l32ai a5, a4, 1020", 0xfffffffc, 0x3f8},
      {"s32ri a5, a4, 1020", 0xfffffffc, 0x3f8},
      {"s32c1i a5, a4, 1020", 0xfffffffc, 0x3f8},
      {"lsi f0, a4, 1020", 0xfffffffc, 0x3f8},
      {"ssi f0, a4, 1020", 0xfffffffc, 0x3f8},
      {"lsx f0, a4, a8", 0xfffffffc, 0x3c},
      {"ssx f0, a4, a8", 0xfffffffc, 0x3c},
      {"lddec m0, a4", 0, 0xfffffffc},
      {"ldinc m0, a4", 0xfffffffc, 0},
  };
  constexpr unsigned kTurns = 60;
  machine_.write(kVectors + kVecUser, testing::assemble(R"(
      rsr.epc1 a10
      addi a10, a10, 3
      wsr.epc1 a10
      addi a12, a12, 1
      rfe
  )",
                                                        kVectors + kVecUser)
                                          .bytes);
  for (const Case& c : kCases) {
    SCOPED_TRACE(fmt::format("{} at {:#x}", c.access, c.base));
    machine_.renew_core();
    use_engine();
    const testing::Program program = machine_.load_program(fmt::format(R"(
      movi a3, {}
    turn:
      mov.n a4, a6
      movi a11, {}
      blt a11, a3, access
      mov.n a4, a7
    access: {}
      addi a3, a3, -1
      bnez a3, turn
    end: j end
    )",
                                                                       kTurns, kTurns / 2, c.access));
    Core& core = machine_.core();
    core.state().ps = kPsWoe | kPsUm;
    core.state().vecbase = kVectors;
    core.state().cpenable = 1;
    core.set_a(6, kData + 0x100);
    core.set_a(7, c.base);
    core.set_a(8, 0x40);
    core.set_a(12, 0);
    core.run(kTurns * 20);
    EXPECT_EQ(core.state().pc, program.at("end"));
    EXPECT_EQ(core.a(12), kTurns / 2);
    // LDINC and LDDEC change the base before they load.
    EXPECT_EQ(core.state().excvaddr, c.address) << std::hex << core.state().excvaddr;
    if (GetParam() == Engine::kJit) {
      EXPECT_GT(core.engine_stats().translated_regions, 0u);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, WildGuest, ::testing::Values(Engine::kInterpreter, Engine::kJit),
                         [](const ::testing::TestParamInfo<Engine>& engine) {
                           return engine.param == Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::xtensa
