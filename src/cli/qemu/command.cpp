#include "cli/qemu/command.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include "base/event_loop.h"
#include "cli/qemu/background.h"
#include "cli/qemu/code_log.h"
#include "cli/qemu/options.h"
#include "host/session.h"
#include "host/signal_watch.h"

namespace espalier::cli::qemu {
namespace {

using Result = std::expected<void, std::string>;
using host::Session;

// Events that -d int stands for.
constexpr std::string_view kInterruptEvents = "cpu_interrupt,cpu_interrupt_done,cpu_exception,cpu_return";

// The patterns of -trace events=FILE: one a line; '#' begins a comment.
Result read_events(const std::string& path, std::vector<std::string>& patterns) {
  std::ifstream file(path);
  if (!file) return std::unexpected(fmt::format("-trace events={}: cannot read it", path));
  for (std::string line; std::getline(file, line);)
    if (const auto first = line.find_first_not_of(" \t\r"); first != std::string::npos && line[first] != '#')
      patterns.push_back(line.substr(first, line.find_last_not_of(" \t\r") + 1 - first));
  return {};
}

class Program {
 public:
  Program(std::string name, Options options) : name_(std::move(name)), options_(std::move(options)) {}
  int run();

 private:
  Result prepare();
  Result open();
  void announce(const std::string& label, const base::SerialBackend& line) const;
  int loop();
  int fail(const std::string& text) const {
    fmt::print(stderr, "{}: {}\n", name_, text);
    return 1;
  }

  std::string name_;
  Options options_;
  base::EventLoop loop_;
  host::SignalWatch signals_{loop_};
  PidFile pidfile_;
  std::unique_ptr<CodeLog> code_log_;
  std::unique_ptr<Session> session_;
};

// What has to be settled before the machine is made.
Result Program::prepare() {
  host::SessionOptions& session = options_.session;
  session.trace.patterns = options_.trace;
  for (const std::string& file : options_.trace_events_files)
    if (auto ok = read_events(file, session.trace.patterns); !ok) return ok;
  if (options_.log_interrupts) session.trace.patterns.emplace_back(kInterruptEvents);
  if (!options_.debug_log.empty()) session.trace.file = session.log_file = options_.debug_log;
  return {};
}

void Program::announce(const std::string& label, const base::SerialBackend& line) const {
  const std::string where = line.where();
  if (where.starts_with("/dev/"))
    fmt::print("char device redirected to {} (label {})\n", where, label);
  else if (where.find("0.0.0.0") != std::string::npos || where.find("[::]") != std::string::npos)
    fmt::print(stderr, "{}: warning: {} listens on {}: every machine that reaches this host can use it\n",
               name_, label, where);
  std::fflush(stdout);
}

Result Program::open() {
  session_ = std::make_unique<Session>(loop_, options_.session);
  if (auto ok = session_->open(); !ok) return ok;
  debug::RunControl& control = session_->control();
  control.no_reboot(options_.no_reboot);
  control.no_shutdown(options_.no_shutdown);
  for (unsigned n = 0; n < 3; ++n) announce(fmt::format("serial{}", n), session_->serial(n));
  if (options_.log_code) {
    auto log = CodeLog::start(session_->machine(), options_.debug_log);
    if (!log) return std::unexpected(log.error());
    code_log_ = std::move(*log);
  }
  if (options_.daemonize)
    if (auto ok = go_to_background(); !ok) return ok;
  if (!options_.pidfile.empty()) return pidfile_.write(options_.pidfile);
  return {};
}

int Program::loop() {
  Session::End end;
  bool quiet = false;
  while ((end = session_->ended()) == Session::End::kNone && signals_.signal() == 0)
    quiet = !loop_.poll(session_->advance(quiet));
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
  if (auto ok = prepare(); !ok) return fail(ok.error());
  if (options_.session.lists_events()) {
    fmt::print("{}", debug::list_trace_events(base::Tracer()));
    return 0;
  }
  if (auto ok = open(); !ok) return fail(ok.error());
  return loop();
}

}  // namespace

int run(const std::string& program, const std::vector<std::string>& arguments) {
  base::ignore_sigpipe();
  auto options = parse(arguments);
  if (!options) {
    fmt::print(stderr, "{}: {}\n", program, options.error());
    return 1;
  }
  return Program(program, std::move(*options)).run();
}

}  // namespace espalier::cli::qemu
