#include "fleet/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "base/time.h"
#include "host/mac_address.h"

namespace espalier::fleet {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
// How long a device waits before its policy starts it again: the first time, at most, and after how long a
// run it is the first time again.
constexpr std::uint64_t kFirstBackOff = 100 * kNsPerMs;
constexpr std::uint64_t kLongestBackOff = 30'000 * kNsPerMs;
constexpr std::uint64_t kGoodRun = 10'000 * kNsPerMs;
// Of a device's messages to the emulator's log so many are shown: a thousand of the same firmware have the
// same to say.
constexpr unsigned kMostLogLines = 10;
// Of processor time: what a guest that never rests has for its start alone.
constexpr std::uint64_t kLongestBoot = 100 * kNsPerMs;
// Averages are over no less.
constexpr std::uint64_t kShortestSample = 1'000 * kNsPerMs;

std::string ports_text(const std::vector<net::Publish>& ports) {
  std::string text;
  for (const net::Publish& port : ports)
    text += fmt::format("{}{}->{}", text.empty() ? "" : ", ", port.host_end(), port.guest_port);
  return text;
}

}  // namespace

Device::Device(Worker& worker, LanSeat* lan, std::shared_ptr<const DevicePlan> plan,
               std::shared_ptr<Console> console, std::shared_ptr<EventLog> events)
    : Runnable(worker),
      lan_(lan),
      plan_(std::move(plan)),
      console_(std::move(console)),
      events_(std::move(events)),
      ports_(plan_->ports),
      link_(plan_->group->machine.impair),
      created_(wall_time()) {
  link_.seed = plan_->seed;
  limit_cpu(plan_->group->cpu);
  wake();
}

Device::~Device() {
  power_down();
}

void Device::tell(Event::Kind kind, std::string detail) {
  events_->add(kind, plan_->name(), std::move(detail));
}

void Device::log(base::LogLevel level, base::LogArea area, std::string_view message) {
  if (log_lines_ > kMostLogLines) return;
  const std::string_view shown = log_lines_++ < kMostLogLines ? message : "further messages are not shown";
  if (plan_->tell)
    plan_->tell(plan_->name(), level, area, shown);
  else
    fmt::print(stderr, "espalier: {}: {}\n", plan_->name(), shown);
}

// ---- Turns ----

std::uint64_t Device::advance(bool quiet) {
  try {
    switch (state_) {
      case DeviceState::kStarting:
        if (!worker().start_gate().enter(*this)) return base::EventLoop::kForever;
        booting_ = true;
        boot_cpu_ns_ = cpu_ns();
        power_up();
        if (first_start_) std::exchange(first_start_, nullptr)();
        return 0;
      case DeviceState::kRunning:
        return run(quiet);
      case DeviceState::kBackOff: {
        const std::uint64_t now = base::EventLoop::now_ns();
        if (now < retry_at_ns_) return retry_at_ns_ - now;
        ++restarts_;
        state_ = DeviceState::kStarting;
        return 0;
      }
      case DeviceState::kStopped:
      case DeviceState::kExited:
      case DeviceState::kFailed:
        break;
    }
  } catch (const std::exception& error) {
    // What the host could not give this machine is no matter of the others'.
    end(DeviceState::kFailed, Event::Kind::kFailed, fmt::format("fault of the emulator: {}", error.what()),
        true);
    return 0;
  }
  return base::EventLoop::kForever;
}

std::uint64_t Device::run(bool quiet) {
  const std::uint64_t wait = session_->advance(quiet);
  if (!ready_ && shows_readiness()) {
    ready_ = true;
    tell(Event::Kind::kReady);
  }
  // Its first rest, or what it is to show when it has started, or neither for so long that the next one need
  // not wait for it. In warp there is no rest.
  const bool shown = ready_watch_ && ready_;
  if (booting_ && (wait != 0 || shown || cpu_ns() - boot_cpu_ns_ > kLongestBoot)) {
    booting_ = false;
    worker().start_gate().leave(*this);
  }
  if (session_->ended() == host::Session::End::kNone) return wait;
  machine_ended();
  return 0;
}

bool Device::shows_readiness() const {
  if (ready_watch_) return ready_watch_->done();
  return session_->connected() == nullptr || session_->connected()->guest_known();
}

