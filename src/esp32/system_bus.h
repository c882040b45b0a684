// What a core's access meets where it is not a host access: registers, the instruction bus's word rule,
// protection.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/log.h"
#include "devices/dma.h"
#include "esp32/device_bus.h"
#include "esp32/memory_map.h"
#include "xtensa/memory_view.h"

namespace espalier::esp32 {

class SystemBus final : public devices::DmaBus {
 public:
  SystemBus(MemoryMap& memory, DeviceBus& devices, base::Logger& log)
      : memory_(memory), devices_(devices), log_(log) {}

  // A core touched a cache window that is switched off.
  std::function<void(unsigned cpu, CacheBus bus)> on_cache_off;

  // As xtensa::Environment's, for core number `cpu`.
  xtensa::Access load(unsigned cpu, std::uint32_t address, unsigned size, std::uint32_t& value);
  xtensa::Access store(unsigned cpu, std::uint32_t address, unsigned size, std::uint32_t value);
  xtensa::Access fetch(unsigned cpu, std::uint32_t address, std::uint8_t (&bytes)[4]);

  // DMA reaches internal data RAM only (TRM, chapter "DMA Controller").
  bool read(std::uint32_t address, std::span<std::uint8_t> out) override;
  bool write(std::uint32_t address, std::span<const std::uint8_t> data) override;

 private:
  static bool in_dma_memory(std::uint32_t address, std::size_t size);
  void miss(unsigned cpu, std::uint32_t address, const char* what);

  MemoryMap& memory_;
  DeviceBus& devices_;
  base::Logger& log_;
};

}  // namespace espalier::esp32
