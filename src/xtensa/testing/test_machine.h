// A core with flat memory around it, for tests: what Environment asks for, and a record of what it was asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "xtensa/core.h"
#include "xtensa/testing/assembler.h"

namespace espalier::xtensa::testing {

// The test's address map. Anything else is nothing: loads and stores there are prohibited, fetches too.
inline constexpr std::uint32_t kVectors =
    0x40000000;  // 8 KiB; reset vector and the exception vectors' first place
inline constexpr std::uint32_t kCode = 0x40080000;   // 256 KiB of instruction memory: aligned words only
inline constexpr std::uint32_t kData = 0x3ffb0000;   // 256 KiB of data memory: all accesses; not for fetching
inline constexpr std::uint32_t kMixed = 0x50000000;  // 64 KiB for both, fetched through Environment::fetch
inline constexpr std::uint32_t kDevice = 0x3ff00000;  // a page of registers: 1024 words, hooks below

class TestMachine final : public Environment {
 public:
  explicit TestMachine(std::uint32_t prid = 0xcdcd);
  ~TestMachine();
  TestMachine(const TestMachine&) = delete;
  TestMachine& operator=(const TestMachine&) = delete;

  Core& core() { return *core_; }
  // A new core in the place of the old one, with nothing decoded. Memory, attributes and hooks stay.
  void renew_core();
  State& state() { return core_->state(); }

  // Puts a program into memory and pc to its first byte.
  Program load_program(std::string_view text, std::uint32_t base = kCode);
  void write(std::uint32_t address, const std::vector<std::uint8_t>& bytes);
  void write32(std::uint32_t address, std::uint32_t value);
  std::uint32_t read32(std::uint32_t address) const;
  std::uint8_t& byte(std::uint32_t address) { return alias_[address]; }
  void set_attributes(std::uint32_t address, std::uint32_t size, std::uint8_t attributes);
  // Runs until pc is `address`, one instruction at a time; false if that takes more than `limit`.
  bool run_to(std::uint32_t address, std::uint64_t limit = 1'000'000);

  // What tests may hook or look at.
  std::function<std::uint32_t(std::uint32_t address, unsigned size)> on_device_load;
  std::function<void(std::uint32_t address, unsigned size, std::uint32_t value)> on_device_store;
  std::function<void(Core&, std::uint32_t pc)> native;  // called for pcs in native_pcs
  std::vector<std::uint32_t> native_pcs;
  std::function<bool(Core&, std::uint32_t cause)> on_debug_break;
  std::function<void(Core&, DebuggerEvent)> on_debugger_stop;
  std::function<void(unsigned n)> on_compare_changed;
  std::function<void(std::uint32_t address, std::uint32_t value)> on_write_external;
  std::uint64_t cycle_base = 0;  // cycles() is this plus instructions()
  unsigned debugger_stops = 0;
  unsigned slow_loads = 0, slow_stores = 0, slow_fetches = 0;
  std::vector<unsigned> compares_changed, regions_changed;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> external_writes;

  // Environment
  Access load(Core& core, std::uint32_t address, unsigned size, std::uint32_t& value) override;
  Access store(Core& core, std::uint32_t address, unsigned size, std::uint32_t value) override;
  Access fetch(Core& core, std::uint32_t address, std::uint8_t (&bytes)[4]) override;
  void code_decoded(Core& core, std::uint32_t address, std::uint32_t size) override;
  bool is_native(std::uint32_t pc) const override;
  void call_native(Core& core, std::uint32_t pc) override;
  std::uint64_t cycles(const Core& core) override { return cycle_base + core.instructions(); }
  void compare_changed(Core& core, unsigned n) override;
  bool debug_break(Core& core, std::uint32_t debug_cause) override;
  void debugger_stop(Core& core, DebuggerEvent event) override;
  std::uint32_t read_external(Core& core, std::uint32_t address) override;
  void write_external(Core& core, std::uint32_t address, std::uint32_t value) override;
  void region_changed(Core& core, unsigned region) override;

 private:
  bool is_memory(std::uint32_t address) const;
  void protect(std::uint32_t page) const;

  std::uint8_t* memory_;  // 4 GiB of address space, mostly inaccessible, as the core sees it
  std::uint8_t* alias_;   // the same memory, always writable
  std::vector<std::uint8_t> attributes_;
  std::vector<std::uint8_t> plain_;  // what the attributes were before decoded code took the store bits
  std::uint32_t prid_;
  std::unique_ptr<Core> core_;
};

}  // namespace espalier::xtensa::testing
