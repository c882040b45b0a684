// The SD/MMC host controller (a DesignWare Mobile Storage Host; ESP32 TRM, chapter "SD/MMC Host Controller";
// ESP-IDF soc/esp32/register/soc/sdmmc_reg.h). Base address 0x3FF68000.
#pragma once

#include <cstdint>

#include "devices/register_block.h"

namespace espalier::devices {

// Without a card in either slot: commands that expect a response end in a response timeout, the others
// succeed. Resets and clock updates are over at once.
class Sdmmc : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;

  explicit Sdmmc(Context context);

  base::IrqLine& irq() { return line_; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  void command(std::uint32_t value);
  void command_over();
  void update_line();

  base::IrqLine line_;
  base::Timer timer_;
};

}  // namespace espalier::devices
