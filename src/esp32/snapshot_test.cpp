#include "esp32/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace espalier::esp32 {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::shared_ptr<const SharedRom> rom() {
  static const auto shared = std::make_shared<SharedRom>(rom::Rom());
  return shared;
}

// A machine in warp and what its console has shown.
struct Board {
  explicit Board(std::unique_ptr<Machine> made) : machine(std::move(made)) {
    machine->chip().uart[0].on_transmit = [this](std::span<const std::uint8_t> bytes) {
      console.append(bytes.begin(), bytes.end());
    };
  }
  // Runs until the console shows `text` or the machine has done so many instructions.
  bool run(std::string_view text, std::uint64_t most = ~std::uint64_t{0}) {
    while (console.find(text) == std::string::npos) {
      if (machine->instructions() >= most || machine->halted()) return false;
      if (machine->run_round() == Machine::Progress::kIdle && !machine->skip_idle()) return false;
    }
    return true;
  }
  std::unique_ptr<Machine> machine;
  std::string console;
};

class SnapshotTest : public testing::Test {
 protected:
  // The web server of guest/http_server: both cores, all of their interrupts, flash under the caches.
  static std::unique_ptr<Machine> demo(std::uint32_t psram = 0) {
    static const auto flash = [] {
      std::ifstream file(ESPALIER_DEMO_IMAGE, std::ios::binary);
      std::vector<std::uint8_t> bytes(0x1000, 0xff);
      bytes.insert(bytes.end(), std::istreambuf_iterator<char>(file), {});
      return devices::FlashImage::create(bytes, 4 * kMiB).value();
    }();
    MachineOptions options;
    options.rom = rom();
    options.flash = flash;
    options.clock = ClockMode::kWarp;
    options.psram_size = psram;
    return Machine::create(options).value();
  }
  static std::shared_ptr<const Snapshot> take(Board& board) {
    auto taken = Snapshot::take(*board.machine, {.program = "test 1", .image = "the demo"});
    EXPECT_TRUE(taken) << taken.error();
    return taken.value();
  }
  static Board clone_of(const Snapshot& snapshot) {
    auto made =
        snapshot.clone({.rom = rom(), .clock = ClockMode::kWarp, .host_clock = {}, .reset_limit = {}});
    EXPECT_TRUE(made) << made.error();
    return Board(std::move(made.value()));
  }
  static constexpr std::string_view kUp = "web server on both cores";
};

// At whatever instruction it is taken, and through the file.
TEST_F(SnapshotTest, ACloneGoesOnExactlyAsTheOriginal) {
  Board original(demo());
  unsigned taken = 0;
  for (std::uint64_t at = 20'000; at < 2'000'000; at = at * 7 / 4 + 1) {
    original.run("never shown", at);
    const std::size_t shown = original.console.size();
    const auto loaded = Snapshot::load(take(original)->file());
    ASSERT_TRUE(loaded) << loaded.error();
    Board clone = clone_of(**loaded);
    Board uninterrupted(demo());
    const std::uint64_t end = at + 300'000;
    clone.run("never shown", end);
    uninterrupted.run("never shown", end);
    EXPECT_EQ(original.console.substr(0, shown) + clone.console, uninterrupted.console) << at;
    EXPECT_EQ(clone.machine->core(0).instructions(), uninterrupted.machine->core(0).instructions()) << at;
    EXPECT_EQ(clone.machine->core(1).instructions(), uninterrupted.machine->core(1).instructions()) << at;
    EXPECT_EQ(clone.machine->clock().now(), uninterrupted.machine->clock().now()) << at;
    EXPECT_EQ(clone.machine->save(), uninterrupted.machine->save()) << at;
    ++taken;
  }
  EXPECT_GT(taken, 5u);
}

