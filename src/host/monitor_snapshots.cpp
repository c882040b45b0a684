#include "host/monitor_snapshots.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

#include "base/time.h"

namespace espalier::host {

namespace {

// Pauses a machine that runs.
class Standstill {
 public:
  explicit Standstill(debug::RunControl& control) : control_(control), ran_(control.running()) {
    if (ran_) control_.pause();
  }
  ~Standstill() {
    if (ran_) control_.resume();
  }
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;

 private:
  debug::RunControl& control_;
  bool ran_;
};

std::unexpected<std::string> missing(const std::string& name) {
  return std::unexpected(fmt::format("Error: Snapshot '{}' does not exist", name));
}

std::string size_text(std::size_t bytes) {
  if (bytes < 1024 * 1024) return fmt::format("{:.3g} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.3g} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

}  // namespace

void Snapshots::save(std::string name) {
  const std::time_t now = std::time(nullptr);
  if (name.empty()) name = fmt::format("vm-{:%Y%m%d%H%M%S}", fmt::localtime(now));
  const Standstill standstill(control_);
  Snapshot snapshot{.state = machine_.save(),
                    .date = now,
                    .clock_ns = base::ns_from_ticks(machine_.clock().now()),
                    .instructions = machine_.instructions()};
  snapshots_.insert_or_assign(std::move(name), std::move(snapshot));
}

std::expected<void, std::string> Snapshots::load(const std::string& name) {
  const auto at = snapshots_.find(name);
  if (at == snapshots_.end()) return missing(name);
  const Standstill standstill(control_);
  if (auto ok = machine_.load(at->second.state); !ok)
    return std::unexpected(fmt::format("Error: Snapshot '{}' {}", name, ok.error()));
  return {};
}

std::expected<void, std::string> Snapshots::remove(const std::string& name) {
  if (snapshots_.erase(name) == 0) return missing(name);
  return {};
}

std::string Snapshots::list() const {
  if (snapshots_.empty()) return "There is no snapshot available.\n";
  std::string text = "List of snapshots present on all disks:\n";
  text += fmt::format("{:<10}{:<17}{:>8}{:>20}{:>13}{:>11}\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK",
                      "ICOUNT");
  for (const auto& [name, s] : snapshots_) {
    const std::uint64_t seconds = s.clock_ns / 1'000'000'000;
    const std::string clock = fmt::format("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60,
                                          seconds % 60, s.clock_ns / 1'000'000 % 1000);
    text += fmt::format("{:<9} {:<16} {:>8}{:>20}{:>13}{:>11}\n", "--", name, size_text(s.state.size()),
                        fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(s.date)), clock, s.instructions);
  }
  return text;
}

}  // namespace espalier::host
