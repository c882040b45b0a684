#include "host/perf_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace espalier::host {
namespace {

namespace fs = std::filesystem;

TEST(PerfMap, HoldsALineForEachTranslationAtOnce) {
  auto map = PerfMap::create({});
  ASSERT_TRUE(map) << map.error();
  const fs::path path = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
  (*map)->add(reinterpret_cast<const void*>(0x7f0012345678), 0x9a, 0x400d1234);
  (*map)->add(reinterpret_cast<const void*>(0x7f0012345800), 0x10, 0x40080000);
  std::ifstream file(path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  fs::remove(path);
  EXPECT_EQ(text, "7f0012345678 9a 0x400d1234\n7f0012345800 10 0x40080000\n");
}

// An ELF that cannot be read is said by name; one that is not there is not missed.
TEST(PerfMap, NamesAnElfThatIsNone) {
  const fs::path folder = fs::path(::testing::TempDir()) / ("perf-map-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "app.elf") << "not an ELF file";
  const auto map = PerfMap::create(folder / "app.bin");
  ASSERT_FALSE(map);
  EXPECT_THAT(map.error(), ::testing::HasSubstr("app.elf"));
  EXPECT_TRUE(PerfMap::create(folder / "other.bin"));
  fs::remove("/tmp/perf-" + std::to_string(::getpid()) + ".map");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace espalier::host
