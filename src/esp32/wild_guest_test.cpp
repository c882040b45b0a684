// A guest that runs wild over all of its 4 GiB: it may ruin its own machine, but nothing else.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

#include "esp32/machine.h"
#include "xtensa/testing/assembler.h"
#include "xtensa/testing/program_generator.h"
#include "xtensa/testing/random.h"
#include "xtensa/testing/random_vectors.h"
#include "xtensa/testing/wild_walker.h"

namespace espalier::esp32 {
namespace {

using xtensa::testing::Random;

constexpr std::uint32_t kWildVectors = kSram0;
constexpr std::uint32_t kWildCode = kSram0 + 0x1000;
constexpr unsigned kThreshold = 2;  // wild code does not come by often

std::shared_ptr<const SharedRom> rom() {
  static const auto shared = std::make_shared<SharedRom>(rom::Rom());
  return shared;
}

// What all machines share: flash of random bytes, the ROM. With copies to compare with.
struct Shared {
  Shared() {
    Random random(5);
    for (std::size_t i = 0; i < 2 * kMiB; ++i) bytes.push_back(static_cast<std::uint8_t>(random.next()));
    flash = devices::FlashImage::create(bytes, 2 * kMiB).value();
    const auto keep = [this](const SharedPages& pages) {
      rom_copies.emplace_back(pages.data(), pages.data() + pages.size());
    };
    keep(*rom()->pages()->code[0]);
    keep(*rom()->pages()->code[1]);
    keep(*rom()->pages()->data);
  }
  void expect_untouched() {
    const SharedPages* const pages[] = {rom()->pages()->code[0].get(), rom()->pages()->code[1].get(),
                                        rom()->pages()->data.get()};
    for (std::size_t i = 0; i < std::size(pages); ++i)
      EXPECT_EQ(std::memcmp(pages[i]->data(), rom_copies[i].data(), rom_copies[i].size()), 0) << "ROM " << i;
    // A new machine sees the flash as it was made.
    auto storage = devices::FlashStorage::create(flash).value();
    std::vector<std::uint8_t> now(bytes.size());
    storage->read(0, now);
    EXPECT_EQ(now, bytes);
  }

  std::vector<std::uint8_t> bytes;
  std::shared_ptr<const devices::FlashImage> flash;
  std::vector<std::vector<std::uint8_t>> rom_copies;
};

struct Wild {
  Wild(Shared& the_shared, xtensa::Engine the_engine) : shared(the_shared), engine(the_engine) { renew(); }

  void renew() {
    MachineOptions options;
    options.rom = rom();
    options.flash = shared.flash;
    options.psram_size = 4 * kMiB;
    options.clock = ClockMode::kWarp;
    options.engine = engine;
    if (machine) note_stats();
    machine = Machine::create(options).value();
    for (unsigned cpu = 0; cpu < 2; ++cpu) machine->core(cpu).set_jit_threshold(kThreshold);
  }
  bool has_engine() const { return machine->core(0).engine() == engine; }
  void note_stats() {
    for (unsigned cpu = 0; cpu < 2; ++cpu) stats += machine->core(cpu).engine_stats();
  }
  // With the translator: what ran wild was not the interpreter alone.
  void expect_translated(std::uint64_t regions) {
    note_stats();
    if (engine == xtensa::Engine::kInterpreter) return;
    EXPECT_GT(stats.translated_regions, regions);
    EXPECT_GT(stats.entries, regions);
  }
  void write(std::uint32_t address, const std::vector<std::uint8_t>& data) {
    for (std::size_t i = 0; i < data.size(); ++i) {
      std::uint8_t* const at = machine->memory().writable(0, address + static_cast<std::uint32_t>(i), 1);
      if (at != nullptr) *at = data[i];
    }
    machine->memory().stored(address, static_cast<std::uint32_t>(data.size()));
  }
  void write32(std::uint32_t address, std::uint32_t value) {
    std::vector<std::uint8_t> data(4);
    std::memcpy(data.data(), &value, 4);
    write(address, data);
  }
  // Vectors that go on at `again`.
  void put_vectors(std::uint32_t again, std::uint32_t finish) {
    write(kWildVectors, xtensa::testing::random_vectors_page(kWildVectors));
    write32(kWildVectors + xtensa::testing::kRecoveryWord, again);
    write32(kWildVectors + xtensa::testing::kFinishWord, finish);
  }
  void start(unsigned cpu, std::uint32_t pc) {
    xtensa::Core& core = machine->core(cpu);
    core.reset(pc);
    core.resume();
    core.state().ps = xtensa::kPsWoe | xtensa::kPsUm;
    core.state().vecbase = kWildVectors;
    core.state().cpenable = 1;
    core.set_a(1, kSram2 + 0x8000);
  }
  void run(unsigned rounds) {
    const auto start = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < rounds; ++i) {
      switch (machine->run_round()) {
        case Machine::Progress::kRan:
          break;
        case Machine::Progress::kIdle:
          if (!machine->skip_idle()) return;
          break;
        case Machine::Progress::kStopped:
          renew();
          ++stopped;
          return;
      }
    }
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took, std::chrono::seconds(20)) << "a guest that keeps its host from going on";
  }

