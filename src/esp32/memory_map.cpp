// Where memory is mapped, and who finds what there.
#include "esp32/memory_map.h"

#include <sys/mman.h>

#include <cassert>
#include <utility>

#include "esp32/host_call.h"
#include "esp32/memory_map_view.h"

namespace espalier::esp32 {
namespace {

constexpr std::size_t kReservation = std::size_t{1} << 32;
constexpr std::size_t kAttributeBytes = std::size_t{1} << 20;

// With `guard` inaccessible bytes before and behind it.
std::uint8_t* reserve(std::size_t size, int protection, std::size_t guard) {
  void* at = mmap(nullptr, size + 2 * guard, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(at != MAP_FAILED, "reserving guest address space");
  return static_cast<std::uint8_t*>(at) + guard;
}

}  // namespace

MemoryMap::View::View()
    : base(reserve(kReservation, PROT_NONE, xtensa::kGuardSize)),
      attributes(reserve(kAttributeBytes, PROT_READ | PROT_WRITE, 0)) {
  instruction_region.fill(2);
  data_region.fill(2);
  psram.fill(kNoPsram);
}

MemoryMap::View::~View() {
  munmap(base - xtensa::kGuardSize, kReservation + 2 * xtensa::kGuardSize);
  munmap(attributes, kAttributeBytes);
}

MemoryMap::MemoryMap(std::shared_ptr<const RomPages> rom, std::uint32_t psram_size, Invalidate invalidate,
                     std::shared_ptr<const SharedPages> origin)
    : rom_(std::move(rom)),
      psram_size_(psram_size),
      ram_("espalier-ram", ram_size(psram_size)),
      origin_(std::move(origin)),
      shared_(origin_ ? ram_.size() / kPage : 0, true),
      invalidate_(std::move(invalidate)),
      segments_{{kSram0, kSram0Size, kSram0Offset, false, true, true},
                {kSram2, kSram2Size, kSram2Offset, true, false, true},
                {kSram1Data, kSram1Size, kSram1Offset, true, false, true},
                {kSram1Code, kSram1Size, kSram1Offset, false, true, false},
                {kRtcFastData, kRtcFastSize, kRtcFastOffset, true, false, true},
                {kRtcFastCode, kRtcFastSize, kRtcFastOffset, false, true, true},
                {kRtcSlow, kRtcSlowSize, kRtcSlowOffset, true, true, true}},
      code_(ram_.size() / kPage) {
  assert(!origin_ || origin_->size() == ram_.size());
  if (origin_)
    check(mmap(ram_.data(), ram_.size(), PROT_READ, MAP_SHARED | MAP_FIXED, origin_->fd(), 0) != MAP_FAILED,
          "mapping guest memory");
  for (unsigned cpu = 0; cpu < views_.size(); ++cpu) {
    views_[cpu] = std::make_unique<View>();
    map_fixed(cpu, kRomCode, kRomCodeSize, rom_->code[cpu]->fd(), 0, false);
    map_fixed(cpu, kRomData, kRomDataSize, rom_->data->fd(), 0, false);
    for (const Segment& s : segments_)
      if (s.straight) map_ram(cpu, s.address, s.offset, s.size);
    refresh(cpu, kRtcFastData, kRtcFastSize, true);
    refresh(cpu, kRomData, kRomDataSize, true);
    refresh(cpu, kSram2, kSram2Size + kSram1Size, true);
    refresh(cpu, kRomCode, kRomCodeSize + kSram0Size + kSram1Size + kRtcFastSize, true);
    refresh(cpu, kRtcSlow, kRtcSlowSize, true);
  }
  check(!exhausted_, "mapping guest memory");
}

MemoryMap::~MemoryMap() = default;

xtensa::MemoryView MemoryMap::view(unsigned cpu) const {
  return {views_[cpu]->base, views_[cpu]->attributes};
}

// False: the host has no room for it, and nobody may access what is there.
bool MemoryMap::map_fixed(unsigned cpu, std::uint32_t address, std::size_t size, int fd, std::int64_t offset,
                          bool writable) {
  std::uint8_t* at = views_[cpu]->base + address;
  const void* result =
      fd < 0 ? mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
             : mmap(at, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED, fd, offset);
  exhausted_ = exhausted_ || result == MAP_FAILED;
  return result != MAP_FAILED;
}

void MemoryMap::map_flash(unsigned cpu, std::uint32_t address, WindowPage page) {
  const WindowPart part = window_part(address);
  if (!in_flash_window(part.begin)) return;
  View::Shown& shown = views_[cpu]->flash_page(part.begin);
  if (shown == page) return;
  const bool was_mapped = std::exchange(shown, {page}).mapped;
  if (was_mapped) {
    map_fixed(cpu, part.begin, part.size, -1, 0, false);
    refresh(cpu, part.begin, part.size);
  }
  invalidate_(part.begin, part.size);
}

bool MemoryMap::show(unsigned cpu, std::uint32_t address, bool store) {
  if (in_flash_window(address)) {
    View::Shown& shown = views_[cpu]->flash_page(address);
    if (store || shown.mapped || shown.fd < 0 || !views_[cpu]->window_on(address)) return false;
    const WindowPart part = window_part(address);
    const auto map = [&] {
      return map_fixed(cpu, part.begin, part.size, shown.fd, shown.offset + part.begin % kFlashPage, false);
    };
    if (!map() && !(own_all() && map())) return false;
    shown.mapped = true;
    refresh(cpu, part.begin, part.size, true);
    return true;
  }
  if (!store || shared_.empty()) return false;
  const auto offset = ram_offset_at(cpu, address);
  return offset && shared(*offset) && own(*offset / kPage);
}

void MemoryMap::map_psram(unsigned cpu, std::uint32_t address, bool present, std::uint32_t psram_offset) {
  const std::uint32_t start = address & ~(kPsramPage - 1);
  present = present && psram_size_ > 0 && psram_offset + kPsramPage <= psram_size_;
  views_[cpu]->psram[(start - kPsramBase) / kPsramPage] = present ? psram_offset : View::kNoPsram;
  if (present)
    map_ram(cpu, start, kPsramOffset + psram_offset, kPsramPage);
  else
    map_fixed(cpu, start, kPsramPage, -1, 0, false);
  refresh(cpu, start, kPsramPage, true);
}

CacheBus MemoryMap::cache_bus(std::uint32_t address) {
  if (address - kDromBase < kDromSize) return CacheBus::kDrom0;
  if (address - kPsramBase < kPsramSize) return CacheBus::kDram1;
  if (address >= kIromBase && address < kIromEnd)
    return static_cast<CacheBus>((address - kRomCode) / (4 * kMiB));
  return CacheBus::kCount;
}

void MemoryMap::set_cache_buses(unsigned cpu, std::uint8_t enabled) {
  View& view = *views_[cpu];
  const std::uint8_t changed = view.cache_buses ^ enabled;
  if (changed == 0) return;
  view.cache_buses = enabled;
  for (unsigned i = 0; i < view.drom.size(); ++i)
    if (view.drom[i].mapped) refresh(cpu, kDromBase + i * kFlashPage, kFlashPage);
  for (unsigned i = 0; i < view.irom.size(); ++i) {
    const WindowPart part = window_part(kRomCode + i * kFlashPage);
    if (view.irom[i].mapped) refresh(cpu, part.begin, part.size);
  }
  for (unsigned i = 0; i < view.psram.size(); ++i)
    if (view.psram[i] != View::kNoPsram) refresh(cpu, kPsramBase + i * kPsramPage, kPsramPage);
}

const MemoryMap::Segment* MemoryMap::segment_at(std::uint32_t address) const {
  for (const Segment& s : segments_)
    if (address - s.address < s.size) return &s;
  return nullptr;
}

std::uint32_t MemoryMap::ram_offset(const Segment& segment, std::uint32_t address) const {
  return segment.straight ? segment.offset + (address - segment.address)
                          : segment.offset + (sram1_data_address(address) - kSram1Data);
}

std::optional<std::uint32_t> MemoryMap::ram_offset_at(unsigned cpu, std::uint32_t address) const {
  if (address - kPsramBase < kPsramSize) {
    const std::uint32_t page = views_[cpu]->psram[(address - kPsramBase) / kPsramPage];
    if (page == View::kNoPsram) return std::nullopt;
    return kPsramOffset + page + address % kPsramPage;
  }
  const Segment* s = segment_at(address);
  return s ? std::optional(ram_offset(*s, address)) : std::nullopt;
}

const std::uint8_t* MemoryMap::plain(unsigned cpu, std::uint32_t address) {
  View& view = *views_[cpu];
  if (in_rom(address)) return view.base + address;
  if (in_flash_window(address)) {
    show(cpu, address, false);
    return view.window_on(address) && view.flash_page(address).mapped ? view.base + address : nullptr;
  }
  if (address - kPsramBase < kPsramSize) {
    const std::uint32_t offset = view.psram[(address - kPsramBase) / kPsramPage];
    if (!view.window_on(address) || offset == View::kNoPsram) return nullptr;
    return ram_.data() + kPsramOffset + offset + address % kPsramPage;
  }
  const Segment* s = segment_at(address);
  if (!s || !s->straight || (s->offset == kRtcFastOffset && cpu != 0)) return nullptr;
  // Not by the view: its pages may be protected, for translated code.
  return ram_.data() + ram_offset(*s, address);
}

const std::uint8_t* MemoryMap::peek(unsigned cpu, std::uint32_t address) {
  if (in_sram1_code(address)) address = sram1_data_address(address);
  // RAM is read by another mapping; of these the protection has to allow it.
  const bool by_view = in_rom(address) || in_flash_window(address);
  if (by_view && xtensa::host_protection(views_[cpu]->attributes[address >> 12]) == 0 &&
      !watched(address, &WatchedRange::load))
    return nullptr;
  return plain(cpu, address);
}

std::uint8_t* MemoryMap::writable(unsigned cpu, std::uint32_t address, std::uint32_t size) {
  const std::uint32_t last = address + (size - 1);
  if (last < address || !is_ram(address) || !is_ram(last)) return nullptr;
  const std::uint8_t* const first = plain(cpu, address);
  if (first == nullptr || plain(cpu, last) != first + (size - 1)) return nullptr;
  if (!shared_.empty()) {
    for (std::uint32_t page = address >> 12; page <= last >> 12; ++page) show(cpu, page << 12, true);
    for (std::uint32_t at = address; at <= last; at = (at | (kPage - 1)) + 1)
      if (shared(*ram_offset_at(cpu, at))) return nullptr;
  }
  return ram_.data() + (first - ram_.data());
}

bool MemoryMap::is_ram(std::uint32_t address) const {
  if (address - kPsramBase < kPsramSize) return true;
  const Segment* s = segment_at(address);
  return s && s->straight;
}

bool MemoryMap::word_only(std::uint32_t address) {
  return address >= kRomCode && address < kIromEnd;
}

std::span<const std::uint8_t> MemoryMap::psram() const {
  return {ram_.data() + kPsramOffset, psram_size_};
}

std::size_t MemoryMap::ram_size(std::uint32_t psram_size) {
  return kPsramOffset + psram_size;
}

}  // namespace espalier::esp32
