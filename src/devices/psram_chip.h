// A pseudo-static RAM chip on the flash's SPI bus: ESP-PSRAM32 and its smaller and larger kin.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "base/archive.h"
#include "devices/spi_slave.h"

namespace espalier::devices {

// The bytes, which belong to whoever shows them to the CPUs, too.
struct PsramContents {
  explicit PsramContents(std::span<std::uint8_t> memory)
      : bytes(memory), writable([memory](std::uint32_t offset, std::uint32_t) { return &memory[offset]; }) {}
  PsramContents(std::span<const std::uint8_t> memory,
                std::function<std::uint8_t*(std::uint32_t offset, std::uint32_t size)> to_write)
      : bytes(memory), writable(std::move(to_write)) {}

  std::span<const std::uint8_t> bytes;
  // `size` of them from `offset` on, within `bytes`, that are about to be written.
  std::function<std::uint8_t*(std::uint32_t offset, std::uint32_t size)> writable;
};

// Answers the commands of the APS1604M and APS3204L data sheets, in SPI mode or, after 0x35, with every byte
// on four lines (QPI). The contents are the bytes handed in, which the chip's memory map shows to the CPUs
// through the caches; their number is the capacity: 2, 4 or 8 MiB. A machine without PSRAM has none of these:
// its chip select reads ones.
class PsramChip : public SpiSlave {
 public:
  // Bytes that nobody shares.
  explicit PsramChip(std::span<std::uint8_t> contents) : PsramChip(PsramContents(contents)) {}
  explicit PsramChip(PsramContents contents) : contents_(std::move(contents)) {}

  void transfer(SpiTransfer& transfer) override;
  // In force between commands 0x35 and 0xf5, a reset or a power cut.
  bool quad_mode() const { return quad_; }
  void power_cycle();
  void archive(base::Archive& ar);

 private:
  void read(std::uint32_t address, std::span<std::uint8_t> out) const;
  void write(std::uint32_t address, std::span<const std::uint8_t> data);
  std::uint8_t id(std::size_t index) const;

  PsramContents contents_;
  bool quad_ = false;
  bool reset_enabled_ = false;
};

}  // namespace espalier::devices
