// The I2S controllers (ESP32 TRM, chapter "I2S"; ESP-IDF soc/esp32/register/soc/i2s_reg.h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "devices/dma.h"
#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// I2S0 at 0x3FF4F000, I2S1 at 0x3FF6D000. As a master it takes transmit descriptors and fills receive
// descriptors at the rate that its clock settings give, with OUT_EOF and IN_SUC_EOF as each is done. What is
// sent goes to on_transmit; what is received comes from on_receive, or is silence. As a slave it waits for a
// clock that never comes. The audio PLL as clock source counts as the 160 MHz of the main one.
class I2s : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;

  I2s(std::string_view name, DmaBus& dma, Context context);

  // The bytes of one descriptor, when their transmission begins.
  std::function<void(std::span<const std::uint8_t>)> on_transmit;
  // Fills what one descriptor has received, when that is over; it holds zeros.
  std::function<void(std::span<std::uint8_t>)> on_receive;
  base::IrqLine& irq() { return interrupts_.line; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  enum Side : unsigned { kTransmit, kReceive };
  // One side's walk along its descriptors.
  struct Stream {
    bool linked = false;             // the link has been started
    std::uint32_t descriptor = 0;    // the present one; 0: none left
    std::uint32_t bytes = 0;         // of it
    std::uint32_t since_eof = 0;     // bytes received since the last end of frame
    base::Ticks due = base::kNever;  // when the present descriptor is done
    void archive(base::Archive& ar) { ar(linked, descriptor, bytes, since_eof, due); }
  };

  bool clocked(Side side) const;
  base::Ticks duration(Side side, std::uint32_t bytes) const;
  void link_written(Side side, std::uint32_t value);
  void begin(Side side, base::Ticks at);
  void complete(Side side);
  void update();
  void advance();
  void arm();

  DmaBus& dma_;
  Interrupts interrupts_;
  base::Timer alarm_;
  std::array<Stream, 2> streams_;
};

}  // namespace espalier::devices
