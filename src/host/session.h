// One machine with what the host gives it: consoles, network, captures, and the loop that drives them all.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/serial_backend.h"
#include "debug/call_trace.h"
#include "debug/coverage.h"
#include "debug/gdb_server.h"
#include "debug/panic_watch.h"
#include "debug/profile.h"
#include "debug/run_control.h"
#include "debug/symbols.h"
#include "debug/tracing.h"
#include "debug/vcd.h"
#include "devices/flash_persist.h"
#include "esp32/machine.h"
#include "esp32/snapshot.h"
#include "host/boot_inputs.h"
#include "host/console_watch.h"
#include "host/faults.h"
#include "host/network_line.h"
#include "host/perf_map.h"
#include "host/session_options.h"
#include "net/impaired_link.h"
#include "net/network.h"
#include "net/pcap.h"
#include "net/slirp_network.h"

namespace espalier::host {

class Monitor;

// Everything belongs to the event loop's thread. Whoever owns the loop calls advance() and polls in turn;
// several sessions may share one loop.
class Session {
 public:
  Session(base::EventLoop& loop, SessionOptions options);
  ~Session();

  // What UART `n` is connected to in the place of options().serial[n]; before open().
  void connect_serial(unsigned n, std::unique_ptr<base::SerialBackend> line) { serial_[n] = std::move(line); }
  // What the chip's network port is connected to with NetMode::kGiven; before open(). Its published ports
  // stand in options().publish already.
  void plug_into(std::unique_ptr<net::Network> network) { other_network_ = std::move(network); }
  // Where the machine's log goes in the place of standard error; before open().
  void log_to(base::Logger::Sink sink) { log_sink_ = std::move(sink); }
  // Where the explanation of a panic's backtrace goes in the place of standard error.
  void explain_panics_to(std::function<void(std::string_view)> tell) { explain_panic_ = std::move(tell); }
  // Called when something has come that may give the machine work before the time is over that advance() has
  // told: a frame, serial input, a command of control(). In the loop's thread, from within advance() too.
  void on_work(std::function<void()> callback) { work_ = std::move(callback); }

  // Everything up to the first instruction. One line says what is wrong with the user's input; nothing has
  // been written then.
  std::expected<void, std::string> open();

  // Runs guest code until there is none to run or the host is due for a look, and returns for how long (ns)
  // the event loop may sleep before the next call; 0: not at all, kForever: until something happens. `quiet`:
  // the loop's last poll found nothing (in warp, idle time is skipped only then).
  std::uint64_t advance(bool quiet);

  enum class End : std::uint8_t {
    kNone,      // it goes on
    kDone,      // all of --until has appeared
    kTimedOut,  // --timeout
    kHalted,    // machine().halted() says why
    kShutDown,  // control().shut_down(), or a reset with no_reboot()
    kLeft,      // Ctrl-], or nobody reads the console any more
  };
  End ended();
  // After the end: sends what the consoles still hold, writes the flash back if asked to.
  std::expected<void, std::string> close();

  const SessionOptions& options() const { return options_; }
  base::EventLoop& loop() { return loop_; }
  // After open():
  esp32::Machine& machine() { return *machine_; }
  debug::RunControl& control() { return *control_; }
  const base::SerialBackend& serial(unsigned n) const { return *serial_[n]; }
  net::SlirpNetwork* network() { return network_.get(); }  // nullptr: not NetMode::kUser
  // Whatever the chip's network port is connected to; nullptr: nothing.
  net::Network* connected() { return network_ ? network_.get() : other_network_.get(); }
  // Counts what has passed through the chip's network port.
  const NetworkLine& network_line() const { return *line_; }
  // How bad the cable is, from now on.
  void impair(const net::LinkImpairment& link);
  // Something goes wrong on purpose, now or later. An error is one line: this machine cannot have it.
  std::expected<void, std::string> inject(const Fault& fault) { return faults_->add(fault); }
  // The same as a command, between turns: what is to happen at once has happened afterwards, in a paused
  // machine, too. What was done; empty: it is still to come.
  std::expected<std::string, std::string> inject_now(const Fault& fault);
  // Who is told of each fault when it has been done, in the place of the machine's log; before open().
  void on_fault(std::function<void(const Fault&, const std::string&)> callback) {
    fault_told_ = std::move(callback);
  }
  // The bad piece of cable; nullptr: there has never been one.
  net::ImpairedLink* impaired_link() { return impaired_.get(); }
  // The name by which monitors know the network.
  const std::string& network_id() const { return network_id_; }
  // Plugs a user network in where the chip has none. An error is one line.
  std::expected<void, std::string> plug_network(const net::SlirpOptions& options, std::string id);
  // Takes the user network away and pulls the cable.
  void unplug_network();
  // The one of all consoles, QMP and GDB: they share its snapshots and the core that it means.
  Monitor& monitor() { return *monitor_; }
  // A GDB server at `address`, in the place of the one there is: whoever debugs there is disconnected, if it
  // is another address. An error is one line, and changes nothing.
  std::expected<void, std::string> start_gdb(const debug::GdbAddress& address);
  void stop_gdb();
  // nullptr: none.
  const debug::GdbServer* gdb() const { return gdb_.get(); }
  // The machine as it is now, for clones. Between calls of advance().
  std::expected<std::shared_ptr<const esp32::Snapshot>, std::string> snapshot();
  // The next of --until that has not appeared; empty if all have.
  std::string missing() const { return until_.missing(); }
  // What --profile prints beside its file; empty without one.
  std::string profile_summary() const;
  // What --stats prints.
  std::string stats() const;

