// A whole machine: two cores, memory, peripherals and virtual time. It knows nothing of the host but its
// clock.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/trace.h"
#include "devices/flash_storage.h"
#include "esp32/cache_windows.h"
#include "esp32/chip.h"
#include "esp32/debug_port.h"
#include "esp32/machine_clock.h"
#include "esp32/memory_map.h"
#include "esp32/scheduler.h"
#include "esp32/system_bus.h"
#include "rom/rom.h"
#include "xtensa/core.h"

namespace espalier::esp32 {

// A mask ROM and its pages, ready to be mapped by any number of machines.
class SharedRom {
 public:
  explicit SharedRom(rom::Rom rom);
  const rom::Rom& rom() const { return rom_; }
  const std::shared_ptr<const RomPages>& pages() const { return pages_; }
  // SHA-256 of what both cores see: whether a saved state was made with it.
  const std::array<std::uint8_t, 32>& digest() const;

 private:
  mutable std::once_flag digested_;
  mutable std::array<std::uint8_t, 32> digest_{};
  rom::Rom rom_;
  std::shared_ptr<const RomPages> pages_;
};

struct MachineOptions {
  std::shared_ptr<const SharedRom> rom;              // required
  std::shared_ptr<const devices::FlashImage> flash;  // required
  std::uint32_t psram_size = 0;                      // bytes: 0, 2 MiB or 4 MiB
  ClockMode clock = ClockMode::kRealtime;
  MachineClock::HostClock host_clock;  // realtime; default: CLOCK_MONOTONIC
  // Where the host cannot do it, the interpreter takes its place and the log says so.
  xtensa::Engine engine = xtensa::kDefaultEngine;
  ChipOptions chip;
  std::optional<std::uint32_t> reset_limit;  // resets after power-on before the machine stops
  // What RAM holds instead of zeros (MemoryMap::snapshot()); shared until it is written to.
  std::shared_ptr<const SharedPages> origin;
};

// Why a machine has stopped for good.
struct Halt {
  enum class Kind : std::uint8_t { kMissingRomFunction, kResetLimit, kHostMemory, kRequested };
  Kind kind;
  std::string message;  // one line
};

class Machine final : private xtensa::Environment {
 public:
  // Says what the host could not give it (memory, descriptors) otherwise.
  static std::expected<std::unique_ptr<Machine>, std::string> create(const MachineOptions& options,
                                                                     base::Logger log = base::Logger());
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  enum class Progress : std::uint8_t {
    kRan,      // guest code ran, or a reset was carried out
    kIdle,     // both cores wait: nothing happens before the next timer or outside event
    kStopped,  // halted(): no further
  };
  // Runs both cores for a turn, some microseconds of host time.
  Progress run_round();
  // Idle, realtime: host nanoseconds until the next timer; ~0 without one.
  std::uint64_t idle_ns() { return scheduler_.idle_ns(); }
  // Idle, warp: jumps to the next timer, not beyond `latest`. False without one: only the outside can wake
  // the machine.
  bool skip_idle(base::Ticks latest = base::kNever) { return scheduler_.skip_idle(latest); }

  // No round goes on once instructions() has reached this: exactly there, but for a function of the mask ROM
  // that counts for many. kNoLimit: any number.
  void limit_instructions(std::uint64_t limit) { scheduler_.limit_instructions(limit); }

  // Ends run_round() at the next instruction and stops the machine.
  void stop(Halt reason);
  const std::optional<Halt>& halted() const { return halt_; }

  // What it was made with.
  const MachineOptions& options() const { return options_; }
  Chip& chip() { return *chip_; }
  xtensa::Core& core(unsigned cpu) { return *cores_[cpu]; }
  MemoryMap& memory() { return memory_; }
  const DeviceBus& device_bus() const { return device_bus_; }
  devices::FlashStorage& flash() { return *flash_; }
  MachineClock& clock() { return clock_; }
  base::EventQueue& events() { return events_; }
  const base::Logger& log() const { return log_; }
  base::Tracer& tracer() { return tracer_; }
  // Instructions that both cores have executed since power-on.
  std::uint64_t instructions() const { return scheduler_.instructions(); }
  std::uint32_t resets() const { return resets_; }
  // Loads and stores of the cores that were not plain memory: registers, protected or watched pages.
  std::uint64_t slow_accesses() const { return slow_accesses_; }
  Scheduler& scheduler() { return scheduler_; }
  DebugPort& debug() { return debug_; }

  // What core `cpu` would read from `address` on, with none of what reading does: registers by their peek().
  // Returns how many bytes there are, from the front.
  std::size_t peek(unsigned cpu, std::uint32_t address, std::span<std::uint8_t> out);

