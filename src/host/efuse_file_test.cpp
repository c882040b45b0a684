#include "host/efuse_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/session.h"
#include "image/file.h"
#include "image/image_test_support.h"

namespace espalier::host {
namespace {

constexpr std::uint32_t EFUSE_BLK3_WDATA0_REG = 0xd8, EFUSE_CONF_REG = 0xfc, EFUSE_CMD_REG = 0x104;

class EfuseFileTest : public ::testing::Test {
 protected:
  EfuseFileTest() {
    file_.fill(0);
    file_[3] = 0x8000;
    options_.any_flash = true;
    options_.strapping = devices::Gpio::kStrapDownload;
    options_.clock = ClockMode::kWarp;
    options_.serial[0] = {};
    options_.efuse = folder_.path() / "efuse.bin";
    write();
  }
  void write() { ASSERT_TRUE(image::write_file(options_.efuse, devices::efuse_file_of(file_))); }
  devices::EfuseValues written() {
    return devices::parse_efuse_file(image::read_file(options_.efuse).value()).value();
  }
  void open() {
    session_ = std::make_unique<Session>(loop_, options_);
    ASSERT_TRUE(session_->open());
  }
  devices::Efuse& efuse() { return session_->machine().chip().efuse; }
  void burn(unsigned word, std::uint32_t value) {
    efuse().write(EFUSE_BLK3_WDATA0_REG + word * 4, value);
    efuse().write(EFUSE_CONF_REG, 0x5a5a);
    efuse().write(EFUSE_CMD_REG, 2);
    while (efuse().read(EFUSE_CMD_REG) != 0)
      if (session_->machine().run_round() == esp32::Machine::Progress::kIdle) session_->machine().skip_idle();
  }

  image::test::TemporaryFolder folder_;
  devices::EfuseValues file_{};
  base::EventLoop loop_;
  SessionOptions options_;
  std::unique_ptr<Session> session_;
};

TEST_F(EfuseFileTest, GetsWhatIsBurntAndNothingElse) {
  const auto other_name = folder_.path() / "same";
  std::filesystem::create_hard_link(options_.efuse, other_name);
  open();
  burn(2, 5);
  file_[25] = 5;
  EXPECT_EQ(written(), file_);
  EXPECT_TRUE(std::filesystem::equivalent(options_.efuse, other_name)) << "it was replaced, not written";
}

TEST_F(EfuseFileTest, NeverLosesABitThatAnotherMachineHasBurnt) {
  open();
  file_[24] = 0xf0;
  write();
  burn(1, 1);
  file_[24] = 0xf1;
  EXPECT_EQ(written(), file_);
}

// pytest-embedded burns with a second machine and then resets the first by system_reset.
TEST_F(EfuseFileTest, IsReadAgainAtAPowerOnFromOutside) {
  open();
  file_[23] = 0x1234;
  write();
  session_->control().system_reset();
  session_->machine().run_round();
  EXPECT_EQ(efuse().read(0x78), 0x1234u);
  burn(0, 1);
  file_[23] |= 1;
  EXPECT_EQ(written(), file_);
}

TEST_F(EfuseFileTest, IsLeftAloneIfItIsReadOnly) {
  options_.efuse_read_only = true;
  open();
  burn(0, 1);
  EXPECT_EQ(written(), file_);
  session_->control().system_reset();
  session_->machine().run_round();
  EXPECT_EQ(efuse().read(0x78), 1u);
}

}  // namespace
}  // namespace espalier::host
