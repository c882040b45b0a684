#include "debug/free_rtos.h"

#include <algorithm>

namespace espalier::debug {
namespace {

// configMAX_TASK_NAME_LEN's default. ESP-IDF pads names with zeros.
constexpr std::uint32_t kNameLength = 16;
// In FreeRTOS_openocd_params, a table of bytes that ESP-IDF 4.3 and later keep for debuggers: where
// pcTaskName lies (components/freertos/esp_additions/freertos_tasks_c_additions.h).
constexpr std::uint32_t kParamsNameOffset = 7;

}  // namespace

std::optional<FreeRtosSymbols> FreeRtosSymbols::find(const image::ElfFile& elf) {
  const image::ElfSymbol* current = elf.find("pxCurrentTCBs");
  if (current == nullptr) current = elf.find("pxCurrentTCB");
  if (current == nullptr) return std::nullopt;
  FreeRtosSymbols found;
  found.current_tcbs = current->address;
  found.cores = std::clamp(current->size / 4, 1u, 2u);
  const image::ElfSymbol* params = elf.find("FreeRTOS_openocd_params");
  if (params == nullptr || params->size <= kParamsNameOffset) return found;
  for (const image::ElfSection& section : elf.sections()) {
    const std::uint32_t at = params->address + kParamsNameOffset - section.address;
    if (section.allocated() && at < section.file_size) found.name_offset = elf.data(section)[at];
  }
  return found;
}

std::optional<std::uint32_t> plain_word(esp32::Machine& machine, std::uint32_t address) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint8_t* at = machine.memory().plain(0, address + i);
    if (at == nullptr) return std::nullopt;
    value |= std::uint32_t{*at} << 8 * i;
  }
  return value;
}

std::uint32_t current_tcb(esp32::Machine& machine, const FreeRtosSymbols& symbols, unsigned cpu) {
  if (cpu >= symbols.cores) return 0;
  return plain_word(machine, symbols.current_tcbs + 4 * cpu).value_or(0);
}

std::string task_name(esp32::Machine& machine, const FreeRtosSymbols& symbols, std::uint32_t tcb) {
  std::string name;
  for (std::uint32_t i = 0; i < kNameLength; ++i) {
    const std::uint8_t* at = machine.memory().plain(0, tcb + symbols.name_offset + i);
    if (at == nullptr || *at == 0) break;
    name += static_cast<char>(*at);
  }
  return name;
}

}  // namespace espalier::debug
