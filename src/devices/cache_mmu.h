// The tables of both cores' cache MMUs: which page of flash or external RAM each page of a cache window
// shows.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "devices/device.h"

namespace espalier::devices {

// Two tables of 2,048 entries, PRO_CPU's at 0x3FF10000 and APP_CPU's at 0x3FF12000, mounted here as one block
// of 16 KiB. An entry is 9 bits: the physical page, and bit 8 set when it maps nothing. Entries 0 to 255 map
// flash for processes 0 and 1 in pages of 64 KiB, entries 1152 to 1279 external RAM in pages of 32 KiB; the
// others belong to processes 2 to 7 (the PID controller), which no known firmware uses: they are remembered.
// Source: ESP32 TRM, chapter "Memory Management and Protection Units", tables 27-9 to 27-18; ESP-IDF
// hal/esp32/include/hal/mmu_ll.h.
class CacheMmu final : public Device {
 public:
  static constexpr unsigned kCpus = 2;
  static constexpr unsigned kEntries = 2048;
  static constexpr std::uint32_t kTableSize = kEntries * 4;
  static constexpr std::uint32_t kSize = kCpus * kTableSize;
  static constexpr std::uint16_t kInvalid = 0x100;
  static constexpr unsigned kFlashEntries = 256;
  static constexpr std::uint32_t kFlashPage = 0x10000;
  static constexpr unsigned kPsramFirst = 1152;
  static constexpr unsigned kPsramEntries = 128;
  static constexpr std::uint32_t kPsramPage = 0x8000;

  enum class Target : std::uint8_t { kFlash, kPsram };
  // The page of the address space that an entry governs.
  struct Window {
    std::uint32_t address;
    std::uint32_t size;
    Target target;
    bool instruction_bus;
    bool operator==(const Window&) const = default;
  };

  // Told of every entry whose value has changed (not on loading an archive).
  std::function<void(unsigned cpu, unsigned entry)> on_change;

  explicit CacheMmu(base::Tracer* tracer = nullptr);

  // Where an entry shows its page; nothing for the entries of processes 2 to 7. Note that flash entries 64 to
  // 76 name addresses below 0x400D0000, where ROM and RAM answer instead.
  static std::optional<Window> window(unsigned entry);
  // The entry's 9 bits, and what they say.
  std::uint16_t entry(unsigned cpu, unsigned entry) const { return tables_[cpu][entry]; }
  // The physical page that the entry maps, in units of its page size; nothing if it is invalid.
  std::optional<unsigned> page(unsigned cpu, unsigned entry) const;

  std::string_view name() const override { return "cache_mmu"; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  void set(unsigned cpu, unsigned entry, std::uint16_t value);

  base::Tracer* tracer_;
  std::array<std::array<std::uint16_t, kEntries>, kCpus> tables_;
};

}  // namespace espalier::devices
