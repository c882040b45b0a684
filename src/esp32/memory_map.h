// Where things lie in the ESP32's address space, and how that becomes host memory.
// Source: ESP32 TRM, chapter 1 "System and Memory" (tables 1-1 to 1-5).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/archive.h"
#include "esp32/shared_pages.h"
#include "xtensa/core.h"
#include "xtensa/memory_view.h"

namespace espalier::esp32 {

inline constexpr std::uint32_t kKiB = 1024;
inline constexpr std::uint32_t kMiB = 1024 * kKiB;

inline constexpr std::uint32_t kDromBase = 0x3f400000, kDromSize = 4 * kMiB;    // flash, data bus
inline constexpr std::uint32_t kPsramBase = 0x3f800000, kPsramSize = 4 * kMiB;  // external RAM, data bus
inline constexpr std::uint32_t kPeripheralBase = 0x3ff00000, kPeripheralSize = 0x80000;
inline constexpr std::uint32_t kRtcFastData = 0x3ff80000, kRtcFastSize = 8 * kKiB;
inline constexpr std::uint32_t kRomData = 0x3ff90000, kRomDataSize = 64 * kKiB;
inline constexpr std::uint32_t kSram2 = 0x3ffae000, kSram2Size = 200 * kKiB;
inline constexpr std::uint32_t kSram1Data = 0x3ffe0000, kSram1Size = 128 * kKiB;
inline constexpr std::uint32_t kRomCode = 0x40000000, kRomCodeSize = 448 * kKiB;
inline constexpr std::uint32_t kSram0 = 0x40070000, kSram0Size = 192 * kKiB;
inline constexpr std::uint32_t kSram1Code = 0x400a0000;  // words in reversed order
inline constexpr std::uint32_t kRtcFastCode = 0x400c0000;
inline constexpr std::uint32_t kIromBase = 0x400c2000, kIromEnd = 0x40c00000;  // flash, instruction bus
inline constexpr std::uint32_t kRtcSlow = 0x50000000, kRtcSlowSize = 8 * kKiB;
inline constexpr std::uint32_t kAhbPeripheralBase = 0x60000000, kAhbPeripheralSize = 0x40000;
inline constexpr std::uint32_t kAhbPeripheralOffset = 0x3ff40000;  // its registers' home

// The mask ROM's contents as both cores see them on the instruction bus, and on the data bus.
struct RomPages {
  std::array<std::shared_ptr<const SharedPages>, 2> code;
  std::shared_ptr<const SharedPages> data;
};

// The buses by which a core reaches its cache windows; a bit each in MemoryMap::set_cache_buses().
enum class CacheBus : std::uint8_t { kIram0, kIram1, kIrom0, kDram1, kDrom0, kCount };

// A 64 KiB page of flash or a 32 KiB page of PSRAM as a cache window shows it: `size` bytes of a file.
struct WindowPage {
  int fd = -1;
  std::int64_t offset = 0;
  bool operator==(const WindowPage&) const = default;
};

// Accesses that are to come through load() and store(), whatever memory lies there.
struct WatchedRange {
  std::uint32_t address = 0, size = 0;  // not beyond the last address
  bool load = false, store = false;
};

// The memory of one machine and both cores' views of it: two reservations of 4 GiB in which RAM, ROM and the
// cache windows are mapped where the guest sees them, and the attribute bytes that say what may be done
// there.
class MemoryMap {
 public:
  using Invalidate = std::function<void(std::uint32_t address, std::uint32_t size)>;

  // `rom` may be shared with other machines. `psram_size` is 0, 2 or 4 MiB. `invalidate` is told of address
  // ranges whose decoded code has become stale, for all cores. `origin` is what RAM holds, as snapshot() made
  // it of a map with as much PSRAM: its pages are shared until they are written to. Null: zeros.
  MemoryMap(std::shared_ptr<const RomPages> rom, std::uint32_t psram_size, Invalidate invalidate,
            std::shared_ptr<const SharedPages> origin = nullptr);
  ~MemoryMap();
  MemoryMap(const MemoryMap&) = delete;
  MemoryMap& operator=(const MemoryMap&) = delete;

  xtensa::MemoryView view(unsigned cpu) const;

  // Shows `page` read-only at the 64 KiB flash window page that holds `address`, for one core; an absent page
  // (fd < 0) unmaps it. It is mapped when it is first accessed: firmware sets up whole windows, and looks at
  // little of them.
  void map_flash(unsigned cpu, std::uint32_t address, WindowPage page);
  // Shows PSRAM from `psram_offset` at the 32 KiB page at `address`, or nothing where `present` is false.
  void map_psram(unsigned cpu, std::uint32_t address, bool present, std::uint32_t psram_offset);
  // While a core's cache, or one of its buses, is off that window answers nothing. A bit a CacheBus.
  void set_cache_buses(unsigned cpu, std::uint8_t enabled);
  // The bus whose window holds `address`; kCount outside of all of them.
  static CacheBus cache_bus(std::uint32_t address);
  // The flash under a mapped page has changed: its decoded code is stale.
  void flash_changed(std::uint32_t address, std::uint32_t size) { invalidate_(address, size); }
  // Region protection of core `cpu` has changed (attributes as in xtensa::State).
  void set_regions(unsigned cpu, std::span<const std::uint8_t, 8> instruction,
                   std::span<const std::uint8_t, 8> data);

