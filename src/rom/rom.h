// The ESP32's mask ROM: what a core sees at 0x40000000 and 0x3FF90000, and what happens when it calls there.
//
// The built-in ROM holds our own code in two forms. Native functions (N) are host functions, found by
// address: pure computation. Guest functions (G) are guest code in the ROM's address range, at addresses
// where no ROM symbol lies: all that waits for hardware, calls back into firmware, takes exceptions or boots.
// A call to a G function's published address goes on at its code here; nothing but the pc changes, so the
// caller's CALLn stays valid. Everything else in the code range is an address nobody has given a meaning:
// reaching it stops the machine.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "image/elf.h"
#include "rom/call.h"
#include "xtensa/core.h"

namespace espalier::rom {

// ESP32 TRM, table 1-2: ROM0 and ROM1 on the instruction bus in one piece, ROM1 on the data bus.
inline constexpr std::uint32_t kCodeBase = 0x40000000, kCodeSize = 0x70000;
inline constexpr std::uint32_t kDataBase = 0x3ff90000, kDataSize = 0x10000;

// The one native function that no chip's ROM has: the guest half calls it where it waits for time alone. See
// xtensa::Environment::pass_time().
inline constexpr std::uint32_t kPassTime = 0x4000f8d0;

// Where the ROM function `name` lies; 0 if no linker script of ESP-IDF names it.
std::uint32_t symbol_address(std::string_view name);
// "ets_printf", "ets_printf+0x12", or the bare address where no function lies at or before it.
std::string describe(std::uint32_t address);

class Rom {
 public:
  // The built-in ROM. Immutable: one for the whole process will do, any number of threads may use it.
  Rom();
  // A real ROM from `path`: an ELF file, or a raw dump of 0x40000000 on (448 KiB; a shorter one is padded)
  // such as QEMU's. Nothing is native then. Errors name the file.
  static std::expected<Rom, std::string> load_file(const std::filesystem::path& path);
  Rom(Rom&&) = default;
  Rom& operator=(Rom&&) = default;

  // What core `cpu` (0 PRO, 1 APP) sees at kCodeBase and at kDataBase. The two cores' ROMs differ in the
  // addresses of the RAM that a ROM keeps for its own core (see app_variant() in rom.cpp); the built-in one's
  // do not.
  std::span<const std::uint8_t> code(unsigned cpu) const { return code_[cpu < code_.size() ? cpu : 0]; }
  std::span<const std::uint8_t> data() const { return data_; }
  // Frees code() and data(), which are empty then: whoever has mapped copies of them needs no second ones.
  void drop_contents() {
    code_.assign(1, {});
    code_.shrink_to_fit();
    data_ = std::vector<std::uint8_t>();
  }

  // True if call() has to be asked about `pc`; false for all code that lies in code() and for everything
  // outside.
  bool is_native(std::uint32_t pc) const {
    const std::uint32_t offset = pc - kCodeBase;
    return offset < kCodeSize && (native_[offset / 64] >> offset % 64 & 1) != 0;
  }
  // The core has come to `pc` and is_native(pc). Runs the native function and returns to its caller (a fault
  // in it is raised in the guest at `pc`), or sets pc to the guest function's code. False if there is no
  // function: nothing has happened, and missing() says why the machine cannot go on.
  [[nodiscard]] bool call(xtensa::Core& core, std::uint32_t pc) const;
  // "ROM function r_ld_acl_start (0x4002f3bc) is not there: called from 0x400d1234 on the PRO CPU".
  static std::string missing(xtensa::Core& core, std::uint32_t pc);

  // Where call() leads to if all it does is to go on in the ROM's guest code; 0 otherwise.
  std::uint32_t guest_code(std::uint32_t pc) const;

  // What call() would do: for tests and for listings.
  enum class Kind : std::uint8_t { kCode, kNative, kGuest, kMissing };
  Kind kind(std::uint32_t pc) const;
  // True for the built-in ROM.
  bool built_in() const { return built_in_; }

 private:
  struct Entry {
    std::uint32_t address = 0;
    std::uint32_t guest = 0;       // G: where its code is
    void (*run)(Call&) = nullptr;  // N
  };
  struct Raw {};
  explicit Rom(Raw) {}
  void add_segments(const image::ElfFile& elf);
  void index_entries(const std::map<std::uint32_t, Entry>& entries);
  // The entry of `pc`, which lies in the code range; null if there is none.
  const Entry* find(std::uint32_t pc) const;

  std::vector<std::vector<std::uint8_t>> code_;  // one, or one a core
  std::vector<std::uint8_t> data_;
  std::vector<std::uint64_t> native_ = std::vector<std::uint64_t>(kCodeSize / 64);  // a bit an address
  std::vector<Entry> entries_;        // by address, and behind them one whose address is above all
  std::vector<std::uint16_t> first_;  // of them that lies in each 64 bytes of the code range, or behind
  bool built_in_ = false;
};

}  // namespace espalier::rom
