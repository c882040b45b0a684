#include "esp32/system_bus.h"

#include <cstring>

namespace espalier::esp32 {

using xtensa::Access;
using xtensa::Cause;

namespace {

// The instruction bus takes aligned words only; ESP-IDF's handlers for byte access to IRAM build on these
// causes (components/freertos/FreeRTOS-Kernel/portable/xtensa, xtensa_loadstore_handler.S).
Access refuse_narrow(unsigned size) {
  return {false, size == 4 ? Cause::kLoadStoreAlignment : Cause::kLoadStoreError};
}

}  // namespace

void SystemBus::miss(unsigned cpu, std::uint32_t address, const char* what) {
  const CacheBus bus = MemoryMap::cache_bus(address);
  if (bus != CacheBus::kCount && on_cache_off) on_cache_off(cpu, bus);
  log_.debug(base::LogArea::kGuestError, "{} CPU: {} {:#010x}, where nothing is", cpu == 0 ? "PRO" : "APP",
             what, address);
}

Access SystemBus::load(unsigned cpu, std::uint32_t address, unsigned size, std::uint32_t& value) {
  value = 0;
  if (!memory_.allowed(cpu, address, MemoryMap::kMayRead)) return {false, Cause::kLoadProhibited};
  if (DeviceBus::contains(address)) {
    value = devices_.load(address, size);
    return {};
  }
  if (MemoryMap::word_only(address) && (size != 4 || (address & 3) != 0)) return refuse_narrow(size);
  if (MemoryMap::in_sram1_code(address)) address = MemoryMap::sram1_data_address(address);
  for (unsigned i = 0; i < size; ++i) {
    const std::uint8_t* at = memory_.plain(cpu, address + i);
    if (at == nullptr) {
      miss(cpu, address + i, "load from");
      break;
    }
    value |= std::uint32_t{*at} << 8 * i;
  }
  return {};
}

Access SystemBus::store(unsigned cpu, std::uint32_t address, unsigned size, std::uint32_t value) {
  if (!memory_.allowed(cpu, address, MemoryMap::kMayWrite)) return {false, Cause::kStoreProhibited};
  if (DeviceBus::contains(address)) {
    devices_.store(address, size, value);
    return {};
  }
  if (MemoryMap::word_only(address) && (size != 4 || (address & 3) != 0)) return refuse_narrow(size);
  if (MemoryMap::in_sram1_code(address)) address = MemoryMap::sram1_data_address(address);
  for (unsigned i = 0; i < size; ++i) {
    std::uint8_t* at = memory_.writable(cpu, address + i, 1);
    if (at == nullptr) {
      miss(cpu, address + i, "store to");
      return {};
    }
    *at = static_cast<std::uint8_t>(value >> 8 * i);
  }
  memory_.stored(address, size);
  return {};
}

Access SystemBus::fetch(unsigned cpu, std::uint32_t address, std::uint8_t (&bytes)[4]) {
  std::memset(bytes, 0, sizeof bytes);
  if (!memory_.allowed(cpu, address, MemoryMap::kMayExecute)) return {false, Cause::kInstFetchProhibited};
  // Only the instruction bus fetches; RTC slow memory is on both buses.
  const bool instruction_bus = MemoryMap::word_only(address) || address - kRtcSlow < kRtcSlowSize;
  if (!instruction_bus) return {false, Cause::kInstFetchProhibited};
  for (unsigned i = 0; i < 4; ++i) {
    std::uint32_t byte = address + i;
    if (MemoryMap::in_sram1_code(byte)) byte = MemoryMap::sram1_data_address(byte);
    if (const std::uint8_t* at = memory_.plain(cpu, byte)) bytes[i] = *at;
    // Elsewhere the bus reads zeros: ILL, an illegal instruction.
  }
  return {};
}

bool SystemBus::in_dma_memory(std::uint32_t address, std::size_t size) {
  return address >= kSram2 && address < kSram1Data + kSram1Size && size <= kSram1Data + kSram1Size - address;
}

bool SystemBus::read(std::uint32_t address, std::span<std::uint8_t> out) {
  if (!in_dma_memory(address, out.size())) return false;
  std::memcpy(out.data(), memory_.plain(0, address), out.size());
  return true;
}

bool SystemBus::write(std::uint32_t address, std::span<const std::uint8_t> data) {
  if (!in_dma_memory(address, data.size())) return false;
  if (data.empty()) return true;
  std::uint8_t* at = memory_.writable(0, address, static_cast<std::uint32_t>(data.size()));
  std::memcpy(at, data.data(), data.size());
  memory_.stored(address, static_cast<std::uint32_t>(data.size()));
  return true;
}

}  // namespace espalier::esp32
