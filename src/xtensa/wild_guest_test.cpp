// Guests that run wild: whatever they do to themselves, the host must not notice.
#include <gtest/gtest.h>

#include <bitset>
#include <cstring>

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

// Beside the address space nothing is mapped, so an access that left it would end the test program. What the
// guest meets within is recorded by the addresses of its exceptions.
TEST(WildGuest, WalksOverAllOfItsAddressSpace) {
  TestMachine machine;
  std::bitset<16> parts;
  unsigned executed = 0, devices = 0;
  machine.on_device_load = [&](std::uint32_t address, unsigned) {
    ++devices;
    return address;
  };
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    put_walker(machine, seed * 0x9e3779b1u | 1);
    for (unsigned i = 0; i < 200; ++i) {
      executed += machine.core().run(97) == Stop::kBudget;
      parts.set(machine.state().excvaddr >> 28);
    }
  }
  EXPECT_TRUE(parts.all()) << parts;
  EXPECT_GT(executed, 150u * 190);
  EXPECT_GT(machine.slow_stores, 10'000u);
  EXPECT_GT(devices, 100u);
}

// Random words everywhere, vectors included, and in every register.
TEST(WildGuest, RunsWordsThatMeanNothing) {
  TestMachine machine;
  testing::Random random(1);
  machine.on_device_load = [&](std::uint32_t, unsigned) { return random.next(); };
  std::uint64_t executed = 0;
  for (unsigned i = 0; i < 300; ++i) {
    machine.renew_core();
    for (const auto& [begin, size] : {std::pair{kVectors, 0x2000u}, {kCode, 0x2000u}, {kMixed, 0x2000u}}) {
      for (std::uint32_t at = begin; at < begin + size; at += 4) machine.write32(at, random.next());
    }
    Core& core = machine.core();
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
  }
  EXPECT_GT(executed, 100'000u);
}

}  // namespace
}  // namespace espalier::xtensa
