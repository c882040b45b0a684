// One core with the built-in ROM (or another one), RAM, and just enough of the chip around it for ROM
// functions: a UART that never fills up, a flash chip behind SPI1, MMU tables that are taken down but not
// obeyed (the window at 0x3F400000 shows the flash from its start), and registers that read back what was
// written.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rom/rom.h"
#include "xtensa/core.h"
#include "xtensa/testing/assembler.h"

namespace espalier::rom::testing {

inline constexpr std::uint32_t kFlashWindow = 0x3f400000;
inline constexpr std::uint32_t kScratch = 0x3ffb0000;  // 64 KiB that the ROM does not use
inline constexpr std::uint32_t kStack = 0x3ffc8000;
inline constexpr std::uint32_t kProgram = 0x40080000;
inline constexpr std::uint32_t kPro = 0xcdcd, kApp = 0xabab;

class RomMachine final : public xtensa::Environment {
 public:
  explicit RomMachine(const Rom& rom, std::uint32_t prid = kPro);
  ~RomMachine();
  RomMachine(const RomMachine&) = delete;
  RomMachine& operator=(const RomMachine&) = delete;

  xtensa::Core& core() { return *core_; }

  // Runs the ROM's start code up to rom_main(), so that what it keeps in RAM has its start values.
  void initialise();
  // Runs from the reset vector until the console has shown `text`, or for `limit` instructions; returns the
  // console.
  std::string boot(std::string_view text, std::uint64_t limit = 5'000'000);
  // Calls the ROM function `name` as firmware does (windowed ABI, CALLX8) and returns a2 as the caller sees
  // it.
  std::uint32_t call(std::string_view name, const std::vector<std::uint32_t>& arguments = {});
  std::uint64_t call64(std::string_view name, const std::vector<std::uint32_t>& arguments);
  std::uint32_t call_address(std::uint32_t address, const std::vector<std::uint32_t>& arguments);
  // Assembles `text` at kProgram + 0x1000 and on; returns its labels.
  xtensa::testing::Program program(std::string_view text);

  // Memory. put() copies to `address`, or to fresh scratch memory, and returns where.
  std::uint32_t put(std::string_view bytes, std::uint32_t address = 0);
  std::uint32_t put_words(const std::vector<std::uint32_t>& words, std::uint32_t address = 0);
  std::uint32_t reserve(std::uint32_t size);
  std::uint32_t read32(std::uint32_t address) const;
  void write32(std::uint32_t address, std::uint32_t value);
  std::string string(std::uint32_t address) const;
  std::string bytes(std::uint32_t address, std::uint32_t size) const;

  // Devices.
  std::map<std::uint32_t, std::uint32_t> registers;  // what was written, and what reads give
  std::function<bool(std::uint32_t address, std::uint32_t& value)> on_read;  // false: the register as it is
  std::function<void(std::uint32_t address, std::uint32_t value)> on_write;
  std::string console;     // UART0's output
  std::string uart_input;  // waits in UART0's receive FIFO; type() also raises its interrupt
  void type(std::string_view bytes);
  std::vector<std::uint8_t> flash;
  std::uint8_t flash_status = 0, flash_status2 = 0;
  std::vector<std::uint32_t> written;  // addresses of register writes, in order
  std::string missing;                 // what Rom::call() reported
  bool passes_time = false;            // whether time that is waited for passes at once
  std::uint64_t passed = 0;            // how much of it
  std::uint64_t call_limit = 200'000'000;   // instructions that call() gives a function

  // Environment
  xtensa::Access load(xtensa::Core& core, std::uint32_t address, unsigned size,
                      std::uint32_t& value) override;
  xtensa::Access store(xtensa::Core& core, std::uint32_t address, unsigned size,
                       std::uint32_t value) override;
  xtensa::Access fetch(xtensa::Core&, std::uint32_t, std::uint8_t (&)[4]) override {
    return {false, xtensa::Cause::kInstFetchProhibited};
  }
  void code_decoded(xtensa::Core&, std::uint32_t, std::uint32_t) override {}
  bool is_native(std::uint32_t pc) const override { return rom_.is_native(pc); }
  void call_native(xtensa::Core& core, std::uint32_t pc) override;
  void pass_time(xtensa::Core& core, std::uint32_t cycles) override {
    if (!passes_time) return;
    core.charge(std::min<std::uint64_t>(cycles, core.chargeable()));
    passed += cycles;
  }
  std::uint64_t cycles(const xtensa::Core& core) override { return core.instructions(); }
  void compare_changed(xtensa::Core&, unsigned) override {}
  std::uint32_t read_external(xtensa::Core&, std::uint32_t) override { return 0; }
  void write_external(xtensa::Core&, std::uint32_t, std::uint32_t) override {}
  void region_changed(xtensa::Core&, unsigned) override {}

 private:
  std::uint32_t read_register(std::uint32_t address);
  void write_register(std::uint32_t address, std::uint32_t value);
  void flash_command(std::uint32_t bits);
  void update_uart_interrupt();
  std::uint8_t& host(std::uint32_t address) { return memory_[address]; }

  const Rom& rom_;
  std::uint8_t* memory_;  // 4 GiB of address space
  std::vector<std::uint8_t> attributes_;
  std::unique_ptr<xtensa::Core> core_;
  std::uint32_t next_scratch_ = kScratch;
};

}  // namespace espalier::rom::testing