void Device::power_up() {
  auto line =
      std::make_unique<ConsoleLine>([this](std::span<const std::uint8_t> bytes) { on_output(bytes); });
  ConsoleLine* const connected = line.get();
  ready_ = false;
  ready_watch_.reset();
  if (!plan_->group->ready.empty()) ready_watch_.emplace(std::vector<std::string>{plan_->group->ready});
  panicked_ = false;
  auto session =
      fleet::power_up(*plan_, {.loop = worker().loop(),
                               .lan = lan_,
                               .ports = ports_,
                               .console = std::move(line),
                               .log = [this](base::LogLevel level, base::LogArea area,
                                             std::string_view message) { log(level, area, message); }});
  if (!session) {
    end(DeviceState::kFailed, Event::Kind::kFailed, session.error(), true);
    return;
  }
  session_ = std::move(*session);
  line_ = connected;
  ports_ = session_->options().publish;
  session_->impair(link_);
  session_->on_work([this] { wake(); });
  session_->on_fault([this](const host::Fault& fault, const std::string& what) { on_fault(fault, what); });
  session_->explain_panics_to([this](std::string_view text) { console_->write(text); });
  control_observer_ = session_->control().observe([this](debug::RunEvent event) { on_control(event); });
  state_ = DeviceState::kRunning;
  started_ = wall_time();
  started_ns_ = base::EventLoop::now_ns();
  tell(Event::Kind::kStarted, ports_text(ports_));
}

void Device::power_down() {
  booting_ = false;
  worker().start_gate().leave(*this);
  if (!session_) return;
  if (auto closed = session_->close(); !closed)
    log(base::LogLevel::kError, base::LogArea::kGeneral, closed.error());
  instructions_before_ += session_->machine().instructions();
  frames_in_before_ += session_->network_line().frames_in();
  frames_out_before_ += session_->network_line().frames_out();
  control_observer_.reset();
  line_ = nullptr;
  session_.reset();
  ended_ = wall_time();
}

void Device::machine_ended() {
  const auto& halted = session_->machine().halted();
  const bool failure = halted && halted->kind != esp32::Halt::Kind::kRequested;
  std::string reason = failure ? halted->message : "the machine was shut down";
  if (base::EventLoop::now_ns() - started_ns_ >= kGoodRun) failures_in_a_row_ = 0;
  end(failure ? DeviceState::kFailed : DeviceState::kExited,
      failure ? Event::Kind::kFailed : Event::Kind::kExited, std::move(reason), failure);
}

void Device::end(DeviceState state, Event::Kind kind, std::string reason, bool failure) {
  power_down();
  state_ = state;
  ready_ = false;
  exit_reason_ = reason;
  tell(kind, std::move(reason));
  const RestartPolicy policy = plan_->group->restart;
  if (policy == RestartPolicy::kNo || (policy == RestartPolicy::kOnFailure && !failure)) return;
  const std::uint64_t wait = std::min(kFirstBackOff << std::min(failures_in_a_row_++, 16u), kLongestBackOff);
  retry_at_ns_ = base::EventLoop::now_ns() + wait;
  state_ = DeviceState::kBackOff;
  tell(Event::Kind::kBackOff, fmt::format("starts again in {:.1f} s", static_cast<double>(wait) / 1e9));
}

// ---- The machine's news ----

void Device::on_output(std::span<const std::uint8_t> bytes) {
  console_bytes_ += bytes.size();
  console_->write(bytes);
  if (ready_watch_ && !ready_) ready_watch_->see(bytes);
  auto line = panic_lines_.see(bytes);
  if (!line || std::exchange(panicked_, true)) return;
  ++panics_;
  tell(Event::Kind::kPanic, std::move(*line));
}

void Device::on_control(debug::RunEvent event) {
  if (event != debug::RunEvent::kGuestReset && event != debug::RunEvent::kReset) return;
  ++resets_;
  panicked_ = false;
  tell(Event::Kind::kReset);
}

void Device::on_fault(const host::Fault& fault, const std::string& what) {
  tell(Event::Kind::kFault, what);
  if (fault.kind != host::Fault::Kind::kPowerCut) return;
  // As after power_up(): it has to show anew that it is ready.
  ready_ = false;
  panicked_ = false;
  if (ready_watch_) ready_watch_.emplace(std::vector<std::string>{plan_->group->ready});
}

// ---- Commands ----

void Device::start() {
  if (state_ == DeviceState::kRunning || state_ == DeviceState::kStarting) return;
  failures_in_a_row_ = 0;
  state_ = DeviceState::kStarting;
  wake();
}

