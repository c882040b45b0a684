// The ROM's boot, run on a core: what it prints and where it goes.
#include <gtest/gtest.h>

#include "rom/testing/rom_machine.h"

namespace espalier::rom {
namespace {

using testing::RomMachine;

class Boot : public ::testing::Test {
 protected:
  static const Rom& rom() {
    static const Rom rom;
    return rom;
  }
  RomMachine machine_{rom()};
};

TEST_F(Boot, EmptyFlashFallsBackToTheConsole) {
  EXPECT_EQ(machine_.boot("OK\r\n>"),
            "ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
            "flash read err, 1000\r\nFalling back to built-in command interpreter.\r\nOK\r\n>");
}

}  // namespace
}  // namespace espalier::rom
