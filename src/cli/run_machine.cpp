#include "cli/run_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>

#include "base/event_loop.h"
#include "base/serial_backend.h"
#include "cli/cli.h"
#include "cli/console_watch.h"
#include "cli/demo_image.h"
#include "cli/exit_code.h"
#include "cli/perf_map.h"
#include "cli/run_stats.h"
#include "cli/signal_watch.h"
#include "devices/flash_persist.h"
#include "esp32/machine.h"
#include "image/file.h"
#include "image/flash_image.h"
#include "image/flash_report.h"
#include "net/pcap.h"
#include "net/publish.h"
#include "net/slirp_network.h"

namespace espalier::cli {
namespace {

template <class T>
using Result = std::expected<T, std::string>;

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
// How long the last output may take to leave once the machine has stopped.
constexpr std::uint64_t kDrainTime = 2'000'000'000;

Result<image::FlashImage> load_image(const RunOptions& options) {
  const image::FlashImageOptions how{.flash_size = options.flash_size};
  if (!options.demo) return image::load_flash_image(options.image, how);
  const auto demo = demo_image();
  return image::flash_image_from_bytes(image::Bytes(demo.begin(), demo.end()), "the demo guest", how);
}

Result<devices::EfuseValues> load_efuses(const RunOptions& options) {
  devices::EfuseValues values = devices::factory_efuses(esp32::kDefaultMac);
  if (!options.efuse.empty()) {
    const auto bytes = image::read_file(options.efuse);
    if (!bytes) return std::unexpected(bytes.error());
    const auto parsed = devices::parse_efuse_file(*bytes);
    if (!parsed) return std::unexpected(fmt::format("{}: {}", options.efuse, parsed.error()));
    values = *parsed;
  }
  if (options.mac) devices::set_mac(values, *options.mac);
  constexpr std::uint32_t kDisableAppCpu = 1;  // EFUSE_RD_CHIP_VER_DIS_APP_CPU in BLK0_RDATA3
  if (options.cpus == 1) values[3] |= kDisableAppCpu;
  return values;
}

Result<std::shared_ptr<const esp32::SharedRom>> load_rom(const RunOptions& options) {
  if (options.rom.empty()) return std::make_shared<esp32::SharedRom>(rom::Rom());
  auto rom = rom::Rom::load_file(options.rom);
  if (!rom) return std::unexpected(rom.error());
  return std::make_shared<esp32::SharedRom>(std::move(*rom));
}

// A machine with its consoles, its network and the loop that drives them all.
class Session {
 public:
  explicit Session(const RunOptions& options) : options_(options), until_(options.until) {}

  // Everything up to the first instruction. One line says what is wrong with the user's input; nothing has
  // been written then.
  Result<void> open();
  int run();

 private:
  Result<void> open_machine();
  Result<void> open_serial_ports();
  Result<void> open_network();
  Result<void> open_capture();
  Result<void> open_perf_map();
  void turn();
  void wait();
  bool offer_input(bool idle);
  Result<void> save();
  void print_stats();
  bool past_deadline() const { return deadline_ns_ != 0 && base::EventLoop::now_ns() >= deadline_ns_; }

