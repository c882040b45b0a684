#include "host/monitor_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace espalier::host {

namespace {

struct Region {
  std::uint32_t address, size;
  std::string_view kind, name;
};

constexpr Region kMemory[] = {
    {esp32::kDromBase, esp32::kDromSize, "rom", "flash.data"},
    {esp32::kRtcFastData, esp32::kRtcFastSize, "ram", "rtcfast.data (PRO CPU)"},
    {esp32::kRomData, esp32::kRomDataSize, "rom", "rom.data"},
    {esp32::kSram2, esp32::kSram2Size, "ram", "sram2"},
    {esp32::kSram1Data, esp32::kSram1Size, "ram", "sram1.data"},
    {esp32::kRomCode, esp32::kRomCodeSize, "rom", "rom.code"},
    {esp32::kSram0, esp32::kSram0Size, "ram", "sram0"},
    {esp32::kSram1Code, esp32::kSram1Size, "ram", "sram1.code"},
    {esp32::kRtcFastCode, esp32::kRtcFastSize, "ram", "rtcfast.code (PRO CPU)"},
    {esp32::kIromBase, esp32::kIromEnd - esp32::kIromBase, "rom", "flash.code"},
    {esp32::kRtcSlow, esp32::kRtcSlowSize, "ram", "rtcslow"},
};

}  // namespace

std::string memory_tree(esp32::Machine& machine) {
  std::vector<Region> regions(std::begin(kMemory), std::end(kMemory));
  if (const auto psram = machine.memory().psram(); !psram.empty())
    regions.push_back({esp32::kPsramBase, esp32::kPsramSize, "ram", "psram"});
  for (const auto& mount : machine.device_bus().mounts())
    regions.push_back({mount.address, mount.size, "i/o", mount.device->name()});
  regions.push_back({esp32::kAhbPeripheralBase, esp32::kAhbPeripheralSize, "i/o",
                     "alias ahb @peripherals 000000003ff40000-000000003ff7ffff"});
  std::ranges::stable_sort(regions, {}, &Region::address);
  std::string text = "address-space: memory\n  0000000000000000-00000000ffffffff (prio 0, i/o): system\n";
  for (const Region& region : regions)
    text += fmt::format("    {:016x}-{:016x} (prio 0, {}): {}\n", region.address,
                        region.address + (region.size - 1), region.kind, region.name);
  return text;
}

std::string device_tree(const esp32::Machine& machine) {
  std::string text = "bus: main-system-bus\n  type System\n";
  const devices::Device* last = nullptr;
  for (const auto& mount : machine.device_bus().mounts()) {
    // A device with several places of registers stands once, with all of them.
    if (mount.device != last) text += fmt::format("  dev: {}, id \"\"\n", mount.device->name());
    text += fmt::format("    mmio {:016x}/{:016x}\n", mount.address, mount.size);
    last = mount.device;
  }
  return text;
}

}  // namespace espalier::host
