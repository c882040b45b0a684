// The built-in Ethernet MAC's own registers (a Synopsys GMAC; ESP32 TRM, chapter "Ethernet MAC"; ESP-IDF
// soc/esp32/ register/soc/emac_mac_struct.h). Base address 0x3FF6A000.
#pragma once

#include <cstdint>

#include "devices/register_block.h"

namespace espalier::devices {

// Without a transceiver: management reads give ones and are over at once. The MAC's DMA registers at
// 0x3FF69000 are not here: the OpenCores MAC that this machine has in its place lies there.
class EmacMac : public RegisterBlock {
 public:
  static constexpr std::uint32_t kBase = 0x3ff6a000;
  static constexpr std::uint32_t kSize = 0x1000;

  explicit EmacMac(Context context);

  void write(std::uint32_t offset, std::uint32_t value) override;
};

}  // namespace espalier::devices
