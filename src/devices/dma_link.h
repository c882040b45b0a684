// The linked descriptors through which the ESP32's SPI, I2S, UHCI and SDIO reach memory ("lldesc"; ESP32 TRM,
// chapter "DMA Controller", section "Linked List"; ESP-IDF esp_rom/include/esp_rom_lldesc.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "devices/dma.h"

namespace espalier::devices {

// Three words: control, buffer, next. Peripherals are told a descriptor's address by its low 20 bits only.
struct DmaDescriptor {
  std::uint32_t address = 0;
  std::uint32_t control = 0;
  std::uint32_t buffer = 0;
  std::uint32_t next = 0;  // 0: this is the last

  static constexpr std::uint32_t kOwner = 1u << 31;  // 1: the DMA controller's
  static constexpr std::uint32_t kEof = 1u << 30;

  std::uint32_t size() const { return control & 0xfff; }
  std::uint32_t length() const { return control >> 12 & 0xfff; }
  bool eof() const { return (control & kEof) != 0; }
  void set_length(std::uint32_t n) { control = (control & ~(0xfffu << 12)) | (n & 0xfff) << 12; }
};

// The memory address that a link register's 20 bits mean; descriptors lie in internal SRAM.
constexpr std::uint32_t dma_link_address(std::uint32_t link) {
  return 0x3ff00000 | (link & 0xfffff);
}

// Nothing if it does not lie in RAM.
std::optional<DmaDescriptor> read_descriptor(DmaBus& bus, std::uint32_t address);
bool write_control(DmaBus& bus, const DmaDescriptor& descriptor);

// What became of a chain.
struct DmaTransfer {
  std::size_t bytes = 0;
  std::uint32_t last = 0;  // address of the last descriptor used; 0: none
  bool eof = false;        // it carries EOF
  bool error = false;      // a descriptor or buffer is not in RAM
};

// Collects up to `limit` bytes from a chain, stopping after a descriptor with EOF.
DmaTransfer gather(DmaBus& bus, std::uint32_t first, std::size_t limit, std::vector<std::uint8_t>& into);
// Spreads bytes over a chain, sets each descriptor's length, hands it back to the CPU, and marks the last one
// with EOF. Bytes for which there is no room are dropped.
DmaTransfer scatter(DmaBus& bus, std::uint32_t first, std::span<const std::uint8_t> from);

}  // namespace espalier::devices
