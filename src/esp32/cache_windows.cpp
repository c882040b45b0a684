#include "esp32/cache_windows.h"

namespace espalier::esp32 {

using devices::CacheMmu;
using devices::Dport;

CacheWindows::CacheWindows(Dport& dport, CacheMmu& mmu, devices::FlashStorage& flash, MemoryMap& memory)
    : dport_(dport), mmu_(mmu), flash_(flash), memory_(memory) {
  mmu_.on_change = [this](unsigned cpu, unsigned entry) { show(cpu, entry); };
  dport_.on_cache_change = [this](unsigned cpu) { update_buses(cpu); };
  flash_.on_backing_change([this](std::uint32_t page) {
    for_each_window_of(page, [&](unsigned cpu, unsigned entry) { show(cpu, entry); });
  });
  flash_.on_contents_change([this](std::uint32_t address, std::uint32_t length) {
    for_each_window_of(address / CacheMmu::kFlashPage, [&](unsigned, unsigned entry) {
      memory_.flash_changed(CacheMmu::window(entry)->address + address % CacheMmu::kFlashPage, length);
    });
  });
}

// Visits every MMU entry, of both cores, that shows a page of flash.
template <class Visit>
void CacheWindows::for_each_window_of(std::uint32_t flash_page, Visit visit) {
  for (unsigned cpu = 0; cpu < CacheMmu::kCpus; ++cpu)
    for (unsigned entry = 0; entry < CacheMmu::kFlashEntries; ++entry)
      if (mmu_.page(cpu, entry) == flash_page) visit(cpu, entry);
}

void CacheWindows::show(unsigned cpu, unsigned entry) {
  const auto window = CacheMmu::window(entry);
  if (!window) return;
  const auto page = mmu_.page(cpu, entry);
  if (window->target == CacheMmu::Target::kPsram) {
    memory_.map_psram(cpu, window->address, page.has_value(), page.value_or(0) * window->size);
    return;
  }
  WindowPage shown;
  if (page && *page < flash_.pages()) {
    const auto backing = flash_.backing(*page);
    shown = {backing.fd, backing.offset};
  }
  memory_.map_flash(cpu, window->address, shown);
}

void CacheWindows::update_buses(unsigned cpu) {
  std::uint8_t enabled = 0;
  for (unsigned bus = 0; bus < static_cast<unsigned>(CacheBus::kCount); ++bus)
    if (dport_.cache_bus_enabled(cpu, static_cast<Dport::CacheBus>(bus))) enabled |= 1u << bus;
  memory_.set_cache_buses(cpu, enabled);
}

void CacheWindows::refresh_all() {
  for (unsigned cpu = 0; cpu < CacheMmu::kCpus; ++cpu) {
    for (unsigned entry = 0; entry < CacheMmu::kEntries; ++entry) show(cpu, entry);
    update_buses(cpu);
  }
}

}  // namespace espalier::esp32
