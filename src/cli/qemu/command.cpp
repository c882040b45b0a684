#include "cli/qemu/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/event_loop.h"
#include "cli/qemu/background.h"
#include "cli/qemu/code_log.h"
#include "cli/qemu/options.h"
#include "host/exposure.h"
#include "host/init_process.h"
#include "host/monitor.h"
#include "host/monitor_console.h"
#include "host/mux.h"
#include "host/qmp_server.h"
#include "host/session.h"
#include "host/signal_watch.h"

namespace espalier::cli::qemu {
namespace {

using Result = std::expected<void, std::string>;
using host::Session;

// Events that -d int stands for.
constexpr std::string_view kInterruptEvents = "cpu_interrupt,cpu_interrupt_done,cpu_exception,cpu_return";

class Program {
 public:
  Program(std::string name, Options options) : name_(std::move(name)), options_(std::move(options)) {}
  int run();

 private:
  void prepare();
  Result open();
  Result connect_consoles();
  Result open_monitors();
  void announce(const std::string& label, const base::SerialSpec& spec,
                const base::SerialBackend& line) const;
  int loop();
  int fail(const std::string& text) const {
    fmt::print(stderr, "{}: {}\n", name_, text);
    return 1;
  }

  std::string name_;
  Options options_;
  base::EventLoop loop_;
  host::SignalWatch signals_{loop_};
  Background background_;
  PidFile pidfile_;
  // Of the serial port that shares its line with a monitor.
  std::unique_ptr<host::Mux> mux_;
  std::unique_ptr<host::Mux::Channel> mux_monitor_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<CodeLog> code_log_;  // of the session's machine: it ends before that
  std::vector<std::unique_ptr<base::SerialBackend>> monitor_lines_;
  std::vector<std::unique_ptr<host::MonitorConsole>> monitor_consoles_;
  std::vector<std::unique_ptr<host::QmpServer>> qmp_;
};

// What has to be settled before the machine is made.
void Program::prepare() {
  host::SessionOptions& session = options_.session;
  // QEMU ends here. In a container, whose user seldom owns the mounted folder, and with a file system that is
  // read-only on purpose, firmware can run all the same.
  if (session.write_through && access(session.image.c_str(), W_OK) != 0 &&
      (errno == EACCES || errno == EROFS)) {
    fmt::print(stderr,
               "{}: warning: {} cannot be written ({}): what the guest writes to its flash is lost at "
               "the end (readonly=on: meant so)\n",
               name_, session.image, std::strerror(errno));
    session.write_through = false;
  }
  session.trace.patterns = options_.trace;
  for (const std::string& file : options_.trace_events_files)
    session.trace.patterns.push_back("events=" + file);
  if (options_.log_interrupts) session.trace.patterns.emplace_back(kInterruptEvents);
  if (!options_.debug_log.empty()) session.trace.file = session.log_file = options_.debug_log;
}

// Where to find a line that somebody has to look for, and who else can.
void Program::announce(const std::string& label, const base::SerialSpec& spec,
                       const base::SerialBackend& line) const {
  if (const std::string where = line.where(); where.starts_with("/dev/")) {
    fmt::print("char device redirected to {} (label {})\n", where, label);
    std::fflush(stdout);
  }
  if (const std::string text = host::exposure_warning(spec, label); !text.empty())
    fmt::print(stderr, "{}: warning: {}\n", name_, text);
}

// mon:DEVICE: the UART and a monitor on one line.
Result Program::connect_consoles() {
  for (unsigned n = 0; n < 3; ++n) {
    if (!options_.serial[n].multiplexed) continue;
    if (mux_) return std::unexpected("one serial port can share its line with the monitor, not several");
    auto line = base::open_serial(loop_, options_.serial[n].line);
    if (!line) return std::unexpected(line.error());
    announce(fmt::format("serial{}", n), options_.serial[n].line, **line);
    mux_ = std::make_unique<host::Mux>(std::move(*line),
                                       host::Mux::Options{
                                           .escape = 0x01,
                                           .on_exit = [this] { session_->monitor().execute("quit"); },
                                           .on_save = {},
                                       });
    session_->connect_serial(n, mux_->add_channel());
    mux_monitor_ = mux_->add_channel();
  }
  return {};
}

Result Program::open_monitors() {
  for (const CharDevice& device : options_.monitors) {
    if (device.line.kind == base::SerialSpec::Kind::kNone) continue;
    auto line = base::open_serial(loop_, device.line);
    if (!line) return std::unexpected(line.error());
    announce(fmt::format("compat_monitor{}", monitor_lines_.size()), device.line, **line);
    monitor_consoles_.push_back(std::make_unique<host::MonitorConsole>(loop_, **line, session_->monitor()));
    monitor_lines_.push_back(std::move(*line));
  }
  if (mux_monitor_) {
    monitor_consoles_.push_back(
        std::make_unique<host::MonitorConsole>(loop_, *mux_monitor_, session_->monitor()));
    mux_monitor_->on_focus([console = monitor_consoles_.back().get()](bool here) { console->focus(here); });
  }
  for (const CharDevice& device : options_.qmp) {
    auto line = base::open_serial(loop_, device.line);
    if (!line) return std::unexpected(line.error());
    announce(fmt::format("compat_qmp{}", qmp_.size()), device.line, **line);
    qmp_.push_back(std::make_unique<host::QmpServer>(loop_, std::move(*line), session_->monitor()));
  }
  return {};
}

Result Program::open() {
  session_ = std::make_unique<Session>(loop_, options_.session);
  if (auto ok = connect_consoles(); !ok) return ok;
  if (auto ok = session_->open(); !ok) return ok;
  debug::RunControl& control = session_->control();
  control.no_reboot(options_.no_reboot);
  control.no_shutdown(options_.no_shutdown);
  for (unsigned n = 0; n < 3; ++n)
    if (!options_.serial[n].multiplexed)
      announce(fmt::format("serial{}", n), options_.serial[n].line, session_->serial(n));
  if (auto ok = open_monitors(); !ok) return ok;
  if (options_.log_code) {
    auto log = CodeLog::start(session_->machine(), options_.debug_log);
    if (!log) return std::unexpected(log.error());
    code_log_ = std::move(*log);
  }
  if (options_.daemonize)
    if (auto ok = background_.enter(); !ok) return ok;
  if (!options_.pidfile.empty())
    if (auto ok = pidfile_.write(options_.pidfile); !ok) return ok;
  background_.ready();
  return {};
}

int Program::loop() {
  Session::End end;
  bool quiet = false;
  while ((end = session_->ended()) == Session::End::kNone && signals_.signal() == 0)
    quiet = !loop_.poll(session_->advance(quiet));
  constexpr std::uint64_t kDrainTime = 1'000'000'000;
  for (auto& server : qmp_) {
    if (signals_.signal() != 0) server->announce_end("host-signal");
    server->drain(kDrainTime);
  }
  for (auto& line : monitor_lines_) line->drain(kDrainTime);
  if (auto closed = session_->close(); !closed) return fail(closed.error());
  if (signals_.signal() != 0) fmt::print(stderr, "{}: terminating on signal {}\n", name_, signals_.signal());
  if (end == Session::End::kHalted) return fail(session_->machine().halted()->message);
  return 0;
}

int Program::run() {
  if (!options_.answer.empty()) {
    fmt::print("{}", options_.answer);
    return 0;
  }
  for (const std::string& warning : options_.warnings)
    fmt::print(stderr, "{}: warning: {}\n", name_, warning);
  prepare();
  if (options_.session.lists_events()) {
    const auto list = debug::list_trace_events();
    if (!list) return fail(list.error());
    fmt::print("{}", *list);
    return 0;
  }
  if (auto ok = open(); !ok) return fail(ok.error());
  return loop();
}

}  // namespace

int run(const std::string& program, const std::vector<std::string>& arguments) {
  base::ignore_sigpipe();
  host::reap_orphans();
  auto options = parse(arguments);
  if (!options) {
    fmt::print(stderr, "{}: {}\n", program, options.error());
    return 1;
  }
  return Program(program, std::move(*options)).run();
}

}  // namespace espalier::cli::qemu
