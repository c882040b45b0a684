// The peripheral bus: which device answers at which address.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/log.h"
#include "devices/device.h"
#include "esp32/memory_map.h"

namespace espalier::esp32 {

// Routes accesses to 0x3FF00000..0x3FF7FFFF and, through the AHB alias at 0x60000000, to the part of it from
// 0x3FF40000 on. Where nothing is mounted a register reads back what was written.
class DeviceBus {
 public:
  DeviceBus(base::Logger& log, base::Tracer& tracer);

  // Mounts `device` so that its register `device_offset` lies at `address`; both multiples of 256 bytes. It is
  // not asked for what lies beyond `size`. A later mount takes the place of an earlier one where they overlap.
  void mount(std::uint32_t address, std::uint32_t size, devices::Device& device,
             std::uint32_t device_offset = 0);

  static bool contains(std::uint32_t address) {
    return address - kPeripheralBase < kPeripheralSize || address - kAhbPeripheralBase < kAhbPeripheralSize;
  }
  // `size` is 1, 2 or 4 bytes; an access that crosses a word's end is cut there, as the APB does.
  std::uint32_t load(std::uint32_t address, unsigned size);
  void store(std::uint32_t address, unsigned size, std::uint32_t value);

  // The word at `address` (a multiple of 4) without what reading it would do.
  std::uint32_t peek(std::uint32_t address) const;
  // What is mounted, in the order in which it was.
  struct Mount {
    devices::Device* device;
    std::uint32_t address, size, device_offset;
    std::uint16_t event;  // the first of its two register events
  };
  const std::vector<Mount>& mounts() const { return mounts_; }

  void archive(base::Archive& ar);

 private:
  static constexpr std::uint32_t kSlot = 256;
  static constexpr std::uint8_t kNothing = 0xff;
  struct Target {
    const Mount* mount;       // nullptr: nothing there
    std::uint32_t register_;  // word-aligned offset within the device, or address
  };
  Target find(std::uint32_t address) const;
  std::uint32_t& unknown(std::uint32_t address, bool write);

  base::Logger& log_;
  base::Tracer& tracer_;
  std::uint16_t unknown_event_;
  std::vector<Mount> mounts_;
  std::array<std::uint8_t, kPeripheralSize / kSlot> slots_;
  std::unordered_map<std::uint32_t, std::uint32_t> unknown_;
};

}  // namespace espalier::esp32
