#include "esp32/memory_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace espalier::esp32 {
namespace {

constexpr std::size_t kReservation = std::size_t{1} << 32;
constexpr std::size_t kAttributeBytes = std::size_t{1} << 20;
constexpr std::uint32_t kPage = 4 * kKiB;
constexpr std::uint32_t kFlashPage = 64 * kKiB;
constexpr std::uint32_t kPsramPage = 32 * kKiB;

// Offsets in ram_, page-aligned.
constexpr std::uint32_t kSram0Offset = 0;
constexpr std::uint32_t kSram2Offset = kSram0Offset + kSram0Size;
constexpr std::uint32_t kSram1Offset = kSram2Offset + kSram2Size;
constexpr std::uint32_t kRtcFastOffset = kSram1Offset + kSram1Size;
constexpr std::uint32_t kRtcSlowOffset = kRtcFastOffset + kRtcFastSize;
constexpr std::uint32_t kPsramOffset = kRtcSlowOffset + kRtcSlowSize;

void check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

// With `guard` inaccessible bytes before and behind it.
std::uint8_t* reserve(std::size_t size, int protection, std::size_t guard) {
  void* at = mmap(nullptr, size + 2 * guard, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(at != MAP_FAILED, "reserving guest address space");
  return static_cast<std::uint8_t*>(at) + guard;
}

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

bool in_rom(std::uint32_t address) {
  return address - kRomCode < kRomCodeSize || address - kRomData < kRomDataSize;
}

bool in_flash_window(std::uint32_t address) {
  return address - kDromBase < kDromSize || (address >= kIromBase && address < kIromEnd);
}

// What the flash window shows of the 64 KiB page that holds `address`: all of it, but for the first 8 KiB of
// the instruction bus's page 0x400C0000. They are RTC fast memory, which the window cannot hide; pages below
// it are ROM and SRAM.
struct WindowPart {
  std::uint32_t begin, size;
};
WindowPart window_part(std::uint32_t address) {
  const std::uint32_t start = address & ~(kFlashPage - 1), end = start + kFlashPage;
  const std::uint32_t begin = start < kIromBase && end > kIromBase ? kIromBase : start;
  return {begin, end - begin};
}

bool is_zero(const std::uint8_t* bytes, std::size_t size) {
  return std::all_of(bytes, bytes + size, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

SharedPages::SharedPages(const char* name, std::size_t size)
    : fd_(memfd_create(name, MFD_CLOEXEC)), size_(size), data_(nullptr) {
  check(fd_ >= 0, "creating guest memory");
  check(ftruncate(fd_, static_cast<off_t>(size)) == 0, "sizing guest memory");
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  check(at != MAP_FAILED, "mapping guest memory");
  data_ = static_cast<std::uint8_t*>(at);
}

SharedPages::~SharedPages() {
  munmap(data_, size_);
  close(fd_);
}

struct MemoryMap::View {
  std::uint8_t* base = reserve(kReservation, PROT_NONE, xtensa::kGuardSize);
  std::uint8_t* attributes = reserve(kAttributeBytes, PROT_READ | PROT_WRITE, 0);
  std::array<std::uint8_t, 8> instruction_region{}, data_region{};
  std::uint8_t cache_buses = 0;
  // What each 64 KiB page of 0x3F400000..0x3F7FFFFF and 0x40000000..0x40BFFFFF, and each 32 KiB page of
  // PSRAM's window shows.
  struct Shown : WindowPage {
    bool mapped = false;  // so far it may only be noted down
  };
  std::array<Shown, 64> drom;
  std::array<Shown, 192> irom;
  static constexpr std::uint32_t kNoPsram = ~0u;
  std::array<std::uint32_t, 128> psram;  // offset in PSRAM

  View() {
    instruction_region.fill(2);
    data_region.fill(2);
    psram.fill(kNoPsram);
  }
  ~View() {
    munmap(base - xtensa::kGuardSize, kReservation + 2 * xtensa::kGuardSize);
    munmap(attributes, kAttributeBytes);
  }
  bool window_on(std::uint32_t address) const {
    return cache_buses >> static_cast<unsigned>(cache_bus(address)) & 1;
  }
  Shown& flash_page(std::uint32_t address) {
    return address - kDromBase < kDromSize ? drom[(address - kDromBase) / kFlashPage]
                                           : irom[(address - kRomCode) / kFlashPage];
  }
};

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

// Shows RAM from `offset`, each piece of it as long as it is the origin's or this map's own.
void MemoryMap::map_ram(unsigned cpu, std::uint32_t address, std::uint32_t offset, std::uint32_t size) {
  for (std::uint32_t done = 0, run = 0; done < size; done += run) {
    const bool origins = shared(offset + done);
    for (run = kPage; done + run < size && shared(offset + done + run) == origins;) run += kPage;
    map_fixed(cpu, address + done, run, origins ? origin_->fd() : ram_.fd(), offset + done, !origins);
  }
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

std::optional<std::uint32_t> MemoryMap::ram_offset_at(unsigned cpu, std::uint32_t address) const {
  if (address - kPsramBase < kPsramSize) {
    const std::uint32_t page = views_[cpu]->psram[(address - kPsramBase) / kPsramPage];
    if (page == View::kNoPsram) return std::nullopt;
    return kPsramOffset + page + address % kPsramPage;
  }
  const Segment* s = segment_at(address);
  return s ? std::optional(ram_offset(*s, address)) : std::nullopt;
}

// Gives a page of RAM that is the origin's a copy of this map's own, wherever it is shown. False: the host
// has no room for it.
bool MemoryMap::own(std::uint32_t page) {
  // Two at a time: a process may have only so many mappings, and neighbours are mostly written soon after.
  // Each piece of RAM has an even number of pages.
  constexpr std::uint32_t kUnit = 2 * kPage;
  const std::uint32_t at = page * kPage / kUnit * kUnit;
  if (!copy_from_origin(at, kUnit)) return false;
  if (mmap(ram_.data() + at, kUnit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_.fd(), at) ==
      MAP_FAILED)
    return own_all();
  shared_[at / kPage] = shared_[at / kPage + 1] = false;
  const auto map_again = [&](unsigned cpu, std::uint32_t address) {
    return !exhausted_ && map_fixed(cpu, address, kUnit, ram_.fd(), at, true) &&
           (refresh(cpu, address, kUnit, true), !exhausted_);
  };
  for (unsigned cpu = 0; cpu < views_.size(); ++cpu) {
    for (const Segment& alias : segments_)
      if (alias.straight && at - alias.offset < alias.size &&
          !map_again(cpu, alias.address + (at - alias.offset)))
        return own_all();
    if (at < kPsramOffset) continue;
    const auto& windows = views_[cpu]->psram;
    for (std::uint32_t i = 0; i < windows.size(); ++i)
      if (windows[i] != View::kNoPsram && at - kPsramOffset - windows[i] < kPsramPage &&
          !map_again(cpu, kPsramBase + i * kPsramPage + (at - kPsramOffset - windows[i])))
        return own_all();
  }
  return true;
}

// The process has all the mappings that it may have: one for all of RAM takes the place of many.
bool MemoryMap::own_all() {
  if (shared_.empty()) return false;
  exhausted_ = false;
  for (std::uint32_t at = 0; at < ram_.size(); at += kPage)
    if (shared(at) && !copy_from_origin(at, kPage)) return false;
  exhausted_ = mmap(ram_.data(), ram_.size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_.fd(), 0) ==
               MAP_FAILED;
  if (exhausted_) return false;
  shared_.assign(shared_.size(), false);
  for (unsigned cpu = 0; cpu < views_.size(); ++cpu) {
    // What is one mapping of the host's has to be replaced in one go: to cut it would take another one.
    Segment run{};
    const auto map_run = [&] {
      if (run.size != 0 && !exhausted_ && map_fixed(cpu, run.address, run.size, ram_.fd(), run.offset, true))
        refresh(cpu, run.address, run.size, true);
    };
    const auto add = [&](std::uint32_t address, std::uint32_t offset, std::uint32_t size) {
      if (address - run.address != run.size || offset - run.offset != run.size) {
        map_run();
        run = {.address = address, .size = 0, .offset = offset};
      }
      run.size += size;
    };
    for (const Segment& s : segments_)
      if (s.straight) add(s.address, s.offset, s.size);
    const auto& windows = views_[cpu]->psram;
    for (std::uint32_t i = 0; i < windows.size(); ++i)
      if (windows[i] != View::kNoPsram)
        add(kPsramBase + i * kPsramPage, kPsramOffset + windows[i], kPsramPage);
    map_run();
  }
  return !exhausted_;
}

bool MemoryMap::copy_from_origin(std::uint32_t at, std::uint32_t size) {
  const std::uint8_t* const from = origin_->data() + at;
  // Zeros are there already.
  if (!is_zero(from, size) && pwrite(ram_.fd(), from, size, at) != static_cast<ssize_t>(size))
    exhausted_ = true;
  return !exhausted_;
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

const std::uint8_t* MemoryMap::peek(unsigned cpu, std::uint32_t address) {
  if (in_sram1_code(address)) address = sram1_data_address(address);
  // RAM is read by another mapping; of these the protection has to allow it.
  const bool by_view = in_rom(address) || in_flash_window(address);
  if (by_view && xtensa::host_protection(views_[cpu]->attributes[address >> 12]) == 0 &&
      !watched(address, &WatchedRange::load))
    return nullptr;
  return plain(cpu, address);
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

const MemoryMap::Segment* MemoryMap::segment_at(std::uint32_t address) const {
  for (const Segment& s : segments_)
    if (address - s.address < s.size) return &s;
  return nullptr;
}

std::uint32_t MemoryMap::ram_offset(const Segment& segment, std::uint32_t address) const {
  return segment.straight ? segment.offset + (address - segment.address)
                          : segment.offset + (sram1_data_address(address) - kSram1Data);
}

bool MemoryMap::allowed(unsigned cpu, std::uint32_t address, Right right) const {
  const View& view = *views_[cpu];
  const auto& regions = right == kMayExecute ? view.instruction_region : view.data_region;
  return rights(regions[region_of(address)]) & right;
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

std::span<const std::uint8_t> MemoryMap::psram() const {
  return {ram_.data() + kPsramOffset, psram_size_};
}

std::uint8_t* MemoryMap::writable_psram(std::uint32_t offset, std::uint32_t size) {
  for (std::uint32_t at = kPsramOffset + offset; at < kPsramOffset + offset + size;
       at = (at / kPage + 1) * kPage)
    if (shared(at) && !own(at / kPage)) return nullptr;
  return ram_.data() + kPsramOffset + offset;
}

void MemoryMap::clear() {
  for (std::uint32_t page = 0; page < shared_.size(); ++page)
    if (shared_[page] && !is_zero(origin_->data() + std::size_t{page} * kPage, kPage)) own(page);
  check(fallocate(ram_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  static_cast<off_t>(ram_.size())) == 0,
        "clearing guest memory");
  for (const Segment& s : segments_)
    if (s.straight) stored(s.address, s.size);
}

void MemoryMap::archive(base::Archive& ar) {
  ar.section("ram");
  if (!ar.is_saving())
    for (std::uint32_t page = 0; page < shared_.size(); ++page)
      if (shared_[page]) check(own(page), "copying guest memory");
  ar.bytes({ram_.data(), ram_.size()});
}

std::shared_ptr<const SharedPages> MemoryMap::snapshot() const {
  auto pages = std::make_shared<SharedPages>("espalier-origin", ram_.size());
  for (std::size_t at = 0; at < ram_.size(); at += kPage) {
    const std::uint8_t* const from = ram_.data() + at;
    if (!is_zero(from, kPage)) std::memcpy(pages->data() + at, from, kPage);
  }
  return pages;
}

std::size_t MemoryMap::ram_size(std::uint32_t psram_size) {
  return kPsramOffset + psram_size;
}

std::size_t MemoryMap::own_ram() const {
  return ram_.size() - kPage * static_cast<std::size_t>(std::ranges::count(shared_, true));
}

}  // namespace espalier::esp32
