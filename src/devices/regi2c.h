// The bus to the chip's analog blocks ("regi2c"): PLLs, radio front end, SAR reference. Base address
// 0x6000E000 (0x3FF4E000). Undocumented; ESP-IDF knows it through the ROM's rom_i2c_readReg and
// rom_i2c_writeReg and soc/esp32/include/soc/regi2c_*.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "devices/register_block.h"

namespace espalier::devices {

// One command register per host (the "host_id" of rom_i2c_*), at host * 4:
//   bits 7:0 block (the slave's address), 15:8 register in the block, 23:16 data, 24 write, 25 busy.
// A write to it runs the command: with bit 24 set, data goes to the register, else the register's byte
// appears in the data bits. It is done at once, so busy always reads 0. Each block of each host is a file of
// 256 bytes. Bytes that nobody wrote read as the block's known reset value; in the radio's blocks as 0xff, so
// that whatever flag of a finished calibration the closed PHY library waits for is set.
class RegI2c : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr std::uint8_t kBbpll = 0x66;  // host 4
  static constexpr std::uint8_t kApll = 0x6d;   // host 3

  explicit RegI2c(Context context);

  // A byte of a block was written.
  std::function<void(unsigned host, std::uint8_t block, std::uint8_t reg, std::uint8_t data)> on_write;

  // What the native rom_i2c_* functions call.
  std::uint8_t read_byte(unsigned host, std::uint8_t block, std::uint8_t reg) const;
  void write_byte(unsigned host, std::uint8_t block, std::uint8_t reg, std::uint8_t data);

  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t read(std::uint32_t offset) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  std::map<std::uint32_t, std::uint8_t> bytes_;  // by host << 16 | block << 8 | register
};

}  // namespace espalier::devices
