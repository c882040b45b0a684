#include "load/sweep.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/event_loop.h"

namespace espalier::load {
namespace {

using base::EventLoop;

bool interrupted(const SweepOptions& options) {
  return options.load.interrupted && options.load.interrupted();
}

// Asks each of them until it has answered. What is wrong, if some have not in time.
std::optional<std::string> wait_for_all(const SweepOptions& options, Instances& instances) {
  constexpr std::size_t kAtOnce = 64;
  constexpr std::uint64_t kOneTry = 2'000'000'000;
  constexpr useconds_t kPause = 10'000;
  const std::uint64_t deadline = EventLoop::now_ns() + options.up_timeout_ns;
  std::vector<Target> silent = instances.targets(options.path);
  const std::size_t all = silent.size();
  for (;;) {
    LoadOptions probe;
    probe.targets = silent;
    probe.connections = std::min(kAtOnce, silent.size());
    probe.requests = silent.size();
    probe.timeout_ns = kOneTry;
    probe.duration_ns = options.up_timeout_ns;
    probe.keep_alive = false;
    probe.interrupted = [&] { return EventLoop::now_ns() > deadline || interrupted(options); };
    const auto result = run_load(probe);
    if (!result) return result.error();
    std::vector<Target> still;
    for (std::size_t i = 0; i < silent.size(); ++i)
      if (result->targets[i].answered == 0) still.push_back(silent[i]);
    silent = std::move(still);
    if (silent.empty()) return std::nullopt;
    if (interrupted(options)) return "interrupted";
    if (const std::size_t ended = instances.ended(); ended != 0)
      return fmt::format("{} of the processes ended by themselves", ended);
    if (EventLoop::now_ns() > deadline)
      return fmt::format("{} of {} had answered after {:.0f} s", all - silent.size(), all,
                         static_cast<double>(options.up_timeout_ns) / 1e9);
    ::usleep(kPause);
  }
}

SweepRow measure(const SweepOptions& options, const Instances& instances, double rate, SweepRow row) {
  LoadOptions load = options.load;
  load.targets = instances.targets(options.path);
  if (load.connections == 0) load.connections = connections_for(row.devices);
  load.rate = rate;
  row.rate = rate;
  row.connections = load.connections;
  const std::uint64_t begin = EventLoop::now_ns();
  const Usage before = instances.usage();
  auto result = run_load(load);
  const Usage after = instances.usage();
  if (!result) {
    row.problem = result.error();
    return row;
  }
  row.memory_bytes = after.memory_bytes;
  row.cpu_share =
      (after.cpu_seconds - before.cpu_seconds) * 1e9 / static_cast<double>(EventLoop::now_ns() - begin);
  row.result = std::move(*result);
  return row;
}

}  // namespace

std::size_t connections_for(std::size_t devices) {
  constexpr std::size_t kLeast = 16, kMostEach = 6;
  return std::min(std::max(devices, kLeast), kMostEach * devices);
}

std::vector<SweepRow> run_sweep(const SweepOptions& options,
                                const std::function<void(const SweepRow&)>& on_row) {
  std::vector<SweepRow> rows;
  const auto add = [&](SweepRow row) {
    on_row(row);
    rows.push_back(std::move(row));
  };
  for (const Contestant& contestant : options.contestants) {
    const std::string log = options.folder + "/" + contestant.launch.name + ".log";
    std::optional<Instances> instances;
    for (const std::size_t count : options.counts) {
      if (count > contestant.most || interrupted(options)) break;
      SweepRow row;
      row.contestant = contestant.launch.name;
      row.devices = count;
      const std::uint64_t begin = EventLoop::now_ns();
      if (instances && !contestant.launch.scale.empty()) {
        if (auto grown = instances->grow(contestant.launch, count, log); !grown) row.problem = grown.error();
      } else {
        instances.reset();  // its ports are to be free
        auto started = Instances::start(contestant.launch, count, options.base_port, log);
        if (started)
          instances.emplace(std::move(*started));
        else
          row.problem = started.error();
      }
      if (!row.problem.empty()) {
        add(std::move(row));
        break;
      }
      auto problem = wait_for_all(options, *instances);
      row.up_seconds = static_cast<double>(EventLoop::now_ns() - begin) / 1e9;
      if (problem) {
        row.problem = *problem;
        add(std::move(row));
        break;
      }
      for (const double rate : options.rates) {
        if (interrupted(options)) break;
        add(measure(options, *instances, rate, row));
      }
    }
  }
  return rows;
}

}  // namespace espalier::load