  RunOptions options_;
  ConsoleWatch until_;
  base::EventLoop loop_;
  SignalWatch signals_{loop_};  // from before the image is read: as PID 1 a process has no other end
  image::FlashImage image_;
  std::unique_ptr<PerfMap> perf_map_;
  std::unique_ptr<esp32::Machine> machine_;
  std::array<std::unique_ptr<base::SerialBackend>, 3> serial_;
  std::array<std::uint64_t, 3> last_output_{};  // instructions() when each UART sent its last byte
  std::array<bool, 3> input_waits_{};
  bool idle_ = false;
  std::unique_ptr<net::PcapFile> pcap_;
  std::unique_ptr<net::SlirpNetwork> network_;
  std::unique_ptr<net::PcapTap> tap_;
  std::uint64_t deadline_ns_ = 0;   // 0: none
  std::uint64_t next_poll_ns_ = 0;  // when the host is to be looked at
  std::uint64_t started_ns_ = 0;    // --stats: when the machine was made
  std::uint64_t idle_ns_ = 0;       // --stats: time in wait()
  bool done_ = false;               // all of --until has appeared
  bool leaving_ = false;            // Ctrl-], or nobody reads the output any more
};

Result<void> Session::open_machine() {
  base::Logger log;
  if (!options_.log.empty())
    if (auto ok = log.configure(options_.log); !ok) return ok;
  auto image = load_image(options_);
  if (!image) return std::unexpected(image.error());
  if (auto ok = image::check_bootable(*image); !ok) return ok;
  image_ = std::move(*image);
  if (options_.persist && (!image_.file || image_.file_offset != 0))
    return std::unexpected(
        fmt::format("--persist: {} is not a whole flash image to write changes back to; make one "
                    "with `espalier image merge`",
                    image_.name));
  auto efuses = load_efuses(options_);
  if (!efuses) return std::unexpected(efuses.error());
  auto rom = load_rom(options_);
  if (!rom) return std::unexpected(rom.error());
  auto flash = devices::FlashImage::create(image_.bytes, static_cast<std::uint32_t>(image_.bytes.size()));
  if (!flash) return std::unexpected(fmt::format("{}: {}", image_.name, flash.error()));
  image_.bytes = image::Bytes();  // `= {}` would keep the memory

  const bool warp = options_.clock == ClockMode::kWarp;
  esp32::MachineOptions machine;
  machine.rom = std::move(*rom);
  machine.flash = std::move(*flash);
  machine.psram_size = options_.psram_size;
  machine.clock = options_.clock;
  machine.engine = options_.engine;
  machine.chip.efuses = *efuses;
  if (!warp) machine.chip.random_seed = std::random_device()();
  machine.reset_limit = options_.reset_limit;
  auto made = esp32::Machine::create(machine, std::move(log));
  if (!made) return std::unexpected(made.error());
  machine_ = std::move(*made);
  if (options_.stats) {
    started_ns_ = base::EventLoop::now_ns();
    machine_->scheduler().collect_stats();
  }
  if (!options_.efuse.empty())
    machine_->chip().efuse.on_burn([this](const devices::EfuseValues& values) {
      const auto bytes = devices::efuse_file_of(values);
      if (auto ok = image::write_file(options_.efuse, bytes); !ok)
        machine_->log().error(base::LogArea::kDevice, "{}", ok.error());
    });
  return {};
}

Result<void> Session::open_serial_ports() {
  for (unsigned n = 0; n < serial_.size(); ++n) {
    auto backend = base::open_serial(loop_, options_.serial[n]);
    if (!backend) return std::unexpected(backend.error());
    serial_[n] = std::move(*backend);
    devices::Uart& uart = machine_->chip().uart[n];
    base::SerialBackend* port = serial_[n].get();
    uart.set_speedup(kLineSpeedup);
    uart.on_transmit = [this, n, port](std::span<const std::uint8_t> bytes) {
      port->write(bytes);
      last_output_[n] = machine_->instructions();
      if (n == 0 && until_.see(bytes)) {
        done_ = true;
        machine_->stop({esp32::Halt::Kind::kRequested, {}});
      }
    };
    port->on_input([this, n, &uart](std::span<const std::uint8_t> bytes) -> std::size_t {
      input_waits_[n] = !idle_ && machine_->instructions() - last_output_[n] < kReactionInstructions;
      return input_waits_[n] ? 0 : uart.receive(bytes);
    });
    uart.on_receive_ready = [port] { port->resume_input(); };
    port->on_leave([this](base::SerialBackend::Leave) { leaving_ = true; });
    if (!port->where().empty()) fmt::print(stderr, "espalier: UART{} listens on {}\n", n, port->where());
  }
  return {};
}

Result<void> Session::open_network() {
  devices::OpenEth& mac = machine_->chip().open_eth;
  if (options_.net == NetMode::kNone) {
    mac.set_cable(false);
    return {};
  }
  auto network = net::SlirpNetwork::create(loop_, machine_->log());
  if (!network) return std::unexpected(network.error());
  network_ = std::move(*network);
  mac.connect(network_.get());
  network_->attach(&mac);
  for (const net::Publish& publish : options_.publish)
    if (const auto port = network_->publish(publish); !port) return std::unexpected(port.error());
  return {};
}

// Last of all, so that a port in use leaves no empty capture behind.
Result<void> Session::open_capture() {
  if (options_.pcap.empty()) return {};
  auto file = net::PcapFile::create(options_.pcap, machine_->log());
  if (!file) return std::unexpected(file.error());
  pcap_ = std::move(*file);
  if (!network_) return {};
  net::PcapTap::Clock clock = net::PcapTap::host_clock;
  if (options_.clock == ClockMode::kWarp)
    clock = [this] { return base::ns_from_ticks(machine_->clock().now()); };
  devices::OpenEth& mac = machine_->chip().open_eth;
  tap_ = std::make_unique<net::PcapTap>(*pcap_, std::move(clock), mac, *network_);
  mac.connect(tap_.get());
  network_->attach(tap_.get());
  return {};
}

Result<void> Session::open_perf_map() {
  if (!options_.perf_map) return {};
  auto map = PerfMap::create(options_.image);
  if (!map) return std::unexpected(map.error());
  perf_map_ = std::move(*map);
  for (unsigned cpu = 0; cpu < 2; ++cpu)
    machine_->core(cpu).on_translated(
        [this](const void* host, std::size_t size, std::uint32_t pc) { perf_map_->add(host, size, pc); });
  return {};
}

Result<void> Session::open() {
  if (auto ok = open_machine(); !ok) return ok;
  if (auto ok = open_network(); !ok) return ok;
  if (auto ok = open_serial_ports(); !ok) return ok;
  if (auto ok = open_perf_map(); !ok) return ok;
  return open_capture();
}

// Guest code for about kHostInterval, or until there is nothing to run.
void Session::turn() {
  for (;;) {
    switch (machine_->run_round()) {
      case esp32::Machine::Progress::kRan:
        break;
      case esp32::Machine::Progress::kIdle:
        return wait();
      case esp32::Machine::Progress::kStopped:
        return;
    }
    const std::uint64_t now = base::EventLoop::now_ns();
    if (now < next_poll_ns_) continue;
    loop_.poll(0);
    offer_input(false);
    next_poll_ns_ = now + kHostInterval;
    return;
  }
}

// Offers input that was held back again. True if there was any and the guest is idle: it goes in then.
bool Session::offer_input(bool idle) {
  bool offered = false;
  idle_ = idle;
  for (unsigned n = 0; n < serial_.size(); ++n)
    if (input_waits_[n]) {
      input_waits_[n] = false;
      serial_[n]->resume_input();
      offered = true;
    }
  idle_ = false;
  return idle && offered;
}

void Session::print_stats() {
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
  fmt::print(stderr, "{}", format_stats(stats));
}

// Both cores wait. In realtime the host waits for the next timer or whatever comes from outside; in warp what
// is there already comes first, then the time is skipped.
void Session::wait() {
  if (offer_input(true)) return;
  if (network_ && network_->guest_idle()) return;
  std::uint64_t limit = base::EventLoop::kForever;
  const std::uint64_t began = options_.stats || deadline_ns_ != 0 ? base::EventLoop::now_ns() : 0;
  if (deadline_ns_ != 0) limit = deadline_ns_ > began ? deadline_ns_ - began : 0;
  if (options_.clock == ClockMode::kWarp) {
    if (loop_.poll(0)) return;
    if (machine_->skip_idle()) return;
    loop_.poll(limit);
  } else {
    loop_.poll(std::min(machine_->idle_ns(), limit));
  }
  // The host has been looked at just now.
  const std::uint64_t now = base::EventLoop::now_ns();
  next_poll_ns_ = now + kHostInterval;
  if (options_.stats) idle_ns_ += now - began;
}

int Session::run() {
  if (options_.timeout_seconds)
    deadline_ns_ = base::EventLoop::now_ns() + static_cast<std::uint64_t>(*options_.timeout_seconds * 1e9);
  bool timed_out = false;
  while (!leaving_ && !done_ && signals_.signal() == 0 && !machine_->halted()) {
    if ((timed_out = past_deadline())) break;
    // A console that does not keep up makes the guest wait.
    if (std::ranges::any_of(serial_, [](const auto& port) { return port->congested(); }))
      loop_.poll(kHostInterval);
    else
      turn();
  }
  if (options_.stats) print_stats();
  for (auto& port : serial_) port->drain(kDrainTime);
  if (auto saved = save(); !saved) {
    fail(saved.error());
    return kEmulatorFault;
  }
  if (done_) return kDone;
  if (timed_out) {
    fail(until_.missing().empty()
             ? fmt::format("stopped after --timeout {} s", *options_.timeout_seconds)
             : fmt::format("'{}' has not appeared within {} s", until_.missing(), *options_.timeout_seconds));
    return kTimedOut;
  }
  if (const auto& halt = machine_->halted()) {
    fail(halt->message);
    return halt->kind == esp32::Halt::Kind::kResetLimit ? kExpectationFailed : kEmulatorFault;
  }
  if (const int signal = signals_.signal()) return 128 + signal;
  if (!until_.missing().empty()) {
    fail(fmt::format("stopped before '{}' appeared", until_.missing()));
    return kExpectationFailed;
  }
  return kDone;
}

Result<void> Session::save() {
  if (!options_.persist) return {};
  return devices::write_back(machine_->flash(), image_.file->string());
}

}  // namespace

int run_machine(const RunOptions& options) {
  base::ignore_sigpipe();
  Session session(options);
  if (auto ok = session.open(); !ok) return fail(ok.error());
  return session.run();
}

}  // namespace espalier::cli
