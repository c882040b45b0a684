// What a device with direct memory access sees of the machine's memory.
#pragma once

#include <cstdint>
#include <span>

namespace espalier::devices {

// The chip's side of DMA: copies between guest memory and a device's buffer. Addresses are the guest's data
// addresses (0x3FFxxxxx for internal SRAM). Either call returns false, having moved nothing, where any byte
// of the range is not RAM that DMA can reach; the device then does what the chip does with a bad descriptor.
class DmaBus {
 public:
  virtual bool read(std::uint32_t addr, std::span<std::uint8_t> into) = 0;
  virtual bool write(std::uint32_t addr, std::span<const std::uint8_t> from) = 0;

  // One little-endian word.
  bool read_word(std::uint32_t addr, std::uint32_t& value) {
    std::uint8_t b[4];
    if (!read(addr, b)) return false;
    value = b[0] | static_cast<std::uint32_t>(b[1]) << 8 | static_cast<std::uint32_t>(b[2]) << 16 |
            static_cast<std::uint32_t>(b[3]) << 24;
    return true;
  }
  bool write_word(std::uint32_t addr, std::uint32_t value) {
    const std::uint8_t b[4] = {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
                               static_cast<std::uint8_t>(value >> 16),
                               static_cast<std::uint8_t>(value >> 24)};
    return write(addr, b);
  }

 protected:
  ~DmaBus() = default;
};

}  // namespace espalier::devices