TEST_F(SnapshotTest, ClonesShareWhatTheyDoNotChangeAndNothingElse) {
  Board original(demo());
  ASSERT_TRUE(original.run(kUp));
  const auto snapshot = take(original);
  const std::uint64_t at = original.machine->instructions();
  Board first = clone_of(*snapshot), second = clone_of(*snapshot);
  EXPECT_EQ(first.machine->memory().own_ram(), 0u);
  first.run("never shown", at + 400'000);
  EXPECT_GT(first.machine->memory().own_ram(), 0u);
  EXPECT_LT(first.machine->memory().own_ram(), MemoryMap::ram_size(0) / 2);
  // What one does the other does not see, nor does whoever is cloned later.
  std::memset(first.machine->memory().writable(0, 0x3ffb0000, 4096), 0xee, 4096);
  Board third = clone_of(*snapshot);
  second.run("never shown", at + 400'000);
  third.run("never shown", at + 400'000);
  EXPECT_EQ(second.machine->save(), third.machine->save());
  original.run("never shown", at + 400'000);
  EXPECT_EQ(original.machine->save(), third.machine->save()) << "and the original has gone on unharmed";
}

TEST_F(SnapshotTest, ACloneOfACloneAndOfAChangedFlash) {
  Board original(demo(4 * kMiB));
  ASSERT_TRUE(original.run(kUp));
  const std::vector<std::uint8_t> data(300, 0x12);
  original.machine->flash().program(0x200000, data);
  Board clone = clone_of(*take(original));
  original.machine->flash().erase(0x200000, 4096);
  const std::vector<std::uint8_t> more(300, 0x34);
  clone.machine->flash().program(0x300000, more);
  Board again = clone_of(*take(clone));
  std::vector<std::uint8_t> read(300);
  again.machine->flash().read(0x200000, read);
  EXPECT_EQ(read, data);
  again.machine->flash().read(0x300000, read);
  EXPECT_EQ(read, more);
  original.machine->flash().read(0x200000, read);
  EXPECT_EQ(read, std::vector<std::uint8_t>(300, 0xff));
}

TEST_F(SnapshotTest, TheFileSaysWhatItIs) {
  Board original(demo());
  ASSERT_TRUE(original.run(kUp));
  const auto loaded = Snapshot::load(take(original)->file());
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ((*loaded)->notes().program, "test 1");
  EXPECT_EQ((*loaded)->notes().image, "the demo");
  EXPECT_EQ((*loaded)->instructions(), original.machine->instructions());
  EXPECT_EQ((*loaded)->flash()->size(), 4 * kMiB);
  EXPECT_TRUE(Snapshot::is_one(take(original)->file()));
  EXPECT_FALSE(Snapshot::is_one({}));
}

TEST_F(SnapshotTest, ADamagedOrForeignFileIsRefused) {
  Board original(demo());
  ASSERT_TRUE(original.run(kUp));
  const std::vector<std::uint8_t> file = take(original)->file();
  const auto error = [](std::vector<std::uint8_t> bytes) {
    const auto loaded = Snapshot::load(bytes);
    EXPECT_FALSE(loaded);
    EXPECT_EQ(loaded ? 0 : std::ranges::count(loaded.error(), '\n'), 0);
    return loaded ? "" : loaded.error();
  };
  EXPECT_EQ(error({}), "is no saved state");
  EXPECT_EQ(error(std::vector<std::uint8_t>(100, 0xe9)), "is no saved state");
  for (std::size_t at = 28; at < file.size(); at += file.size() / 50) {
    auto damaged = file;
    damaged[at] ^= 1;
    EXPECT_EQ(error(damaged), "is damaged: its checksum does not match");
    EXPECT_THAT(error(std::vector(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(at))),
                StartsWith("is cut short: "));
  }
  auto newer = file;
  newer[8] += 1;  // the version
  EXPECT_THAT(error(newer), HasSubstr("was saved in form"));
  // A right checksum over something else.
  EXPECT_THAT(error(base::seal(std::vector<std::uint8_t>(50, 7), file[8])), StartsWith("is damaged: "));
}

TEST_F(SnapshotTest, AnotherRomIsRefused) {
  Board original(demo());
  ASSERT_TRUE(original.run(kUp));
  const auto snapshot = take(original);
  const std::string path = testing::TempDir() + "snapshot_test_rom.bin";
  std::ofstream(path, std::ios::binary) << std::string(448 * 1024, '\x12');
  auto other = rom::Rom::load_file(path);
  std::remove(path.c_str());
  ASSERT_TRUE(other) << other.error();
  const auto made = snapshot->clone({.rom = std::make_shared<SharedRom>(std::move(*other)),
                                     .clock = ClockMode::kWarp,
                                     .host_clock = {},
                                     .reset_limit = {}});
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error(), HasSubstr("another mask ROM"));
}

}  // namespace
}  // namespace espalier::esp32
