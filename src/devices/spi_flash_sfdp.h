// The discoverable parameters of the SPI flash chip.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier::devices {

// The bytes that command 0x5a reads from address 0: JESD216 (rev. 1.0) header, the basic flash parameter
// table of nine words at 0x30, and a manufacturer's table at 0x60, for a flash of `size` bytes with 4 KiB, 32
// KiB and 64 KiB erase and dual and quad reads. What lies behind the last byte reads as 0xff.
std::vector<std::uint8_t> sfdp_table(std::uint32_t size, std::uint8_t manufacturer);

}  // namespace espalier::devices
