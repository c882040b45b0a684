// What the parts of MemoryMap share: its own header, for nobody else.
#pragma once

#include <array>
#include <cstdint>

#include "esp32/memory_map.h"

namespace espalier::esp32 {

inline constexpr std::uint32_t kPage = 4 * kKiB;
inline constexpr std::uint32_t kFlashPage = 64 * kKiB;
inline constexpr std::uint32_t kPsramPage = 32 * kKiB;

// Offsets in ram_, page-aligned.
inline constexpr std::uint32_t kSram0Offset = 0;
inline constexpr std::uint32_t kSram2Offset = kSram0Offset + kSram0Size;
inline constexpr std::uint32_t kSram1Offset = kSram2Offset + kSram2Size;
inline constexpr std::uint32_t kRtcFastOffset = kSram1Offset + kSram1Size;
inline constexpr std::uint32_t kRtcSlowOffset = kRtcFastOffset + kRtcFastSize;
inline constexpr std::uint32_t kPsramOffset = kRtcSlowOffset + kRtcSlowSize;

inline bool in_rom(std::uint32_t address) {
  return address - kRomCode < kRomCodeSize || address - kRomData < kRomDataSize;
}

inline bool in_flash_window(std::uint32_t address) {
  return address - kDromBase < kDromSize || (address >= kIromBase && address < kIromEnd);
}

// What the flash window shows of the 64 KiB page that holds `address`: all of it, but for the first 8 KiB of
// the instruction bus's page 0x400C0000. They are RTC fast memory, which the window cannot hide; pages below
// it are ROM and SRAM.
struct WindowPart {
  std::uint32_t begin, size;
};
inline WindowPart window_part(std::uint32_t address) {
  const std::uint32_t start = address & ~(kFlashPage - 1), end = start + kFlashPage;
  const std::uint32_t begin = start < kIromBase && end > kIromBase ? kIromBase : start;
  return {begin, end - begin};
}

// What one core sees.
struct MemoryMap::View {
  std::uint8_t* base;        // 4 GiB, of which what is shown is mapped
  std::uint8_t* attributes;  // a byte for each page
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

  View();
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  bool window_on(std::uint32_t address) const {
    return cache_buses >> static_cast<unsigned>(cache_bus(address)) & 1;
  }
  Shown& flash_page(std::uint32_t address) {
    return address - kDromBase < kDromSize ? drom[(address - kDromBase) / kFlashPage]
                                           : irom[(address - kRomCode) / kFlashPage];
  }
};

}  // namespace espalier::esp32
