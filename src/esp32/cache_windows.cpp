#include "esp32/cache_windows.h"

namespace espalier::esp32 {

using devices::CacheMmu;
using devices::Dport;

namespace {

constexpr unsigned kNoBus = static_cast<unsigned>(CacheBus::kCount);

// The bus by which a core reaches a window; kNoBus where ROM and RAM answer instead. The window at 0x400C0000
// begins behind RTC fast memory: its end tells.
unsigned bus_of(const CacheMmu::Window& window) {
  return static_cast<unsigned>(MemoryMap::cache_bus(window.address + (window.size - 1)));
}

}  // namespace

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
  const unsigned bus = bus_of(*window);
  if (on_[cpu] >> bus & 1)
    map(cpu, entry, *window);
  else if (bus != kNoBus)
    waiting_[cpu].set(entry);
}

void CacheWindows::map(unsigned cpu, unsigned entry, const CacheMmu::Window& window) {
  const auto page = mmu_.page(cpu, entry);
  if (window.target == CacheMmu::Target::kPsram) {
    memory_.map_psram(cpu, window.address, page.has_value(), page.value_or(0) * window.size);
    return;
  }
  WindowPage shown;
  if (page && *page < flash_.pages()) {
    const auto backing = flash_.backing(*page);
    shown = {backing.fd, backing.offset};
  }
  memory_.map_flash(cpu, window.address, shown);
}

void CacheWindows::update_buses(unsigned cpu) {
  std::uint8_t enabled = 0;
  for (unsigned bus = 0; bus < kNoBus; ++bus)
    if (dport_.cache_bus_enabled(cpu, static_cast<Dport::CacheBus>(bus))) enabled |= 1u << bus;
  if (enabled & ~on_[cpu] && waiting_[cpu].any())
    for (unsigned entry = 0; entry < CacheMmu::kEntries; ++entry) {
      if (!waiting_[cpu].test(entry)) continue;
      const CacheMmu::Window window = *CacheMmu::window(entry);
      if (!(enabled >> bus_of(window) & 1)) continue;
      waiting_[cpu].reset(entry);
      map(cpu, entry, window);
      // The page may be the one shown before, changed while the entry named another and nobody told of it.
      if (window.target == CacheMmu::Target::kFlash) memory_.flash_changed(window.address, window.size);
    }
  on_[cpu] = enabled;
  memory_.set_cache_buses(cpu, enabled);
}

void CacheWindows::refresh_all() {
  for (unsigned cpu = 0; cpu < CacheMmu::kCpus; ++cpu) {
    for (unsigned entry = 0; entry < CacheMmu::kEntries; ++entry) show(cpu, entry);
    update_buses(cpu);
  }
}

}  // namespace espalier::esp32
