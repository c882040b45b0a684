// What each page may be used for: region protection, watched data, decoded code. MemoryMap's attributes, and
// the host's protection behind them.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "esp32/memory_map_view.h"

namespace espalier::esp32 {
namespace {

// Region protection is by pieces of 512 MiB.
constexpr unsigned kRegionShift = 29;
constexpr unsigned region_of(std::uint32_t address) {
  return address >> kRegionShift;
}
static_assert(region_of(kRomCode) == region_of(kRtcSlow));

// Rights that a region's attribute grants (Xtensa ISA, "Region Protection Option", table of attributes).
unsigned rights(std::uint8_t attribute) {
  constexpr unsigned kMayRead = MemoryMap::kMayRead, kMayWrite = MemoryMap::kMayWrite;
  constexpr unsigned kMayExecute = MemoryMap::kMayExecute;
  static constexpr std::array<std::uint8_t, 16> kRights = {kMayRead | kMayWrite,
                                                           kMayRead | kMayWrite | kMayExecute,
                                                           kMayRead | kMayWrite | kMayExecute,
                                                           kMayExecute,
                                                           kMayRead | kMayWrite | kMayExecute,
                                                           kMayRead | kMayWrite | kMayExecute,
                                                           0,
                                                           0,
                                                           0,
                                                           0,
                                                           0,
                                                           0,
                                                           0,
                                                           0,
                                                           kMayRead | kMayWrite,
                                                           0};
  return kRights[attribute & 15];
}

}  // namespace

bool MemoryMap::allowed(unsigned cpu, std::uint32_t address, Right right) const {
  const View& view = *views_[cpu];
  const auto& regions = right == kMayExecute ? view.instruction_region : view.data_region;
  return rights(regions[region_of(address)]) & right;
}

void MemoryMap::set_regions(unsigned cpu, std::span<const std::uint8_t, 8> instruction,
                            std::span<const std::uint8_t, 8> data) {
  View& view = *views_[cpu];
  // Boot code sets each region anew, several times, mostly to what grants the same.
  std::array<bool, 8> changed{};
  for (unsigned region = 0; region < changed.size(); ++region)
    changed[region] = rights(view.instruction_region[region]) != rights(instruction[region]) ||
                      rights(view.data_region[region]) != rights(data[region]);
  std::copy(instruction.begin(), instruction.end(), view.instruction_region.begin());
  std::copy(data.begin(), data.end(), view.data_region.begin());
  // Others hold no host memory, and what cannot be reached there is not code.
  if (changed[region_of(kDromBase)]) refresh(cpu, kDromBase, 0x40000000 - kDromBase);
  if (changed[region_of(kRomCode)]) {
    refresh(cpu, kRomCode, kIromEnd - kRomCode);
    refresh(cpu, kRtcSlow, kRtcSlowSize);
  }
  for (unsigned region = 0; region < changed.size(); ++region)
    if (changed[region]) invalidate_(region << kRegionShift, 1u << kRegionShift);
}

std::uint8_t MemoryMap::attributes_of(unsigned cpu, std::uint32_t address) const {
  using namespace xtensa;
  const View& view = *views_[cpu];
  std::uint8_t bits = 0;
  if (address - kRomCode < kRomCodeSize) {
    bits = kPageLoad32 | kPageFetch;
  } else if (address - kRomData < kRomDataSize) {
    bits = kPageLoad32 | kPageLoadNarrow;
  } else if (in_flash_window(address)) {
    const bool drom = address - kDromBase < kDromSize;
    if (view.window_on(address) && views_[cpu]->flash_page(address).mapped)
      bits = kPageLoad32 | (drom ? kPageLoadNarrow : kPageFetch);
  } else if (address - kPsramBase < kPsramSize) {
    const std::uint32_t offset = view.psram[(address - kPsramBase) / kPsramPage];
    if (view.window_on(address) && offset != View::kNoPsram) {
      bits = kPageLoad32 | kPageLoadNarrow;
      if (!shared(kPsramOffset + offset + address % kPsramPage)) bits |= kPageStore32 | kPageStoreNarrow;
    }
  } else if (const Segment* s = segment_at(address); s && s->straight) {
    bits = kPageLoad32 | kPageStore32;
    if (s->data_bus) bits |= kPageLoadNarrow | kPageStoreNarrow;
    if (s->instruction_bus) bits |= kPageFetch;
    // RTC fast memory is on the PRO CPU's buses only (TRM 1.3.2.5).
    if (s->offset == kRtcFastOffset && cpu != 0) bits = 0;
    const std::uint32_t offset = ram_offset(*s, address);
    if (code_[offset / kPage] || shared(offset)) bits &= ~(kPageStore32 | kPageStoreNarrow);
  }
  const unsigned data = rights(view.data_region[region_of(address)]);
  if (!(data & kMayRead)) bits &= ~(kPageLoad32 | kPageLoadNarrow);
  if (!(data & kMayWrite)) bits &= ~(kPageStore32 | kPageStoreNarrow);
  if (!(rights(view.instruction_region[region_of(address)]) & kMayExecute)) bits &= ~kPageFetch;
  if (!watched_.empty()) {
    // What the host may write it may also read: stores have to go, too.
    constexpr std::uint8_t kStores = kPageStore32 | kPageStoreNarrow;
    if (watched(address, &WatchedRange::load)) bits &= ~(kPageLoad32 | kPageLoadNarrow | kStores);
    if (watched(address, &WatchedRange::store)) bits &= ~kStores;
  }
  return bits;
}

bool MemoryMap::watched(std::uint32_t page, bool WatchedRange::*access) const {
  return std::ranges::any_of(watched_, [&](const WatchedRange& range) {
    return range.*access && range.address >> 12 <= page >> 12 &&
           page >> 12 <= (range.address + (range.size - 1)) >> 12;
  });
}

void MemoryMap::set_watched(std::vector<WatchedRange> watched) {
  const std::vector<WatchedRange> before = std::exchange(watched_, std::move(watched));
  for (const auto* ranges : {&before, &std::as_const(watched_)})
    for (const WatchedRange& range : *ranges)
      for (unsigned cpu = 0; cpu < views_.size(); ++cpu) refresh(cpu, range.address, range.size, true);
}

bool MemoryMap::watches_by_interpreter() const {
  return std::ranges::any_of(watched_, [](const WatchedRange& range) {
    const std::uint32_t last = range.address + (range.size - 1);
    const auto touches = [&](std::uint32_t begin, std::uint32_t end) {
      return range.address < end && last >= begin;
    };
    return range.load &&
           (touches(kDromBase, kDromBase + kDromSize) || touches(kRomData, kRomData + kRomDataSize) ||
            touches(kRomCode, kIromEnd) || touches(kRtcSlow, kRtcSlow + kRtcSlowSize));
  });
}

// The host's protection follows the attributes. Where memory has just been `mapped` it may be anything.
void MemoryMap::refresh(unsigned cpu, std::uint32_t address, std::uint32_t size, bool mapped) {
  View& view = *views_[cpu];
  const std::uint32_t last = (address + (size - 1)) >> 12;
  // What lies there may be another's: only the slow path, which asks nobody, goes on until the machine stops.
  if (exhausted_) std::memset(view.attributes + (address >> 12), 0, last - (address >> 12) + 1);
  if (exhausted_) return;
  std::uint32_t run = 0, length = 0;  // pages that need another protection
  int protection = 0;
  const auto protect = [&] {
    if (length == 0) return;
    if (mprotect(view.base + std::size_t{run} * kPage, std::size_t{length} * kPage, protection) != 0) {
      exhausted_ = true;
      std::memset(view.attributes + run, 0, length);
    }
    length = 0;
  };
  for (std::uint32_t page = address >> 12; page <= last; ++page) {
    const std::uint8_t bits = attributes_of(cpu, page << 12);
    int wanted = xtensa::host_protection(bits);
    // The slow path reads these through the view.
    const std::uint32_t at = page << 12;
    if ((in_rom(at) || in_flash_window(at)) && watched(at, &WatchedRange::load)) wanted |= PROT_READ;
    if (mapped || wanted != xtensa::host_protection(view.attributes[page])) {
      if (length == 0 || wanted != protection || run + length != page) {
        protect();
        run = page;
        protection = wanted;
      }
      ++length;
    }
    // Reading first keeps untouched attribute pages of the host unallocated.
    if (view.attributes[page] != bits) view.attributes[page] = bits;
  }
  protect();
}

void MemoryMap::watch_code(std::uint32_t address, std::uint32_t size) {
  for (std::uint32_t at = address & ~(kGranule - 1); at < address + size; at += kGranule) {
    const Segment* s = segment_at(at);
    if (!s) return;  // ROM never changes; flash tells through flash_changed()
    // A granule of SRAM1's reversed side is a granule on the data side, too.
    const std::uint32_t offset = ram_offset(*s, at);
    std::uint64_t& granules = code_[offset / kPage];
    const bool first = granules == 0;
    granules |= std::uint64_t{1} << (offset % kPage / kGranule);
    if (!first) continue;
    for (unsigned cpu = 0; cpu < views_.size(); ++cpu)
      for (const Segment& alias : segments_)
        if (alias.straight && offset - alias.offset < alias.size)
          refresh(cpu, alias.address + ((offset - alias.offset) & ~(kPage - 1)), kPage);
  }
}

void MemoryMap::stored(std::uint32_t address, std::uint32_t size) {
  const Segment* s = segment_at(address);
  if (!s) return;
  const std::uint32_t offset = ram_offset(*s, address);
  for (std::uint32_t at = offset & ~(kGranule - 1); at < offset + size; at += kGranule) {
    if (at / kPage >= code_.size()) return;
    std::uint64_t& granules = code_[at / kPage];
    const std::uint64_t bit = std::uint64_t{1} << (at % kPage / kGranule);
    if (!(granules & bit)) continue;
    granules &= ~bit;
    for (const Segment& alias : segments_) {
      const std::uint32_t within = at - alias.offset;
      if (within >= alias.size) continue;
      invalidate_(alias.straight ? alias.address + within : alias.address + alias.size - kGranule - within,
                  kGranule);
      if (granules == 0 && alias.straight)
        for (unsigned cpu = 0; cpu < views_.size(); ++cpu)
          refresh(cpu, alias.address + (within & ~(kPage - 1)), kPage);
    }
  }
}

}  // namespace espalier::esp32
