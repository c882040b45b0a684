#include "rom/rom.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "image/file.h"
#include "rom/guest_program.h"
#include "rom/native/natives.h"

// rom.elf, the guest functions: built from src/rom/guest by the target guest_rom, checked in.
asm(R"(
  .section .rodata
  .balign 16
  .global espalier_rom_guest_elf
  .global espalier_rom_guest_elf_end
espalier_rom_guest_elf:
  .incbin ")" ESPALIER_ROM_GUEST_ELF R"("
espalier_rom_guest_elf_end:
  .previous
)");
extern "C" const std::uint8_t espalier_rom_guest_elf[];
extern "C" const std::uint8_t espalier_rom_guest_elf_end[];

namespace espalier::rom {
namespace {

struct Symbol {
  std::uint32_t address;
  std::string_view name;
};
constexpr Symbol kFunctions[] = {
#define ROM_SYMBOL(address, name) {address, #name},
#include "rom/symbols.def"
};

// The native groups, one file each in rom/native.
std::vector<std::span<const NativeFunction>> native_groups() {
  return {string_natives(), integer_natives(), float_natives(),   stdlib_natives(), crc_natives(),
          md5_natives(),    crypto_natives(),  inflate_natives(), radio_natives()};
}

// The radio's ROM functions (ESP-IDF: rom_phy..., rom_pbus... and their like) lie in one piece. There is no
// radio here: what is not needed for anything else, nor in native/radio.cpp, does nothing and returns 0, so
// that firmware that starts Wi-Fi goes on.
constexpr std::uint32_t kRadioBegin = 0x40002f6c, kRadioEnd = 0x40006674;
void no_radio(Call& call) {
  call.ret(0);
}

void pass_time(Call& call) {
  call.core().environment().pass_time(call.core(), call.arg(0));
}

constexpr std::uint32_t kLine = 64;  // bytes, of Rom::first_

bool contains(std::uint32_t base, std::uint32_t size, const image::ElfSegment& s) {
  return s.address - base < size && s.file_size <= size - (s.address - base);
}

// A ROM keeps variables for its own core; the two cores' ROMs are one program with these moved: every word of
// the PRO CPU's that is an address in 0x3FFE0000..0x3FFE3FFF is 0x3F10 more in the APP CPU's
// (g_ticks_per_us_pro and _app, __stack and __stack_app are so far apart). A single file of a ROM serves both
// cores that way.
std::vector<std::uint8_t> app_variant(const std::vector<std::uint8_t>& pro) {
  constexpr std::uint32_t kLow = 0x3ffe0000, kHigh = 0x3ffe4000, kDistance = 0x3f10;
  constexpr std::size_t kCodeEnd = 0x10000;  // beyond it lies the Bluetooth code, which both cores share
  std::vector<std::uint8_t> app = pro;
  for (std::size_t i = 0; i < kCodeEnd; i += 4) {
    std::uint32_t word;
    std::memcpy(&word, &app[i], 4);
    if (word < kLow || word >= kHigh) continue;
    word += kDistance;
    std::memcpy(&app[i], &word, 4);
  }
  return app;
}

}  // namespace

std::uint32_t symbol_address(std::string_view name) {
  const auto* found = std::ranges::find(kFunctions, name, &Symbol::name);
  return found == std::end(kFunctions) ? 0 : found->address;
}

std::string describe(std::uint32_t address) {
  const auto* after = std::ranges::upper_bound(kFunctions, address, {}, &Symbol::address);
  if (address - kCodeBase >= kCodeSize || after == std::begin(kFunctions))
    return fmt::format("{:#010x}", address);
  // Of several names for one address the first.
  const auto* symbol = std::ranges::lower_bound(kFunctions, (after - 1)->address, {}, &Symbol::address);
  const std::uint32_t offset = address - symbol->address;
  return offset ? fmt::format("{}+{:#x}", symbol->name, offset) : std::string(symbol->name);
}

// The embedded file is our own and tested: it parses.
image::ElfFile guest_program() {
  return image::ElfFile::parse(image::Bytes(espalier_rom_guest_elf, espalier_rom_guest_elf_end)).value();
}

void Rom::add_segments(const image::ElfFile& elf) {
  for (const auto& segment : elf.segments()) {
    const auto bytes = elf.data(segment);
    if (contains(kCodeBase, kCodeSize, segment))
      std::ranges::copy(bytes, code_[0].begin() + (segment.address - kCodeBase));
    else if (contains(kDataBase, kDataSize, segment))
      std::ranges::copy(bytes, data_.begin() + (segment.address - kDataBase));
  }
}

Rom::Rom() : built_in_(true) {
  code_.emplace_back(kCodeSize);
  data_.resize(kDataSize);
  const auto elf = guest_program();
  add_segments(elf);

  std::ranges::fill(native_, ~std::uint64_t{0});
  for (const auto& section : elf.sections()) {
    if (!section.executable() || section.address - kCodeBase >= kCodeSize) continue;
    for (std::uint32_t pc = section.address; pc < section.address + section.size; ++pc)
      native_[(pc - kCodeBase) / 64] &= ~(std::uint64_t{1} << (pc - kCodeBase) % 64);
  }

  std::unordered_map<std::string_view, std::uint32_t> addresses;
  std::map<std::uint32_t, Entry> entries;
  for (const Symbol& symbol : kFunctions) {
    addresses.emplace(symbol.name, symbol.address);
    if (symbol.address >= kRadioBegin && symbol.address < kRadioEnd)
      entries[symbol.address] = {.run = no_radio};
  }
  for (const auto& group : native_groups())
    for (const NativeFunction& function : group)
      if (const auto a = addresses.find(function.name); a != addresses.end())
        entries[a->second] = {.run = function.run};
  for (const auto& symbol : elf.symbols())
    if (const auto a = addresses.find(symbol.name);
        symbol.global && a != addresses.end() && a->second != symbol.address)
      entries[a->second] = {.guest = symbol.address};
  entries[kPassTime] = {.run = pass_time};
  index_entries(entries);
}

void Rom::index_entries(const std::map<std::uint32_t, Entry>& entries) {
  for (const auto& [address, entry] : entries) {
    entries_.push_back(entry);
    entries_.back().address = address;
  }
  entries_.push_back({.address = ~0u});
  std::uint16_t i = 0;
  for (std::uint32_t line = kCodeBase; line < kCodeBase + kCodeSize; line += kLine) {
    while (entries_[i].address < line) ++i;
    first_.push_back(i);
  }
}

// There are but a few in 64 bytes.
const Rom::Entry* Rom::find(std::uint32_t pc) const {
  const Entry* entry = &entries_[first_[(pc - kCodeBase) / kLine]];
  while (entry->address < pc) ++entry;
  return entry->address == pc ? entry : nullptr;
}

std::expected<Rom, std::string> Rom::load_file(const std::filesystem::path& path) {
  auto bytes = image::read_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  Rom rom{Raw{}};
  rom.code_.emplace_back(kCodeSize);
  rom.data_.resize(kDataSize);
  constexpr std::string_view kElfMagic = "\177ELF";
  if (bytes->size() >= kElfMagic.size() && std::equal(kElfMagic.begin(), kElfMagic.end(), bytes->begin())) {
    auto elf = image::ElfFile::parse(std::move(*bytes));
    if (!elf) return std::unexpected(fmt::format("{} {}", path.string(), elf.error()));
    rom.add_segments(*elf);
  } else {
    // ROM1 lies at the end of the dump: 0x40060000 on the instruction bus is 0x3FF90000 on the data bus.
    constexpr std::uint32_t kRom1 = kCodeSize - kDataSize;
    if (bytes->size() > kCodeSize || bytes->size() <= kRom1)
      return std::unexpected(
          fmt::format("{} is no ESP32 ROM: a dump of 0x40000000 on has up to {} bytes, this file {}",
                      path.string(), kCodeSize, bytes->size()));
    std::ranges::copy(*bytes, rom.code_[0].begin());
    std::ranges::copy(rom.code_[0].begin() + kRom1, rom.code_[0].end(), rom.data_.begin());
  }
  const auto& code = rom.code_[0];
  if (std::all_of(code.begin() + 0x400, code.begin() + 0x404, [](std::uint8_t b) { return b == 0; }))
    return std::unexpected(
        fmt::format("{} is no ESP32 ROM: there is no code at the reset vector 0x40000400", path.string()));
  rom.code_.push_back(app_variant(code));
  return rom;
}

std::uint32_t Rom::guest_code(std::uint32_t pc) const {
  const Entry* const entry = is_native(pc) ? find(pc) : nullptr;
  return entry == nullptr || entry->run ? 0 : entry->guest;
}

Rom::Kind Rom::kind(std::uint32_t pc) const {
  if (!is_native(pc)) return Kind::kCode;
  const Entry* const entry = find(pc);
  if (entry == nullptr) return Kind::kMissing;
  return entry->run ? Kind::kNative : Kind::kGuest;
}

bool Rom::call(xtensa::Core& core, std::uint32_t pc) const {
  const Entry* const entry = find(pc);
  if (entry == nullptr) return false;
  if (!entry->run) {
    core.state().pc = entry->guest;
    return true;
  }
  Call call(core);
  const std::uint32_t back = call.return_address();
  try {
    entry->run(call);
    core.state().pc = back;
  } catch (const GuestFault& fault) {
    core.raise(fault.cause, fault.address);
  }
  return true;
}

std::string Rom::missing(xtensa::Core& core, std::uint32_t pc) {
  return fmt::format("ROM function {} ({:#010x}) is not there: called from {:#010x} on the {} CPU",
                     describe(pc), pc, Call(core).return_address(), core.index() == 0 ? "PRO" : "APP");
}

}  // namespace espalier::rom
