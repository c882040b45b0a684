#include "cli/run_machine.h"

#include <fmt/format.h>

#include "base/event_loop.h"
#include "base/serial_backend.h"
#include "cli/cli.h"
#include "cli/exit_code.h"
#include "debug/tracing.h"
#include "host/init_process.h"
#include "host/session.h"
#include "host/signal_watch.h"
#include "image/file.h"

namespace espalier::cli {
namespace {

using host::Session;

int list_events() {
  const auto list = debug::list_trace_events();
  if (!list) return fail(list.error());
  fmt::print("{}", *list);
  return kDone;
}

int save_snapshot(Session& session) {
  const auto snapshot = session.snapshot();
  if (!snapshot) {
    fail(fmt::format("the machine could not be saved: {}", snapshot.error()));
    return kEmulatorFault;
  }
  const std::string& path = session.options().snapshot_file;
  const auto bytes = (*snapshot)->file();
  if (auto written = image::write_file(path, bytes); !written) return fail(written.error());
  fmt::print(stderr, "espalier: {}: {} KiB, {:.3f} s of the guest's time\n", path,
             (bytes.size() + 1023) / 1024, static_cast<double>((*snapshot)->clock_ns()) / 1e9);
  return kDone;
}

int exit_code(Session& session, Session::End end, int signal) {
  switch (end) {
    case Session::End::kDone:
      return kDone;
    case Session::End::kTimedOut: {
      const double seconds = *session.options().timeout_seconds;
      const std::string missing = session.missing();
      fail(missing.empty() ? fmt::format("stopped after --timeout {} s", seconds)
                           : fmt::format("'{}' has not appeared within {} s", missing, seconds));
      return kTimedOut;
    }
    case Session::End::kHalted: {
      const esp32::Halt& halt = *session.machine().halted();
      fail(halt.message);
      return halt.kind == esp32::Halt::Kind::kResetLimit ? kExpectationFailed : kEmulatorFault;
    }
    case Session::End::kNone:
    case Session::End::kShutDown:
    case Session::End::kLeft:
      break;
  }
  if (signal != 0) return 128 + signal;
  if (!session.missing().empty()) {
    fail(fmt::format("stopped before '{}' appeared", session.missing()));
    return kExpectationFailed;
  }
  return kDone;
}

}  // namespace

int run_machine(const host::SessionOptions& options) {
  base::ignore_sigpipe();
  host::reap_orphans();
  if (options.lists_events()) return list_events();
  base::EventLoop loop;
  host::SignalWatch signals(loop);  // from before the image is read: as PID 1 a process has no other end
  Session session(loop, options);
  if (auto ok = session.open(); !ok) return fail(ok.error());
  for (unsigned n = 0; n < 3; ++n)
    if (const std::string where = session.serial(n).where(); !where.empty())
      fmt::print(stderr, "espalier: UART{} listens on {}\n", n, where);

  Session::End end;
  bool quiet = false;
  while ((end = session.ended()) == Session::End::kNone && signals.signal() == 0)
    quiet = !loop.poll(session.advance(quiet));
  if (end == Session::End::kDone && !options.snapshot_file.empty())
    if (const int failed = save_snapshot(session); failed != kDone) return failed;
  if (options.stats) fmt::print(stderr, "{}", session.stats());
  fmt::print(stderr, "{}", session.profile_summary());
  if (auto closed = session.close(); !closed) {
    fail(closed.error());
    return kEmulatorFault;
  }
  return exit_code(session, end, signals.signal());
}

}  // namespace espalier::cli
