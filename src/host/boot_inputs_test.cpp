#include "host/boot_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "esp32/chip.h"
#include "image/image_test_support.h"

namespace espalier::host {
namespace {

using devices::EfuseValues;
using image::test::TemporaryFolder;

class EfuseFile : public ::testing::Test {
 protected:
  BootEfuses load(const EfuseValues& file) {
    const auto bytes = devices::efuse_file_of(file);
    options_.efuse = folder_.write("efuse.bin", image::Bytes(bytes.begin(), bytes.end())).string();
    return load_efuses(options_).value();
  }

  TemporaryFolder folder_;
  SessionOptions options_;
};

// What `idf.py qemu` and pytest-embedded make: a revision, and nothing else.
TEST_F(EfuseFile, ThatQemusUsersMakeLacksWhatAFactoryBurns) {
  EfuseValues file{};
  file[3] = 0x8000;
  file[5] = 0x100000;
  const BootEfuses efuses = load(file);
  EXPECT_EQ(devices::mac_of(efuses.values), esp32::kDefaultMac);
  EXPECT_EQ(efuses.values[4], 80u);
  EXPECT_EQ(efuses.values[3], file[3]);
  EXPECT_EQ(efuses.values[5], file[5]);
  // What the guest burns goes to the file, what was added does not.
  EfuseValues burnt = efuses.values;
  burnt[23] = 0x1234;
  file[23] = 0x1234;
  EXPECT_EQ(efuses.to_keep(burnt), file);
}

TEST_F(EfuseFile, ThatIsCompleteIsTakenAsItIs) {
  EfuseValues file = devices::factory_efuses({0x24, 0x0a, 0xc4, 1, 2, 3});
  file[4] = 77;
  const BootEfuses efuses = load(file);
  EXPECT_EQ(efuses.values, file);
  EfuseValues burnt = file;
  burnt[0] |= 0x100;
  EXPECT_EQ(efuses.to_keep(burnt), burnt);
}

TEST_F(EfuseFile, DoesNotGetWhatOptionsSay) {
  const EfuseValues file = devices::factory_efuses({0x24, 0x0a, 0xc4, 1, 2, 3});
  options_.mac = devices::MacAddress{0x10, 0x20, 0x30, 0x40, 0x50, 0x60};
  options_.cpus = 1;
  const BootEfuses efuses = load(file);
  EXPECT_EQ(devices::mac_of(efuses.values), *options_.mac);
  EXPECT_EQ(efuses.values[3] & 1, 1u);
  EXPECT_EQ(efuses.to_keep(efuses.values), file);
}

}  // namespace
}  // namespace espalier::host
