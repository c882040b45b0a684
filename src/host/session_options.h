// What a machine with its host side is made of: a command line, parsed and checked, as plain values.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/serial_backend.h"
#include "debug/call_trace.h"
#include "debug/gdb_address.h"
#include "debug/tracing.h"
#include "devices/efuse_values.h"
#include "esp32/machine_clock.h"
#include "host/fault.h"
#include "net/impairment.h"
#include "net/publish.h"
#include "net/slirp_network.h"
#include "net/socket_link.h"
#include "xtensa/core.h"

namespace espalier::host {

// kGiven: what Session::plug_into() is told.
enum class NetMode : std::uint8_t { kUser, kTap, kSocket, kGiven, kNone };
using devices::MacAddress;
using esp32::ClockMode;
struct BootInputs;

struct SessionOptions {
  std::string name;  // by which monitors call the machine; empty: none
  // Exactly one of the two: a flash image, build folder or snapshot, or the built-in guest.
  std::string image;
  bool demo = false;
  // What has been loaded for these options already (load_inputs()); null: open() does it.
  std::shared_ptr<const BootInputs> inputs;

  std::vector<net::Publish> publish;
  NetMode net = NetMode::kUser;
  std::string pcap;  // file; empty: none
  net::SlirpOptions slirp;
  std::string tap;                  // NetMode::kTap: the interface's name
  net::SocketLinkSpec link;         // NetMode::kSocket
  net::LinkImpairment impair;       // of the cable
  std::vector<Fault> faults;        // that are to come
  std::string network_id = "net0";  // by which monitors know the network
  std::array<base::SerialSpec, 3> serial{
      base::SerialSpec{.kind = base::SerialSpec::Kind::kStdio}};  // UART0 to UART2

  std::vector<std::string> until;         // texts that UART0 is to show, in this order
  std::optional<double> after_seconds;    // the same of the guest's time: it is met then
  std::optional<double> timeout_seconds;  // of host time; greater than 0

  ClockMode clock = ClockMode::kRealtime;
  xtensa::Engine engine = xtensa::kDefaultEngine;
  std::string rom;                // a real mask ROM, ELF or dump; empty: the built-in one
  std::optional<MacAddress> mac;  // the chip's base MAC address; default: what --efuse or the emulator says
  std::string efuse;              // file of 124 bytes; empty: a blank chip's
  std::optional<std::uint32_t> flash_size;  // bytes
  std::uint32_t psram_size = 0;             // bytes: 0, 2 MiB or 4 MiB
  unsigned cpus = 2;                        // 1 or 2
  bool persist = false;                     // write flash changes back to `image`, which is a file then
  bool write_through = false;               // the same, in place and all the time
  bool any_flash = false;                   // boot even if the flash holds nothing bootable; no image: blank
  std::optional<std::uint32_t> strapping;   // levels of the strapping pins (GPIO_STRAP_REG)
  bool timer_group_watchdogs = true;
  bool efuse_read_only = false;  // what the firmware burns is not written to `efuse`
  std::string log_file;          // of the machine's log; empty: standard error
  std::string kernel;            // ELF whose segments are loaded and whose entry PRO_CPU starts at
  std::optional<std::uint32_t> reset_limit;  // stop when the chip resets for this many-and-first time
  // --until is met at the end of the turn in which it appears, not at once: a snapshot taken then goes on as
  // the machine would have.
  bool whole_turns = false;
  std::string snapshot_file;             // where the machine is saved when that has happened; empty: nowhere
  bool start_paused = false;             // until RunControl::resume()
  std::optional<debug::GdbAddress> gdb;  // where a debugger may connect
  bool stats = false;                    // print RunStats to standard error at the end
  bool perf_map = false;                 // tell `perf` of translated code
  debug::TraceOptions trace;
  std::string vcd;      // file; empty: no waveform
  std::string profile;  // the program's ELF file; empty: no profile
  std::string profile_file = "profile.folded";
  std::string coverage;  // the same; empty: none
  std::string coverage_file = "espalier.info";
  std::string call_trace;  // the same; empty: none
  std::string call_trace_file = "-";
  debug::CallTraceOptions calls;  // without filters: data to published ports
  std::string elf;  // file; of the program, for the names of its tasks and functions (default: in the build)
  std::string log;  // "LEVEL[,AREA...]", checked; empty: the default

  // `--trace help`: nothing is run.
  bool lists_events() const { return std::ranges::find(trace.patterns, "help") != trace.patterns.end(); }
};

}  // namespace espalier::host
