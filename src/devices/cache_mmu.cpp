#include "devices/cache_mmu.h"

namespace espalier::devices {
namespace {

constexpr std::uint16_t kEntryMask = 0x1ff;

struct FlashRegion {
  std::uint32_t address;
  bool instruction_bus;
};
// VAddr0 to VAddr3, 64 entries each: DROM0, IRAM0, IRAM1, IROM0.
constexpr FlashRegion kFlashRegions[4] = {
    {0x3F400000, false}, {0x40000000, true}, {0x40400000, true}, {0x40800000, true}};
constexpr unsigned kRegionEntries = 64;
constexpr std::uint32_t kPsramBase = 0x3F800000;

}  // namespace

CacheMmu::CacheMmu(base::Tracer* tracer) : tracer_(tracer) {
  for (auto& table : tables_) table.fill(kInvalid);
}

std::optional<CacheMmu::Window> CacheMmu::window(unsigned entry) {
  if (entry < kFlashEntries) {
    const FlashRegion& region = kFlashRegions[entry / kRegionEntries];
    return Window{region.address + entry % kRegionEntries * kFlashPage, kFlashPage, Target::kFlash,
                  region.instruction_bus};
  }
  if (entry - kPsramFirst < kPsramEntries)
    return Window{kPsramBase + (entry - kPsramFirst) * kPsramPage, kPsramPage, Target::kPsram, false};
  return std::nullopt;
}

std::optional<unsigned> CacheMmu::page(unsigned cpu, unsigned entry) const {
  const std::uint16_t value = tables_[cpu][entry];
  if (value & kInvalid) return std::nullopt;
  return value & (kInvalid - 1);
}

void CacheMmu::set(unsigned cpu, unsigned entry, std::uint16_t value) {
  if (tables_[cpu][entry] == value) return;
  tables_[cpu][entry] = value;
  if (tracer_ != nullptr) tracer_->trace<base::TraceEvent::cache_mmu_entry>(cpu, entry, value);
  if (on_change) on_change(cpu, entry);
}

std::uint32_t CacheMmu::read(std::uint32_t offset) {
  return tables_[offset / kTableSize][offset % kTableSize / 4];
}

void CacheMmu::write(std::uint32_t offset, std::uint32_t value) {
  set(offset / kTableSize, offset % kTableSize / 4, value & kEntryMask);
}

void CacheMmu::reset(ResetKind) {
  // The tables are RAM, undefined after a reset; the ROM's boot code invalidates them.
  for (unsigned cpu = 0; cpu < kCpus; ++cpu)
    for (unsigned entry = 0; entry < kEntries; ++entry) set(cpu, entry, kInvalid);
}

void CacheMmu::archive(base::Archive& ar) {
  ar.section("cache_mmu");
  ar(tables_);
  for (auto& table : tables_)
    for (std::uint16_t& entry : table) entry &= kEntryMask;
}

}  // namespace espalier::devices
