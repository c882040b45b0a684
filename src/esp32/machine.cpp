#include "esp32/machine.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

#include "image/digest.h"

namespace espalier::esp32 {

using devices::ResetCause;
using devices::ResetScope;
using xtensa::Access;
using xtensa::Core;

namespace {

constexpr std::array<std::uint32_t, 2> kPrid = {0xcdcd, 0xabab};

std::shared_ptr<const SharedPages> copy_to_pages(const char* name, std::span<const std::uint8_t> bytes) {
  auto pages = std::make_shared<SharedPages>(name, bytes.size());
  // Most of a ROM is empty, and pages of zeros that nobody writes cost no memory.
  constexpr std::size_t kPage = 4096;
  for (std::size_t at = 0; at < bytes.size(); at += kPage) {
    const auto page = bytes.subspan(at, std::min(kPage, bytes.size() - at));
    if (std::ranges::any_of(page, [](std::uint8_t byte) { return byte != 0; }))
      std::ranges::copy(page, pages->data() + at);
  }
  // The cores have their own mappings; this one goes back to being an address range only.
  madvise(pages->data(), bytes.size(), MADV_DONTNEED);
  return pages;
}

std::shared_ptr<const RomPages> make_rom_pages(const rom::Rom& rom) {
  auto pages = std::make_shared<RomPages>();
  pages->code[0] = copy_to_pages("espalier-rom", rom.code(0));
  pages->code[1] = rom.code(1).data() == rom.code(0).data() ? pages->code[0]
                                                            : copy_to_pages("espalier-rom-app", rom.code(1));
  pages->data = copy_to_pages("espalier-rom-data", rom.data());
  return pages;
}

}  // namespace

SharedRom::SharedRom(rom::Rom rom) : rom_(std::move(rom)), pages_(make_rom_pages(rom_)) {
  rom_.drop_contents();
}

// Half a megabyte takes longer than to make a machine.
const std::array<std::uint8_t, 32>& SharedRom::digest() const {
  std::call_once(digested_, [this] {
    image::Bytes digests;
    for (const SharedPages* pages : {pages_->code[0].get(), pages_->code[1].get(), pages_->data.get()}) {
      const auto one = image::sha256({pages->data(), pages->size()});
      digests.insert(digests.end(), one.begin(), one.end());
    }
    digest_ = image::sha256(digests);
  });
  return digest_;
}

std::expected<std::unique_ptr<Machine>, std::string> Machine::create(const MachineOptions& options,
                                                                     base::Logger log) {
  auto flash = devices::FlashStorage::create(options.flash);
  if (!flash) return std::unexpected(flash.error());
  try {
    return std::unique_ptr<Machine>(new Machine(options, std::move(log), std::move(*flash)));
  } catch (const std::system_error& error) {
    return std::unexpected(std::string("cannot make a machine: ") + error.what());
  }
}

Machine::Machine(const MachineOptions& options, base::Logger log,
                 std::unique_ptr<devices::FlashStorage> flash)
    : log_(std::move(log)),
      tracer_([this] {
        return base::Tracer::Moment{clock_.now(), scheduler_.running()};
      }),
      options_(options),
      rom_(options.rom),
      clock_(options.clock, options.host_clock),
      events_(clock_),
      memory_(
          options.rom->pages(), options.psram_size,
          [this](std::uint32_t address, std::uint32_t size) {
            for (auto& core : cores_)
              if (core) core->invalidate_code(address, size);
          },
          options.origin),
      flash_(std::move(flash)),
      device_bus_(log_, tracer_),
      bus_(memory_, device_bus_, log_),
      debug_(memory_, device_bus_),
      chip_(std::make_unique<Chip>(devices::Context{events_, log_, tracer_}, bus_, *flash_,
                                   devices::PsramContents(std::as_const(memory_).psram(),
                                                          [this](std::uint32_t offset, std::uint32_t size) {
                                                            return memory_.writable_psram(offset, size);
                                                          }),
                                   options.chip)),
      windows_(std::make_unique<CacheWindows>(chip_->dport, chip_->cache_mmu, *flash_, memory_)),
      scheduler_(clock_, events_, [this] {
        for (unsigned cpu = 0; cpu < cores_.size(); ++cpu)
          cores_[cpu] = std::make_unique<Core>(cpu, kPrid[cpu], memory_.view(cpu),
                                               static_cast<xtensa::Environment&>(*this));
        return std::array{cores_[0].get(), cores_[1].get()};
      }()) {
  for (auto& core : cores_) {
    if (const auto set = core->set_engine(options.engine); !set && core->index() == 0)
      log_.warn(base::LogArea::kCpu, "no code is translated, the interpreter executes all of it: {}",
                set.error());
  }
  connect();
  connect_tracer();
  chip_->power_on();
  for (unsigned cpu = 0; cpu < cores_.size(); ++cpu) reset_core(cpu);
  update_core_gates();
  set_cpu_frequency(chip_->clocks().cpu_hz);
}

Machine::~Machine() = default;

void Machine::connect() {
  debug_.connect({cores_[0].get(), cores_[1].get()});
  chip_->mount(device_bus_);
  for (unsigned cpu = 0; cpu < cores_.size(); ++cpu) {
    for (unsigned line = 0; line < devices::InterruptMatrix::kLines; ++line)
      chip_->interrupt_matrix.output(cpu, line).connect([this, core = cores_[cpu].get(), line](bool level) {
        core->set_interrupt(line, level);
        if (level) scheduler_.woken(*core);
      });
    for (unsigned n = 0; n < compare_timers_[cpu].size(); ++n)
      compare_timers_[cpu][n] = std::make_unique<base::Timer>(events_, [this, cpu, n] {
        cores_[cpu]->timer_match(n);
        compare_changed(*cores_[cpu], n);  // CCOUNT comes round again after 2^32 cycles
      });
  }
  bus_.on_cache_off = [this](unsigned cpu, CacheBus bus) {
    const auto same = static_cast<devices::Dport::CacheBus>(bus);
    if (!chip_->dport.cache_bus_enabled(cpu, same)) chip_->dport.report_illegal_access(cpu, same);
  };
  chip_->set_rtc_fast_memory({memory_.plain(0, kRtcFastData), kRtcFastSize});
  chip_->on_reset = [this](ResetScope scope, ResetCause cause) { request_reset(scope, cause); };
  chip_->on_core_gates = [this] { update_core_gates(); };
  chip_->on_app_cpu_start = [this] { reset_core(1); };
  chip_->on_clocks = [this](devices::CpuClocks clocks) { set_cpu_frequency(clocks.cpu_hz); };
}

void Machine::connect_tracer() {
  for (auto& core : cores_) core->set_tracer(&tracer_);
  tracer_.on_change(this, [this] {
    if (tracing_calls_ == tracer_.on(base::TraceEvent::rom_call)) return;
    tracing_calls_ = !tracing_calls_;
    for (auto& core : cores_) core->invalidate_all_code();  // translated code has calls linked
  });
}

// --- Running

Machine::Progress Machine::run_round() {
  if (halt_) return Progress::kStopped;
  if (!pending_resets_.empty()) {
    carry_out_resets();
    return halt_ ? Progress::kStopped : Progress::kRan;  // whoever drives the machine may want to stop here
  }
  const bool ran = scheduler_.round();
  if (memory_.exhausted())
    stop({Halt::Kind::kHostMemory,
          "the host has no room for more of the guest's memory: raise vm.max_map_count, or run fewer "
          "machines in one process"});
  debug_.deliver();
  if (halt_) return Progress::kStopped;
  return ran || !pending_resets_.empty() ? Progress::kRan : Progress::kIdle;
}

void Machine::stop(Halt reason) {
  if (!halt_) halt_ = std::move(reason);
  scheduler_.interrupt_round();
}

void Machine::set_cpu_frequency(std::uint32_t hz) {
  if (hz == clock_.cpu_frequency()) return;
  tracer_.trace<base::TraceEvent::cpu_clock>(hz);
  // A match that is due but has not been delivered yet would be taken for one that is all of CCOUNT's cycles
  // away.
  const base::Ticks now = clock_.now();
  for (auto& core : cores_)
    for (unsigned n = 0; n < 3; ++n)
      if (compare_timers_[core->index()][n]->deadline() <= now) core->timer_match(n);
  clock_.set_cpu_frequency(hz);
  for (auto& core : cores_)
    for (unsigned n = 0; n < 3; ++n) compare_changed(*core, n);
}

// --- Resets

void Machine::request_reset(ResetScope scope, ResetCause cause) {
  pending_resets_.push_back({scope, cause});
  scheduler_.interrupt_round();
}

void Machine::carry_out_resets() {
  for (const PendingReset& reset : std::exchange(pending_resets_, {})) {
    log_.debug(base::LogArea::kReset, "reset: cause {} ({})", static_cast<unsigned>(reset.cause),
               devices::reset_cause_name(reset.cause));
    constexpr std::string_view kScopes[] = {"pro_cpu", "app_cpu", "core", "system"};
    tracer_.trace<base::TraceEvent::reset>(kScopes[static_cast<std::size_t>(reset.scope)],
                                           static_cast<unsigned>(reset.cause),
                                           devices::reset_cause_name(reset.cause));
    const bool app_only = reset.scope == ResetScope::kAppCpu;
    if (!app_only && options_.reset_limit && resets_ >= *options_.reset_limit) {
      stop({Halt::Kind::kResetLimit,
            fmt::format("the chip was reset {} times after power-on, more than --reset-limit "
                        "allows; the last cause was {}",
                        resets_ + 1, devices::reset_cause_name(reset.cause))});
      return;
    }
    if (!app_only) ++resets_;
    if (!app_only && on_reset_) on_reset_(reset.cause);
    chip_->reset(reset.scope, reset.cause);
    if (reset.scope != ResetScope::kAppCpu) reset_core(0);
    if (reset.scope != ResetScope::kProCpu) reset_core(1);
    update_core_gates();
  }
}

std::string Machine::power_cycle(std::uint64_t seed) {
  std::string left = chip_->flash_chip.cut_power(seed);
  pending_resets_.clear();
  resets_ = 0;
  for (auto& registers : external_registers_) registers.clear();
  memory_.clear();
  chip_->reset(ResetScope::kSystem, ResetCause::kPowerOn);
  chip_->power_on();
  windows_->refresh_all();
  for (unsigned cpu = 0; cpu < cores_.size(); ++cpu) reset_core(cpu);
  update_core_gates();
  set_cpu_frequency(chip_->clocks().cpu_hz);
  return left;
}

void Machine::reset_core(unsigned cpu) {
  tracer_.trace<base::TraceEvent::cpu_reset>(cpu, chip_->reset_vector(cpu));
  cores_[cpu]->reset(chip_->reset_vector(cpu));
  cores_[cpu]->write_special(xtensa::Sr::CCOUNT, 0);
  region_changed(*cores_[cpu], 0);
  for (unsigned n = 0; n < 3; ++n) compare_changed(*cores_[cpu], n);
  // The wires keep their levels through a core's reset.
  for (unsigned line = 0; line < devices::InterruptMatrix::kLines; ++line)
    if (chip_->interrupt_matrix.output(cpu, line).level()) cores_[cpu]->set_interrupt(line, true);
}

void Machine::update_core_gates() {
  for (unsigned cpu = 0; cpu < cores_.size(); ++cpu) {
    if (cores_[cpu]->halted() == chip_->core_runs(cpu))
      tracer_.trace<base::TraceEvent::cpu_gate>(cpu, cores_[cpu]->halted());
    if (chip_->core_runs(cpu)) {
      cores_[cpu]->resume();
      scheduler_.woken(*cores_[cpu]);
    } else {
      cores_[cpu]->halt();
    }
  }
}

// --- What the cores meet

std::size_t Machine::peek(unsigned cpu, std::uint32_t address, std::span<std::uint8_t> out) {
  for (std::size_t n = 0; n < out.size(); ++n) {
    const std::uint32_t at = address + static_cast<std::uint32_t>(n);
    if (DeviceBus::contains(at)) {
      out[n] = static_cast<std::uint8_t>(device_bus_.peek(at & ~3u) >> 8 * (at & 3));
      continue;
    }
    const std::uint8_t* byte = memory_.peek(cpu, at);
    if (byte == nullptr) return n;
    out[n] = *byte;
  }
  return out.size();
}

Access Machine::load(Core& core, std::uint32_t address, unsigned size, std::uint32_t& value) {
  ++slow_accesses_;
  const Access access = bus_.load(core.index(), address, size, value);
  if (access.ok) debug_.accessed(core, address, size, false);
  return access;
}

Access Machine::store(Core& core, std::uint32_t address, unsigned size, std::uint32_t value) {
  ++slow_accesses_;
  const Access access = bus_.store(core.index(), address, size, value);
  if (access.ok) debug_.accessed(core, address, size, true);
  return access;
}

Access Machine::fetch(Core& core, std::uint32_t address, std::uint8_t (&bytes)[4]) {
  return bus_.fetch(core.index(), address, bytes);
}

void Machine::code_decoded(Core& core, std::uint32_t address, std::uint32_t size) {
  memory_.watch_code(address, size);
  if (on_code_decoded_) on_code_decoded_(core.index(), address, size);
}

void Machine::trace_call(Core& core, std::uint32_t pc) {
  const rom::Call call(core);
  tracer_.trace<base::TraceEvent::rom_call>(core.index(), rom::describe(pc), pc, call.register_argument(0),
                                            call.register_argument(1), call.register_argument(2),
                                            call.register_argument(3), call.return_address());
}

void Machine::call_native(Core& core, std::uint32_t pc) {
  if (tracing_calls_ && pc != rom::kPassTime) trace_call(core, pc);
  if (rom_->rom().call(core, pc)) return;
  core.halt();
  stop({Halt::Kind::kMissingRomFunction, rom::Rom::missing(core, pc)});
}

void Machine::pass_time(Core& core, std::uint32_t cycles) {
  if (clock_.mode() != ClockMode::kWarp) return;
  scheduler_.waits_until(core.instructions() + cycles);
  core.charge(std::min<std::uint64_t>(cycles, core.chargeable()));
}

std::uint64_t Machine::cycles(const Core&) {
  return clock_.cycles();
}

void Machine::compare_changed(Core& core, unsigned n) {
  auto& timer = compare_timers_[core.index()][n];
  if (!timer) return;  // while the machine is being put together
  const std::uint64_t cycles = clock_.cycles();
  const std::uint32_t ccount = static_cast<std::uint32_t>(cycles) + core.state().ccount_offset;
  const std::uint32_t left = core.state().ccompare[n] - ccount;
  timer->arm(clock_.time_of_cycle(cycles + (left == 0 ? std::uint64_t{1} << 32 : left)));
}

// IBREAK, DBREAK and ICOUNT are the guest's, SIMCALL nobody's.
bool Machine::debug_break(Core& core, std::uint32_t debug_cause) {
  return (debug_cause & (xtensa::kDebugBreak | xtensa::kDebugBreakN)) != 0 && debug_.break_instruction(core);
}

void Machine::debugger_stop(Core& core, xtensa::DebuggerEvent event) {
  debug_.stopped(core, event);
}

namespace {

// WER and RER address the debug module and the performance counters (ESP-IDF,
// components/xtensa/include/xtensa-debug-module.h); they remember. Elsewhere there is nothing: a guest that
// writes everywhere must not fill the host's memory.
constexpr std::uint32_t kExternalBase = 0x100000, kExternalSize = 0x4000;

}  // namespace

std::uint32_t Machine::read_external(Core& core, std::uint32_t address) {
  const auto& registers = external_registers_[core.index()];
  const auto at = registers.find(address & ~3u);
  return at == registers.end() ? 0 : at->second;
}

void Machine::write_external(Core& core, std::uint32_t address, std::uint32_t value) {
  if (address - kExternalBase < kExternalSize) external_registers_[core.index()][address & ~3u] = value;
}

void Machine::region_changed(Core& core, unsigned) {
  memory_.set_regions(core.index(), core.state().instruction_region, core.state().data_region);
}

// --- State

std::vector<std::uint8_t> Machine::save() {
  base::Archive ar = base::Archive::saving();
  archive(ar);
  return base::seal(ar.bytes(), kStateVersion);
}

std::expected<void, std::string> Machine::load(std::span<const std::uint8_t> saved) {
  const auto state = base::unseal(saved, kStateVersion);
  if (!state) return std::unexpected(state.error());
  base::Archive ar = base::Archive::loading(*state);
  archive(ar);
  if (ar.failed())
    return std::unexpected(fmt::format("does not fit this machine: its {} is another", ar.failed_in()));
  if (!ar.at_end()) return std::unexpected("does not fit this machine: it holds more than this one has");
  return {};
}

void Machine::archive(base::Archive& ar) {
  ar.section("machine");
  memory_.archive(ar);
  flash_->archive(ar);
  archive_state(ar);
}

void Machine::archive_state(base::Archive& ar) {
  clock_.archive(ar);
  for (auto& core : cores_) core->archive(ar);
  chip_->archive(ar);
  device_bus_.archive(ar);
  scheduler_.archive(ar);
  ar.section("external registers");
  for (auto& registers : external_registers_) {
    std::map<std::uint32_t, std::uint32_t> sorted(registers.begin(), registers.end());
    std::vector<std::pair<std::uint32_t, std::uint32_t>> list(sorted.begin(), sorted.end());
    ar(list);
    if (!ar.is_saving()) registers = {list.begin(), list.end()};
  }
  ar.section("resets");
  ar(resets_, pending_resets_);
  if (ar.is_saving()) return;
  windows_->refresh_all();
  for (auto& core : cores_) {
    region_changed(*core, 0);
    for (unsigned n = 0; n < 3; ++n) compare_changed(*core, n);
  }
}

}  // namespace espalier::esp32
