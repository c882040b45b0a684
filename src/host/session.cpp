#include "host/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "devices/flash_persist.h"
#include "host/boot_inputs.h"
#include "host/efuse_file.h"
#include "host/monitor.h"
#include "host/run_stats.h"
#include "host/slip_packets.h"
#include "image/elf.h"
#include "image/file.h"
#include "image/flash_report.h"

namespace espalier::host {
namespace {

// How long guest code runs before the host's descriptors are looked at again.
constexpr std::uint64_t kHostInterval = 100'000;  // ns
// How many times as fast as the guest has configured a serial line's bits go. Nobody wants to wait for
// 115,200 baud: a boot log of 4 kB would take a third of a second of the guest's time, most of it spent
// polling the FIFO.
constexpr std::uint32_t kLineSpeedup = 128;
// What a script or a paste sends in answer to output waits until the guest has done so much since that
// output, or is idle: firmware that prompts and then drops what came too early (ESP-IDF's test menu) has
// dropped it by then, however slow the host is.
constexpr std::uint64_t kReactionInstructions = 300'000;
// Not what answers a packet in SLIP: that is a program, which has read all of it. But after each packet from
// outside the guest has this much to do something about it before the next one, unless it is idle. On a wire
// a packet takes its time; a flasher stub that has got the last acknowledgement of a read drops what has come
// meanwhile.
constexpr std::uint64_t kPacketInstructions = 100'000;
// How long changes of the flash may wait to be written to the file that is kept in step with it.
constexpr std::uint64_t kFlashInterval = 50'000'000;
// How long the last output may take to leave once the machine has stopped.
constexpr std::uint64_t kDrainTime = 2'000'000'000;

}  // namespace

Session::Session(base::EventLoop& loop, SessionOptions options)
    : loop_(loop),
      options_(std::move(options)),
      until_(options_.until),
      panic_watch_([this] { return symbols(); },
                   [this](std::string_view text) {
                     if (explain_panic_) return explain_panic_(text);
                     fmt::print(stderr, "{}", text);
                     std::fflush(stderr);
                   }),
      network_id_(options_.network_id),
      flash_timer_(loop, [this] { sync_flash(); }) {}

Session::~Session() = default;

std::expected<void, std::string> Session::open_log(base::Logger& log) {
  if (log_sink_) log = base::Logger(log_sink_);
  if (!options_.log_file.empty()) {
    log_file_ = {std::fopen(options_.log_file.c_str(), "ae"), [](std::FILE* f) { f ? std::fclose(f) : 0; }};
    if (!log_file_)
      return std::unexpected(
          fmt::format("{}: cannot write the log: {}", options_.log_file, std::strerror(errno)));
    std::setvbuf(log_file_.get(), nullptr, _IOLBF, 0);
    log = base::Logger([file = log_file_](base::LogLevel, base::LogArea, std::string_view message) {
      fmt::print(file.get(), "{}\n", message);
    });
  }
  return options_.log.empty() ? std::expected<void, std::string>() : log.configure(options_.log);
}

// As a debugger loads a program: its segments to where they are linked, PRO_CPU to its entry.
std::expected<void, std::string> Session::load_kernel() {
  if (options_.kernel.empty()) return {};
  const auto elf = image::ElfFile::load(options_.kernel);
  if (!elf) return std::unexpected(elf.error());
  for (const image::ElfSegment& segment : elf->segments()) {
    const image::ByteView data = elf->data(segment);
    std::vector<std::uint8_t> bytes(data.begin(), data.end());
    bytes.resize(segment.memory_size);
    if (const std::size_t written = machine_->debug().write(0, segment.address, bytes);
        written != bytes.size())
      return std::unexpected(fmt::format("{}: there is no memory at {:#010x} to load it into",
                                         options_.kernel,
                                         segment.address + static_cast<std::uint32_t>(written)));
  }
  machine_->core(0).state().pc = elf->entry();
  return {};
}

std::expected<std::unique_ptr<esp32::Machine>, std::string> Session::boot_machine(const BootEfuses& efuses,
                                                                                  base::Logger log) {
  esp32::MachineOptions machine;
  machine.rom = inputs_->rom;
  machine.flash = inputs_->flash;
  machine.psram_size = options_.psram_size;
  machine.clock = options_.clock;
  machine.engine = options_.engine;
  machine.chip.efuses = efuses.values;
  machine.chip.timer_group_watchdogs = options_.timer_group_watchdogs;
  if (options_.strapping) machine.chip.strapping = *options_.strapping;
  if (options_.clock != ClockMode::kWarp) machine.chip.random_seed = std::random_device()();
  machine.reset_limit = options_.reset_limit;
  return esp32::Machine::create(machine, std::move(log));
}

std::expected<std::unique_ptr<esp32::Machine>, std::string> Session::clone_machine(base::Logger log) {
  auto made = inputs_->snapshot->clone({.rom = inputs_->rom,
                                        .clock = options_.clock,
                                        .host_clock = {},
                                        .engine = options_.engine,
                                        .reset_limit = options_.reset_limit},
                                       std::move(log));
  if (!made) return std::unexpected(fmt::format("{} {}", image().name, made.error()));
  esp32::Chip& chip = (*made)->chip();
  // Firmware that has not read its address yet finds the clone's own.
  if (options_.mac) {
    devices::EfuseValues fuses = chip.efuse.fuses();
    devices::set_mac(fuses, *options_.mac);
    chip.efuse.set_fuses(fuses);
  }
  // Nor are clones to draw the same numbers, but where a run is to repeat.
  if (options_.clock != ClockMode::kWarp) chip.random = devices::SeededRandom(std::random_device()());
  return made;
}

std::expected<void, std::string> Session::open_machine() {
  base::Logger log;
  if (auto ok = open_log(log); !ok) return ok;
  inputs_ = options_.inputs;
  if (!inputs_) {
    auto inputs = load_inputs(options_);
    if (!inputs) return std::unexpected(inputs.error());
    inputs_ = std::move(*inputs);
  }
  const bool whole_file = image().file && image().file_offset == 0;
  if (options_.persist && !whole_file)
    return std::unexpected(
        fmt::format("--persist: {} is not a whole flash image to write changes back to; make one "
                    "with `espalier image merge`",
                    image().name));
  if (options_.write_through && !whole_file)
    return std::unexpected(
        fmt::format("{} is not a whole flash image to keep changes in: make one with `espalier image merge`, "
                    "or have it left alone (-snapshot)",
                    image().name));
  const auto efuses = load_efuses(options_);
  if (!efuses) return std::unexpected(efuses.error());
  auto made = inputs_->snapshot ? clone_machine(std::move(log)) : boot_machine(*efuses, std::move(log));
  if (!made) return std::unexpected(made.error());
  machine_ = std::move(*made);
  control_ = std::make_unique<debug::RunControl>(*machine_, options_.start_paused);
  control_observer_ = control_->observe([this](debug::RunEvent) { work_came(); });
  started_ns_ = base::EventLoop::now_ns();
  if (options_.stats) machine_->scheduler().collect_stats();
  if (options_.write_through) {
    auto mirror = devices::FlashMirror::open(machine_->flash(), image().file->string());
    if (!mirror) return std::unexpected(mirror.error());
    flash_mirror_ = std::move(*mirror);
  }
  if (!options_.efuse.empty()) EfuseFile::attach(*machine_, *control_, options_, *efuses);
  return {};
}

std::expected<void, std::string> Session::open_serial_ports() {
  for (unsigned n = 0; n < serial_.size(); ++n) {
    if (!serial_[n]) {
      auto backend = base::open_serial(loop_, options_.serial[n]);
      if (!backend) return std::unexpected(backend.error());
      serial_[n] = std::move(*backend);
    }
    devices::Uart& uart = machine_->chip().uart[n];
    base::SerialBackend* port = serial_[n].get();
    uart.set_speedup(kLineSpeedup);
    uart.on_transmit = [this, n, port](std::span<const std::uint8_t> bytes) {
      port->write(bytes);
      last_output_[n] =
          machine_->instructions() - (bytes.back() == SlipPackets::kEnd ? kReactionInstructions : 0);
      if (n == 0) panic_watch_.see(bytes);
      if (n == 0 && until_.see(bytes) && !options_.whole_turns)
        machine_->stop({esp32::Halt::Kind::kRequested, {}});
    };
    port->on_input([this, n, &uart, packets = SlipPackets(), packet_end = 0 - kPacketInstructions](
                       std::span<const std::uint8_t> bytes) mutable -> std::size_t {
      work_came();
      const std::uint64_t now = machine_->instructions();
      input_waits_[n] = !guest_idle_ && (now - last_output_[n] < kReactionInstructions ||
                                         now - packet_end < kPacketInstructions);
      if (input_waits_[n]) return 0;
      const std::size_t taken = uart.receive(bytes.first(packets.up_to_end(bytes)));
      if (packets.pass(bytes.first(taken))) {
        packet_end = now;
        input_waits_[n] = taken < bytes.size();
      }
      return taken;
    });
    uart.on_receive_ready = [port] { port->resume_input(); };
    port->on_leave([this](base::SerialBackend::Leave) { leaving_ = true; });
  }
  return {};
}

std::expected<void, std::string> Session::open_faults() {
  faults_ = std::make_unique<Faults>(
      *machine_, [this]() -> net::ImpairedLink& { return bad_cable(); },
      [this](const Fault& fault, const std::string& what) {
        // The file holds what the chip does.
        if (flash_mirror_) sync_flash();
        last_fault_ = what;
        if (fault_told_) return fault_told_(fault, what);
        machine_->log().warn(base::LogArea::kGeneral, "fault: {}", what);
      });
  for (const Fault& fault : options_.faults)
    if (auto ok = inject(fault); !ok) return std::unexpected("--fault " + ok.error());
  return {};
}

std::expected<std::string, std::string> Session::inject_now(const Fault& fault) {
  last_fault_.clear();
  if (auto ok = inject(fault); !ok) return std::unexpected(ok.error());
  if (faults_->due()) faults_->carry_out();
  return last_fault_;
}

std::expected<std::shared_ptr<const esp32::Snapshot>, std::string> Session::snapshot() {
  return esp32::Snapshot::take(*machine_,
                               {.program = "Espalier " ESPALIER_VERSION,
                                .image = image().name,
                                .lease = connected() ? connected()->guest_lease() : net::GuestLease{}});
}

std::expected<void, std::string> Session::open() {
  if (auto ok = open_machine(); !ok) return ok;
  monitor_ = std::make_unique<Monitor>(*this);
  if (auto ok = load_kernel(); !ok) return ok;
  if (auto ok = open_symbols(); !ok) return ok;
  if (auto ok = open_call_trace(); !ok) return ok;
  if (auto ok = open_network(); !ok) return ok;
  if (auto ok = open_faults(); !ok) return ok;
  if (auto ok = open_serial_ports(); !ok) return ok;
  if (auto ok = open_perf_map(); !ok) return ok;
  if (auto ok = open_gdb(); !ok) return ok;
  if (auto ok = open_capture(); !ok) return ok;
  if (auto ok = open_trace(); !ok) return ok;
  if (auto ok = open_waveform(); !ok) return ok;
  if (auto ok = open_profile(); !ok) return ok;
  if (auto ok = open_coverage(); !ok) return ok;
  if (auto ok = open_call_trace_file(); !ok) return ok;
  if (options_.timeout_seconds)
    deadline_ns_ = base::EventLoop::now_ns() + static_cast<std::uint64_t>(*options_.timeout_seconds * 1e9);
  return {};
}

void Session::sync_flash() {
  if (auto ok = flash_mirror_->sync(); !ok) machine_->log().error(base::LogArea::kDevice, "{}", ok.error());
}

// Whether what was to be waited for has come.
bool Session::due() {
  return until_.done() || (options_.after_seconds && machine_->clock().now() >= after_ticks());
}

base::Ticks Session::after_ticks() const {
  return static_cast<base::Ticks>(*options_.after_seconds * static_cast<double>(base::kTicksPerSecond));
}

bool Session::congested() const {
  return std::ranges::any_of(serial_, [](const auto& port) { return port->congested(); });
}

std::uint64_t Session::until_deadline(std::uint64_t now) const {
  if (deadline_ns_ == 0) return base::EventLoop::kForever;
  return deadline_ns_ > now ? deadline_ns_ - now : 0;
}

std::uint64_t Session::advance(bool quiet) {
  former_gdbs_.clear();
  const std::uint64_t began = base::EventLoop::now_ns();
  if (slept_since_ns_ != 0) idle_ns_ += began - std::exchange(slept_since_ns_, 0);
  if (flash_mirror_ && machine_->flash().has_changes() && !flash_timer_.armed())
    flash_timer_.arm(began + kFlashInterval);
  if (!control_->running()) return until_deadline(began);
  // A console that does not keep up makes the guest wait.
  if (congested()) return std::min(kHostInterval, until_deadline(began));
  if (faults_->due()) faults_->carry_out();
  if (const std::uint64_t off = faults_->off_ns(); off != 0) return std::min(off, until_deadline(began));
  offer_input(false);
  for (;;) {
    switch (machine_->run_round()) {
      case esp32::Machine::Progress::kRan:
        break;
      case esp32::Machine::Progress::kIdle:
        if (offer_input(true) || (connected() != nullptr && connected()->guest_idle())) break;
        if (options_.clock == ClockMode::kWarp) {
          // What has come from outside by now comes first, then the time is skipped.
          if (!quiet) return 0;
          quiet = false;
          if (machine_->skip_idle(options_.after_seconds ? after_ticks() : base::kNever)) break;
        }
        return idle_time();
      case esp32::Machine::Progress::kStopped:
        return 0;
    }
    if (!control_->running() || due() || faults_->due() || base::EventLoop::now_ns() - began >= kHostInterval)
      return 0;
  }
}

// Both cores wait: for how long, if nothing comes from outside.
std::uint64_t Session::idle_time() {
  const bool watched = options_.stats || deadline_ns_ != 0;
  const std::uint64_t now = watched ? base::EventLoop::now_ns() : 0;
  if (options_.stats) slept_since_ns_ = now;
  std::uint64_t limit = until_deadline(now);
  if (options_.after_seconds && options_.clock == ClockMode::kRealtime) {
    const base::Ticks present = machine_->clock().now(), end = after_ticks();
    limit = std::min(limit, present >= end ? 0 : base::ns_from_ticks(end - present) + 1);
  }
  return options_.clock == ClockMode::kWarp ? limit : std::min(machine_->idle_ns(), limit);
}

// Offers input that was held back again. True if there was any and the guest is idle: it goes in then.
bool Session::offer_input(bool idle) {
  bool offered = false;
  guest_idle_ = idle;
  for (unsigned n = 0; n < serial_.size(); ++n)
    if (input_waits_[n]) {
      input_waits_[n] = false;
      serial_[n]->resume_input();
      offered = true;
    }
  guest_idle_ = false;
  return idle && offered;
}

Session::End Session::ended() {
  if (due()) return End::kDone;
  if (leaving_) return End::kLeft;
  if (machine_->halted()) return End::kHalted;
  if (control_->state() == debug::RunState::kShutdown) return End::kShutDown;
  if (deadline_ns_ != 0 && base::EventLoop::now_ns() >= deadline_ns_) return End::kTimedOut;
  return End::kNone;
}

std::expected<void, std::string> Session::close() {
  if (tracing_) tracing_->finish();
  if (vcd_) vcd_->finish();
  if (profile_) {
    profile_file_->write(profile_->folded());
    profile_file_->flush();
  }
  if (call_trace_ && call_trace_->finish() == 0)
    machine_->log().warn(base::LogArea::kGeneral, "--call-trace: no frame was a request");
  if (coverage_) {
    coverage_file_->write(coverage_->tracefile());
    coverage_file_->flush();
  }
  for (auto& port : serial_) port->drain(kDrainTime);
  if (flash_mirror_) return flash_mirror_->sync();
  if (!options_.persist) return {};
  return devices::write_back(machine_->flash(), image().file->string());
}

std::string Session::stats() const {
  const esp32::SchedulerStats& scheduler = machine_->scheduler().stats();
  RunStats stats;
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    stats.instructions[cpu] = machine_->core(cpu).instructions();
    stats.engine += machine_->core(cpu).engine_stats();
  }
  stats.guest_ns = scheduler.guest_ns;
  stats.timers_ns = scheduler.timers_ns;
  stats.idle_ns = idle_ns_;
  stats.total_ns = base::EventLoop::now_ns() - started_ns_;
  stats.turns = scheduler.turns;
  stats.polling_turns = scheduler.polling_turns;
  stats.slow_accesses = machine_->slow_accesses();
  stats.resets = machine_->resets();
  return format_stats(stats);
}

}  // namespace espalier::host