void Device::stop() {
  if (state_ == DeviceState::kStopped) return;
  const bool there = session_ != nullptr;
  power_down();
  ready_ = false;
  state_ = DeviceState::kStopped;
  if (there) exit_reason_ = "stopped";
  // Whoever waits for it to start need not any more.
  if (first_start_) std::exchange(first_start_, nullptr)();
  tell(Event::Kind::kStopped);
}

Result<void> Device::type(std::span<const std::uint8_t> bytes) {
  if (line_ == nullptr)
    return std::unexpected(
        Error{Error::Kind::kConflict, fmt::format("{} is not running: {}", plan_->name(), name_of(state_))});
  if (!line_->type(bytes))
    return std::unexpected(Error{Error::Kind::kUnavailable,
                                 fmt::format("{} does not read its console: input waits", plan_->name())});
  return {};
}

Result<std::shared_ptr<const esp32::Snapshot>> Device::snapshot() {
  if (!session_)
    return std::unexpected(
        Error{Error::Kind::kConflict, fmt::format("{} is not running: {}", plan_->name(), name_of(state_))});
  auto taken = session_->snapshot();
  if (!taken)
    return std::unexpected(Error{Error::Kind::kUnavailable,
                                 fmt::format("{} cannot be saved: {}", plan_->name(), taken.error())});
  return std::move(*taken);
}

void Device::impair(const net::ImpairmentPatch& patch) {
  patch.apply(link_);
  if (session_) session_->impair(link_);
  wake();
  tell(Event::Kind::kNetwork, net::impairment_text(link_));
}

Result<void> Device::inject(const host::Fault& fault) {
  if (!session_)
    return std::unexpected(
        Error{Error::Kind::kConflict, fmt::format("{} is not running: {}", plan_->name(), name_of(state_))});
  if (auto ok = session_->inject(fault); !ok)
    return std::unexpected(Error{Error::Kind::kInvalid, ok.error()});
  wake();
  return {};
}

// ---- Questions ----

std::string Device::ethernet_mac() const {
  if (!session_) return {};
  const net::EthernetAddress address = session_->machine().chip().open_eth.address();
  return address == 0 ? "" : net::text_of(address);
}

DeviceInfo Device::info() const {
  return {.name = plan_->name(),
          .group = plan_->group->name,
          .ordinal = plan_->identity.ordinal,
          .mac = host::mac_text(plan_->identity.mac),
          .ethernet_mac = ethernet_mac(),
          .hostname = plan_->hostname,
          .address = plan_->claim ? net::ipv4_text(plan_->claim->address()) : "",
          .ports = ports_,
          .state = state_,
          .ready = ready_,
          .restart = plan_->group->restart,
          .restarts = restarts_,
          .exit_reason = exit_reason_,
          .link = link_,
          .created = created_,
          .started = started_,
          .ended = ended_};
}

DeviceStats Device::stats() {
  const std::uint64_t now = base::EventLoop::now_ns();
  DeviceStats stats{.name = plan_->name(),
                    .group = plan_->group->name,
                    .state = state_,
                    .ready = ready_,
                    .instructions = instructions_before_,
                    .cpu_ns = cpu_ns(),
                    .resets = resets_,
                    .panics = panics_,
                    .restarts = restarts_,
                    .frames_in = frames_in_before_,
                    .frames_out = frames_out_before_,
                    .console_bytes = console_bytes_};
  if (session_) {
    stats.instructions += session_->machine().instructions();
    stats.frames_in += session_->network_line().frames_in();
    stats.frames_out += session_->network_line().frames_out();
    stats.up_ns = now - started_ns_;
    stats.guest_ns = base::ns_from_ticks(session_->machine().clock().now());
  }
  if (sample_.at_ns == 0 && started_ns_ != 0) sample_.at_ns = started_ns_;
  if (const std::uint64_t passed = now - sample_.at_ns; sample_.at_ns != 0 && passed >= kShortestSample) {
    const auto ns = static_cast<double>(passed);
    mips_ = static_cast<double>(stats.instructions - sample_.instructions) * 1e3 / ns;
    cpu_share_ = static_cast<double>(stats.cpu_ns - sample_.cpu_ns) / ns;
    sample_ = {.at_ns = now, .instructions = stats.instructions, .cpu_ns = stats.cpu_ns};
  }
  stats.mips = mips_;
  stats.cpu_share = cpu_share_;
  return stats;
}

}  // namespace espalier::fleet