  Shared& shared;
  xtensa::Engine engine;
  std::unique_ptr<Machine> machine;
  xtensa::EngineStats stats;  // of the machines before this one
  unsigned stopped = 0;
};

class WildGuest : public ::testing::TestWithParam<xtensa::Engine> {};

TEST_P(WildGuest, WalksOverAllOfTheAddressSpaceOfAMachine) {
  static constexpr std::uint32_t kPlaces[8] = {kPeripheralBase, kPeripheralBase, kAhbPeripheralBase,
                                               kSram2,          kSram1Code,      kRtcSlow,
                                               kDromBase,       kPsramBase};
  Shared shared;
  Wild wild(shared, GetParam());
  if (!wild.has_engine()) GTEST_SKIP() << "nothing is translated on this host";
  std::uint64_t instructions = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    const auto program = xtensa::testing::assemble(xtensa::testing::wild_walker(kPlaces), kWildCode);
    wild.put_vectors(program.at("walk"), program.at("walk"));
    wild.write(kWildCode, program.bytes);
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      wild.start(cpu, program.at("walk"));
      wild.machine->core(cpu).set_a(4, (2 * seed + cpu) * 0x9e3779b1u | 1);
    }
    const std::uint64_t before = wild.machine->instructions();
    const unsigned stopped = wild.stopped;
    wild.run(40);
    if (wild.stopped == stopped) instructions += wild.machine->instructions() - before;
    if (seed % 10 == 0) wild.renew();
  }
  EXPECT_GT(instructions, 2'000'000u);
  wild.expect_translated(100);
  shared.expect_untouched();
}

TEST_P(WildGuest, RunsProgramsThatMeanNothingOnBothCores) {
  Shared shared;
  Wild wild(shared, GetParam());
  if (!wild.has_engine()) GTEST_SKIP() << "nothing is translated on this host";
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (unsigned cpu = 0; cpu < 2; ++cpu) {
      const auto program = xtensa::testing::generate_program(1'000'000 + 2 * seed + cpu);
      const auto image = layout(program);
      wild.put_vectors(image.labels[program.recovery], image.labels[program.finish]);
      wild.write(image.base, image.bytes);
      wild.start(cpu, image.labels[program.entry]);
      for (unsigned n = 0; n < 64; ++n) wild.machine->core(cpu).set_physical(n, program.state.ar[n]);
      wild.machine->core(cpu).set_a(1, kSram2 + 0x8000);
      wild.machine->core(cpu).set_a(2, kSram2 + 0x1000);
      wild.machine->core(cpu).write_special(xtensa::Sr::INTENABLE, program.state.intenable);
    }
    wild.run(10);
    if (seed % 20 == 19) wild.renew();
  }
  wild.expect_translated(300);
  shared.expect_untouched();
}

// The bus gives devices multiples of 256 bytes, their registers or not. With a sanitizer this says more.
TEST(WildDevices, TakeWhateverIsWritten) {
  Shared shared;
  Wild wild(shared, xtensa::Engine::kInterpreter);
  Random random(7);
  const auto program = xtensa::testing::assemble("again: j again", kWildCode);
  for (unsigned round = 0; round < 6; ++round) {
    wild.put_vectors(kWildCode, kWildCode);
    wild.write(kWildCode, program.bytes);
    for (unsigned cpu = 0; cpu < 2; ++cpu) wild.start(cpu, kWildCode);
    wild.run(2);
    for (std::size_t n = 0; n < wild.machine->device_bus().mounts().size(); ++n) {
      const DeviceBus::Mount mount = wild.machine->device_bus().mounts()[n];
      for (std::uint32_t offset = 0; offset < (mount.size + 255) / 256 * 256; offset += 4) {
        xtensa::Core& core = wild.machine->core(0);
        const std::uint32_t address = mount.address + offset;
        std::uint32_t value = round == 0 ? 0 : round == 1 ? ~0u : random.next();
        core.environment().store(core, address, 4, value);
        core.environment().load(core, address, 4, value);
        wild.machine->device_bus().peek(address);
      }
    }
    wild.run(20);
  }
  shared.expect_untouched();
}

INSTANTIATE_TEST_SUITE_P(Engines, WildGuest,
                         ::testing::Values(xtensa::Engine::kInterpreter, xtensa::Engine::kJit),
                         [](const ::testing::TestParamInfo<xtensa::Engine>& engine) {
                           return engine.param == xtensa::Engine::kJit ? "Translated" : "Interpreted";
                         });

}  // namespace
}  // namespace espalier::esp32
