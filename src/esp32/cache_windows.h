// Keeps the cache windows in step: the MMU tables and the cache's switches on one side, flash and external
// RAM on the other, host mappings in between.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>

#include "devices/cache_mmu.h"
#include "devices/dport.h"
#include "devices/flash_storage.h"
#include "esp32/memory_map.h"

namespace espalier::esp32 {

class CacheWindows {
 public:
  // Takes the callbacks of all three devices.
  CacheWindows(devices::Dport& dport, devices::CacheMmu& mmu, devices::FlashStorage& flash,
               MemoryMap& memory);
  CacheWindows(const CacheWindows&) = delete;
  CacheWindows& operator=(const CacheWindows&) = delete;

  // Asks the devices for everything anew, after a state was loaded.
  void refresh_all();

 private:
  void show(unsigned cpu, unsigned entry);
  void map(unsigned cpu, unsigned entry, const devices::CacheMmu::Window& window);
  void update_buses(unsigned cpu);
  template <class Visit>
  void for_each_window_of(std::uint32_t flash_page, Visit visit);

  // Of each core: the buses that are on, and the entries that have changed while theirs was off. Boot code
  // fills whole tables twice over before it turns the cache on; mapping each page only then saves 1,500
  // system calls.
  std::array<std::uint8_t, devices::CacheMmu::kCpus> on_{};
  std::array<std::bitset<devices::CacheMmu::kEntries>, devices::CacheMmu::kCpus> waiting_;

  devices::Dport& dport_;
  devices::CacheMmu& mmu_;
  devices::FlashStorage& flash_;
  MemoryMap& memory_;
};

}  // namespace espalier::esp32
