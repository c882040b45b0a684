// QEMU's human monitor: commands on one machine, and what they answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/monitor_memory.h"
#include "host/monitor_snapshots.h"
#include "host/session.h"

namespace espalier::host {

// The version of QEMU whose monitor and QMP this speaks.
inline constexpr std::string_view kQemuVersion = "7.2.0";

// Belongs to the event loop's thread, between turns. Answers consist of whole lines that end in '\n' and are
// spelled as QEMU spells them; a script that parses QEMU's parses these.
class Monitor {
 public:
  struct Call {
    std::string_view rest;           // what follows the command's name
    std::vector<std::string> words;  // the same, split at spaces; "..." holds some together
  };
  struct Command {
    std::string_view names;      // "stop|s"
    std::string_view arguments;  // as help shows them
    std::string_view help;
    unsigned fewest, most;  // words
    std::string (*run)(Monitor&, const Call&);
  };
  static constexpr unsigned kAnyWords = ~0u;

  // `session` is open and outlives the monitor.
  explicit Monitor(Session& session);

  // What the command answers; a mistake is answered with QEMU's words for it.
  std::string execute(std::string_view line);
  // Names that begin with `start`, for completion. After "info " those of its subcommands.
  std::vector<std::string> completions(std::string_view start) const;

  // For commands.
  Session& session() { return session_; }
  esp32::Machine& machine() { return session_.machine(); }
  debug::RunControl& control() { return session_.control(); }
  Snapshots& snapshots() { return snapshots_; }
  xtensa::Core& core() { return machine().core(cpu_); }
  unsigned cpu() const { return cpu_; }
  void choose_cpu(unsigned cpu) { cpu_ = cpu; }
  DumpFormat& dump_format() { return dump_format_; }
  std::string help(std::string_view about) const;
  // `info` alone.
  std::string info_help() const;

  // The tables, for documentation and its test.
  static std::span<const Command> commands();
  static std::span<const Command> info_commands();

 private:
  std::string run(std::span<const Command> table, std::string_view line, std::string_view prefix);

  Session& session_;
  Snapshots snapshots_;
  unsigned cpu_ = 0;
  DumpFormat dump_format_;
};

}  // namespace espalier::host