 private:
  template <class T>
  using Result = std::expected<T, std::string>;

  Result<void> open_machine();
  Result<std::unique_ptr<esp32::Machine>> boot_machine(const BootEfuses& efuses, base::Logger log);
  Result<std::unique_ptr<esp32::Machine>> clone_machine(base::Logger log);
  const image::FlashImage& image() const { return inputs_->image; }
  Result<void> open_log(base::Logger& log);
  Result<void> load_kernel();
  Result<void> open_serial_ports();
  Result<void> open_network();
  Result<void> open_faults();
  Result<void> open_capture();
  Result<void> open_gdb();
  Result<void> open_perf_map();
  Result<void> open_trace();
  Result<void> open_waveform();
  Result<void> open_profile();
  Result<void> open_coverage();
  Result<void> open_call_trace();
  Result<void> open_call_trace_file();
  Result<void> open_symbols();
  Result<std::unique_ptr<debug::TraceFile>> open_report(const std::string& path, std::string_view what);
  // Of the ELF file at `path`, with the built-in ROM's where it is used.
  Result<std::unique_ptr<debug::Symbols>> load_symbols(const std::string& path) const;
  std::string elf_path() const;
  const debug::Symbols* symbols();
  void connect_network();
  net::ImpairedLink& bad_cable();
  bool due();
  base::Ticks after_ticks() const;
  void work_came() {
    if (work_) work_();
  }
  bool congested() const;
  void sync_flash();
  bool offer_input(bool idle);
  std::uint64_t idle_time();
  std::uint64_t until_deadline(std::uint64_t now) const;

  base::EventLoop& loop_;
  SessionOptions options_;
  ConsoleWatch until_;
  std::shared_ptr<const BootInputs> inputs_;
  base::Logger::Sink log_sink_;
  std::function<void(std::string_view)> explain_panic_;
  std::function<void()> work_;
  std::unique_ptr<PerfMap> perf_map_;
  std::shared_ptr<std::FILE> log_file_;
  std::unique_ptr<esp32::Machine> machine_;
  std::unique_ptr<debug::RunControl> control_;
  std::shared_ptr<void> control_observer_;
  std::unique_ptr<debug::Tracing> tracing_;
  std::unique_ptr<debug::Vcd> vcd_;
  std::unique_ptr<debug::TraceFile> profile_file_;
  std::unique_ptr<debug::Profile> profile_;
  std::unique_ptr<Monitor> monitor_;
  std::unique_ptr<debug::TraceFile> call_trace_file_;
  std::unique_ptr<debug::CallTrace> call_trace_;
  std::unique_ptr<debug::TraceFile> coverage_file_;
  std::unique_ptr<debug::Coverage> coverage_;
  std::unique_ptr<debug::GdbServer> gdb_;
  // Until the next advance(): the command that has ended it may be its own debugger's.
  std::vector<std::unique_ptr<debug::GdbServer>> former_gdbs_;
  std::unique_ptr<debug::Symbols> symbols_;  // of the application; once somebody wants to know
  bool symbols_looked_for_ = false;
  debug::PanicWatch panic_watch_;
  std::array<std::unique_ptr<base::SerialBackend>, 3> serial_;
  std::array<std::uint64_t, 3> last_output_{};  // instructions() when each UART sent its last byte
  std::array<bool, 3> input_waits_{};
  bool guest_idle_ = false;
  std::unique_ptr<NetworkLine> line_;
  std::unique_ptr<net::PcapFile> pcap_;
  std::unique_ptr<net::SlirpNetwork> network_;
  std::string network_id_;
  std::unique_ptr<net::Network> other_network_;  // not libslirp's
  std::unique_ptr<net::PcapTap> tap_;
  std::unique_ptr<net::ImpairedLink> impaired_;
  std::function<void(const Fault&, const std::string&)> fault_told_;
  std::unique_ptr<Faults> faults_;
  std::string last_fault_;  // what was done
  std::unique_ptr<devices::FlashMirror> flash_mirror_;
  base::EventLoop::Timer flash_timer_;
  std::uint64_t deadline_ns_ = 0;     // 0: none
  std::uint64_t started_ns_ = 0;      // when the machine was made
  std::uint64_t slept_since_ns_ = 0;  // --stats: when it last became idle; 0: it is not
  std::uint64_t idle_ns_ = 0;         // --stats
  bool leaving_ = false;
};

}  // namespace espalier::host