  // Asks for a reset; carried out before the next turn.
  void request_reset(devices::ResetScope scope, devices::ResetCause cause);
  // Carries out what has been asked for, without a turn. Between turns only.
  void carry_out_resets();
  // The supply goes, and comes back: registers, RAM and RTC memory are as when the machine was made. Flash
  // holds what its chip has left of what it was doing; the answer says what that is
  // (SpiFlashChip::cut_power()). No reset is told of. Between rounds only.
  std::string power_cycle(std::uint64_t seed);

  // Called before each reset of the chip, or of the PRO CPU, is carried out; not for APP_CPU alone.
  void on_reset(std::function<void(devices::ResetCause)> observer) { on_reset_ = std::move(observer); }

  // Called when a core decodes the instructions in [address, address + size), which it does again after they
  // have changed. nullptr: nobody.
  void on_code_decoded(
      std::function<void(unsigned cpu, std::uint32_t address, std::uint32_t size)> observer) {
    on_code_decoded_ = std::move(observer);
  }

  // The whole state: guest memory, what has changed of the flash, cores, devices, time. Not the ROM, the
  // flash image and the options, which a machine that loads it has to be created with again. Between rounds
  // only.
  static constexpr std::uint32_t kStateVersion = 7;  // one more whenever anything's archive() changes
  std::vector<std::uint8_t> save();
  // Takes a state over. An error is the rest of a line ("is damaged: ..."); after one that says that the
  // state does not fit this machine is good for nothing but to be destroyed, after any other it is as it was.
  std::expected<void, std::string> load(std::span<const std::uint8_t> saved);
  void archive(base::Archive& ar);
  // The same without guest memory and flash, for whoever keeps those as pages that machines share.
  void archive_state(base::Archive& ar);

 private:
  struct PendingReset {
    devices::ResetScope scope;
    devices::ResetCause cause;
    void archive(base::Archive& ar) { ar(scope, cause); }
  };

  Machine(const MachineOptions& options, base::Logger log, std::unique_ptr<devices::FlashStorage> flash);
  void connect();
  void connect_tracer();
  void trace_call(xtensa::Core& core, std::uint32_t pc);
  void reset_core(unsigned cpu);
  void update_core_gates();
  void set_cpu_frequency(std::uint32_t hz);

  // xtensa::Environment
  xtensa::Access load(xtensa::Core& core, std::uint32_t address, unsigned size,
                      std::uint32_t& value) override;
  xtensa::Access store(xtensa::Core& core, std::uint32_t address, unsigned size,
                       std::uint32_t value) override;
  bool show(xtensa::Core& core, std::uint32_t address, bool store) override {
    return memory_.show(core.index(), address, store);
  }
  xtensa::Access fetch(xtensa::Core& core, std::uint32_t address, std::uint8_t (&bytes)[4]) override;
  void code_decoded(xtensa::Core& core, std::uint32_t address, std::uint32_t size) override;
  bool is_native(std::uint32_t pc) const override { return rom_->rom().is_native(pc); }
  void call_native(xtensa::Core& core, std::uint32_t pc) override;
  // While calls are traced each has to come by call_native().
  std::uint32_t native_alias(std::uint32_t pc) const override {
    return tracing_calls_ ? 0 : rom_->rom().guest_code(pc);
  }
  void pass_time(xtensa::Core& core, std::uint32_t cycles) override;
  std::uint64_t cycles(const xtensa::Core& core) override;
  void compare_changed(xtensa::Core& core, unsigned n) override;
  bool debug_break(xtensa::Core& core, std::uint32_t debug_cause) override;
  void debugger_stop(xtensa::Core& core, xtensa::DebuggerEvent event) override;
  std::uint32_t read_external(xtensa::Core& core, std::uint32_t address) override;
  void write_external(xtensa::Core& core, std::uint32_t address, std::uint32_t value) override;
  void region_changed(xtensa::Core& core, unsigned region) override;

  base::Logger log_;
  base::Tracer tracer_;
  const MachineOptions options_;
  std::shared_ptr<const SharedRom> rom_;
  MachineClock clock_;
  base::EventQueue events_;
  std::array<std::unique_ptr<xtensa::Core>, 2> cores_;  // before memory_: it invalidates their code
  MemoryMap memory_;
  std::unique_ptr<devices::FlashStorage> flash_;
  DeviceBus device_bus_;
  SystemBus bus_;
  DebugPort debug_;
  std::unique_ptr<Chip> chip_;
  std::unique_ptr<CacheWindows> windows_;
  std::array<std::array<std::unique_ptr<base::Timer>, 3>, 2> compare_timers_;
  std::array<std::unordered_map<std::uint32_t, std::uint32_t>, 2> external_registers_;
  Scheduler scheduler_;
  std::vector<PendingReset> pending_resets_;
  std::function<void(devices::ResetCause)> on_reset_;
  std::function<void(unsigned, std::uint32_t, std::uint32_t)> on_code_decoded_;
  std::uint32_t resets_ = 0;
  std::uint64_t slow_accesses_ = 0;
  bool tracing_calls_ = false;
  std::optional<Halt> halt_;
};

}  // namespace espalier::esp32
