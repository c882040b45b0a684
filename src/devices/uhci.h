// UHCI: moves UART data by DMA (ESP32 TRM, chapter "UART Controllers", section "UDMA"; ESP-IDF
// soc/esp32/register/ soc/uhci_reg.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "devices/dma.h"
#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// UHCI0 at 0x3FF54000, UHCI1 at 0x3FF4C000. A transmit chain is taken at once and handed to on_transmit; the
// chain of a started receive link is filled by receive(). Packet headers, separators and escapes are not
// made.
class Uhci : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;

  Uhci(std::string_view name, DmaBus& dma, Context context);

  // Data for the UART (0 to 2) that CONF0 connects.
  std::function<void(unsigned uart, std::span<const std::uint8_t> bytes)> on_transmit;
  // Data from the connected UART, as one frame. False if no receive link is waiting: the UART keeps it.
  bool receive(std::span<const std::uint8_t> bytes);
  base::IrqLine& irq() { return interrupts_.line; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  void transmit(std::uint32_t link);

  DmaBus& dma_;
  Interrupts interrupts_;
  std::uint32_t receive_at_ = 0;  // next descriptor of the receive chain; 0: none
};

}  // namespace espalier::devices
