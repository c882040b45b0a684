// What one debugger that speaks GDB's remote protocol does to a machine, from its connection to its end.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "debug/free_rtos_tasks.h"
#include "debug/gdb_packet.h"
#include "debug/run_control.h"
#include "esp32/machine.h"

namespace espalier::debug {

// What every session with a machine has in common.
struct GdbTarget {
  esp32::Machine& machine;
  RunControl& control;
  // Where to find the guest's tasks. Without it the two cores are the only threads.
  std::optional<FreeRtos> tasks;
  // What answers `monitor` commands other than the session's own, in whole lines; "help" lists them. May end
  // the server, though not while it is called.
  std::function<std::string(std::string_view command)> monitor;
};

// Threads 1 and 2 are the cores, whatever task they run; tasks that do not run have their TCB's address for a
// number. All-stop: the whole machine stands while the debugger looks. It stops when the session begins, and
// goes on at its end if it ran before or the debugger has let it.
//
// Belongs to the machine's thread; not to be called from within a turn.
class GdbSession {
 public:
  using Send = std::function<void(std::string_view bytes)>;

  GdbSession(GdbTarget& target, Send send);
  ~GdbSession();
  GdbSession(const GdbSession&) = delete;
  GdbSession& operator=(const GdbSession&) = delete;

  void receive(std::span<const std::uint8_t> bytes);
  // The debugger has detached, or the machine has come to its end: no more is to be sent or received.
  bool finished() const { return finished_; }

 private:
  enum class Action : std::uint8_t { kHold, kContinue, kStep };
  using Actions = std::array<Action, 2>;
  using Handler = std::string (GdbSession::*)(std::string_view arguments);
  struct Row {
    std::string_view prefix;
    Handler handler;
  };
  static std::span<const Row> rows();
  // What a handler returns if its reply comes later, or never. An empty reply says that a packet is not
  // known.
  static constexpr std::string_view kNoReply{"\0", 1};

  // Packets, in gdb_session.cpp. Each returns its reply.
  std::string answer(std::string_view packet);
  std::string supported(std::string_view);
  std::string no_ack_mode(std::string_view);
  std::string read_object(std::string_view arguments);
  std::string run_monitor(std::string_view arguments);
  std::string attached(std::string_view);
  std::string ok(std::string_view);
  std::string offsets(std::string_view);
  std::string read_all_registers(std::string_view);
  std::string write_all_registers(std::string_view arguments);
  std::string read_register(std::string_view arguments);
  std::string write_register(std::string_view arguments);
  std::string read_memory(std::string_view arguments);
  std::string write_memory_hex(std::string_view arguments);
  std::string write_memory_binary(std::string_view arguments);
  std::string set_point(std::string_view arguments);
  std::string remove_point(std::string_view arguments);
  std::string monitor_reply(std::string_view command);
  std::string summary() const;

  // Threads and running, in gdb_run.cpp.
  std::string select_thread(std::string_view arguments);
  std::string current_thread(std::string_view);
  std::string first_threads(std::string_view);
  std::string more_threads(std::string_view);
  std::string thread_info(std::string_view arguments);
  std::string thread_alive(std::string_view arguments);
  std::string continue_query(std::string_view);
  std::string continue_with(std::string_view arguments);
  std::string continue_all(std::string_view arguments);
  std::string step_one(std::string_view arguments);
  std::string why_stopped(std::string_view);
  std::string interrupt(std::string_view);
  std::string detach(std::string_view);
  std::string kill(std::string_view);
  std::string restart(std::string_view);
  std::string thread_list_xml();

  struct Thread {
    std::uint32_t id;
    std::optional<unsigned> cpu;  // a core; otherwise a task that does not run
    std::string text;
  };
  std::vector<Thread> threads();
  std::optional<Thread> thread(std::uint32_t id);
  // The core of a thread number; none: a task, or nothing.
  std::optional<unsigned> cpu_of(std::uint32_t id);
  unsigned memory_cpu() { return cpu_of(selected_).value_or(0); }
  FreeRtos::Read task_memory();
  std::string register_text(unsigned n);

  void resume(const Actions& actions);
  void on_stops(std::span<const esp32::DebugStop> stops);
  bool in_stepped_range(const esp32::DebugStop& stop) const;
  void on_run_event(RunEvent event);
  std::string stop_reply(const esp32::DebugStop& stop) const;
  void report(std::string reply);
  void arm_watchpoints();
  void send_packet(std::string_view payload);

  GdbTarget& target_;
  esp32::Machine& machine_;
  RunControl& control_;
  Send send_;
  std::shared_ptr<void> watch_;
  GdbPacketReader reader_;
  std::string last_frame_;
  bool acks_ = true;
  bool finished_ = false;
  bool go_on_at_end_;
  bool debugger_waits_ = false;  // for the machine to stop
  bool own_change_ = false;      // of the run state
  std::uint32_t selected_ = 1;   // for registers and memory
  std::uint32_t stepped_ = 0;    // for c and s; 0: all
  std::string last_stop_ = "T05thread:1;core:0;";
  std::vector<esp32::DebugStop> waiting_stops_;  // of the other core, in the same turn
  // Which code each core steps through until it leaves it: [begin, end), empty for a single step.
  struct CodeRange {
    std::uint32_t begin = 0, end = 0;
  };
  std::array<CodeRange, 2> stepped_ranges_;
  unsigned register_count_;
  std::set<std::uint32_t> software_, hardware_;  // breakpoints
  struct Watch {
    char type;  // of Z: '2' write, '3' read, '4' access
    std::uint32_t address, size;
    bool operator==(const Watch&) const = default;
  };
  std::vector<Watch> watches_;
};

}  // namespace espalier::debug
