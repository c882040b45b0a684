// A chip on a SPI bus, and what reaches it while its chip select is low.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace espalier::devices {

// One transaction, in the phases in which the ESP32's controllers make it (TRM ch. "SPI Controller"). Any
// phase may be missing. Lengths are as configured; a chip has to cope with what does not suit it.
struct SpiTransfer {
  unsigned command_bits = 0;  // 0 to 16
  std::uint16_t command = 0;  // bits 7..0 go out first, then 15..8; always on one line
  unsigned address_bits = 0;  // 0 to 64
  std::uint64_t address = 0;  // the number, most significant bit first on the wire
  unsigned dummy_cycles = 0;
  std::span<const std::uint8_t> mosi = {};
  std::span<std::uint8_t> miso = {};  // holds 0xff (a line nobody drives) until the chip answers
  unsigned address_lines = 1;         // data lines in use: 1, 2 or 4
  unsigned mosi_lines = 1;
  unsigned miso_lines = 1;
  bool full_duplex = false;  // MOSI and MISO bytes go at the same time, not one phase after the other
};

class SpiSlave {
 public:
  virtual ~SpiSlave() = default;
  virtual void transfer(SpiTransfer& transfer) = 0;
};

// Reads what a controller sends as the chip does: as bytes in their order on the wire, whichever phase of the
// controller they came from. Drivers put the same command into different phases.
class SpiReader {
 public:
  explicit SpiReader(const SpiTransfer& transfer) : transfer_(transfer) {}

  // The next byte of command, address and MOSI data; nothing at the end. Bits of the command or address phase
  // that do not fill a byte are clocks without a meaning.
  std::optional<std::uint8_t> byte();
  // How many lines the next byte comes on.
  unsigned lines() const;
  // Next `bytes` bytes as a number, most significant first; nothing if there are fewer.
  std::optional<std::uint32_t> number(unsigned bytes);
  // Lets `cycles` clocks of mode bits and dummy pass: what is left of the address phase, the dummy phase,
  // then MOSI bytes. Returns how many bytes of MISO data come too early to be of use because there were too
  // few. Clocks too many do no harm: a driver adds them to make up for the delay of the pads, which nothing
  // here has.
  std::size_t skip(unsigned cycles);
  // What is left to read, at most 72 bytes.
  std::span<const std::uint8_t> rest();

 private:
  const SpiTransfer& transfer_;
  unsigned command_taken_ = 0;  // bits
  unsigned address_taken_ = 0;  // bits
  std::size_t mosi_taken_ = 0;  // bytes
  std::array<std::uint8_t, 72> rest_{};
};

}  // namespace espalier::devices