  // As xtensa::Environment::show(): maps a flash page that is only noted down, and gives a page of RAM that
  // is the origin's its own copy before a store.
  bool show(unsigned cpu, std::uint32_t address, bool store);

  enum Right : unsigned { kMayRead = 1, kMayWrite = 2, kMayExecute = 4 };
  // Whether region protection allows core `cpu` an access.
  bool allowed(unsigned cpu, std::uint32_t address, Right right) const;

  // A byte that lies in plain memory for core `cpu`, whatever the page attributes hold back; nullptr where
  // there is none. Those behind it follow, as far as memory goes on in one piece. SRAM1 on the instruction
  // bus is not plain.
  const std::uint8_t* plain(unsigned cpu, std::uint32_t address);
  // The same of `size` bytes of RAM that are about to be written; nullptr where they are not RAM, and all in
  // one piece. stored() has to follow.
  std::uint8_t* writable(unsigned cpu, std::uint32_t address, std::uint32_t size);
  // One byte as core `cpu` would read it if it may, SRAM1 on the instruction bus included; nullptr where
  // there is no memory.
  const std::uint8_t* peek(unsigned cpu, std::uint32_t address);
  // True for RAM (not ROM, not flash) that `address` names through a straight alias.
  bool is_ram(std::uint32_t address) const;
  // True if only aligned 32-bit data accesses are possible there (the instruction bus).
  static bool word_only(std::uint32_t address);
  // SRAM1's address on the data bus of a word on the instruction bus; the two count in opposite directions.
  static std::uint32_t sram1_data_address(std::uint32_t code_address) {
    return kSram1Data + kSram1Size - 4 - ((code_address - kSram1Code) & ~3u) + (code_address & 3);
  }
  static bool in_sram1_code(std::uint32_t address) { return address - kSram1Code < kSram1Size; }

  // Decoded code lies in [address, address + size): stores there must come through store().
  void watch_code(std::uint32_t address, std::uint32_t size);
  // After a store of `size` bytes to RAM at `address` (any alias) by the slow path or by a device: drops code
  // decoded from those bytes.
  void stored(std::uint32_t address, std::uint32_t size);

  // What a debugger watches from now on.
  void set_watched(std::vector<WatchedRange> watched);
  // Whether loads are watched where the host's protection cannot stop translated code: the memory has to stay
  // readable, to be executed or since this program reads it through a core's view.
  bool watches_by_interpreter() const;

  // External RAM's contents, for the chip on the SPI bus that answers to commands; empty where there is none.
  std::span<const std::uint8_t> psram() const;
  // `size` bytes of it from `offset`, within it, that are about to be written; nullptr where exhausted().
  std::uint8_t* writable_psram(std::uint32_t offset, std::uint32_t size);
  // Zeros everywhere in RAM, as where no machine has run yet.
  void clear();
  // All of internal RAM, RTC memory and PSRAM.
  void archive(base::Archive& ar);
  // The same as pages that other maps may begin with.
  std::shared_ptr<const SharedPages> snapshot() const;
  // The host has no room left for what the guest needs (memory, or mappings of the process: its limit is
  // vm.max_map_count). From then on accesses may fail, and the machine has to stop.
  bool exhausted() const { return exhausted_; }
  // Bytes of RAM in all, and how many of them are not the origin's any more.
  static std::size_t ram_size(std::uint32_t psram_size);
  std::size_t own_ram() const;

 private:
  struct View;
  static constexpr unsigned kGranule = 64;

  struct Segment {  // one run of RAM in ram_ and an address that shows it
    std::uint32_t address, size, offset;
    bool data_bus, instruction_bus;
    bool straight;  // false: SRAM1 on the instruction bus
  };
  const Segment* segment_at(std::uint32_t address) const;
  std::uint32_t ram_offset(const Segment& segment, std::uint32_t address) const;
  bool map_fixed(unsigned cpu, std::uint32_t address, std::size_t size, int fd, std::int64_t offset,
                 bool writable);
  void map_ram(unsigned cpu, std::uint32_t address, std::uint32_t offset, std::uint32_t size);
  std::optional<std::uint32_t> ram_offset_at(unsigned cpu, std::uint32_t address) const;
  bool shared(std::uint32_t offset) const { return !shared_.empty() && shared_[offset / 4096]; }
  bool own(std::uint32_t page);
  bool own_all();
  bool copy_from_origin(std::uint32_t at, std::uint32_t size);
  void refresh(unsigned cpu, std::uint32_t address, std::uint32_t size, bool mapped = false);
  std::uint8_t attributes_of(unsigned cpu, std::uint32_t page) const;
  bool watched(std::uint32_t page, bool WatchedRange::*access) const;

  std::shared_ptr<const RomPages> rom_;
  std::uint32_t psram_size_;
  SharedPages ram_;  // its mapping shows all RAM, also what is the origin's still
  std::shared_ptr<const SharedPages> origin_;
  std::vector<bool> shared_;  // by page of ram_: the origin's; empty without one
  bool exhausted_ = false;
  Invalidate invalidate_;
  std::vector<Segment> segments_;
  std::vector<WatchedRange> watched_;
  std::array<std::unique_ptr<View>, 2> views_;
  std::vector<std::uint64_t>
      code_;  // one word per 4 KiB of ram_: a bit for each granule that holds decoded code
};

}  // namespace espalier::esp32
