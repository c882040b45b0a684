// The door by which a debugger comes in: a TCP port that speaks GDB's remote protocol.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "debug/gdb_address.h"
#include "debug/gdb_session.h"

namespace espalier::debug {

// Serves one debugger at a time, and as many as come one after another; while one is there others are turned
// away. The machine stops when one connects. To have it wait for the first one (--gdb-wait, QEMU's -S),
// create it paused: RunControl(machine, true), or SessionOptions::start_paused.
//
//   auto server = debug::GdbServer::create(loop, {.machine = machine, .control = control}, *address);
//   if (!server) return fail(server.error());
//   fmt::print(stderr, "GDB: target remote {}\n", (*server)->where());
//
// Everything happens in the loop's poll() and at the ends of the machine's turns; whoever drives the machine
// must ask RunControl::running() before each turn. Machine, run control and loop have to outlive it. Without
// a debugger it costs nothing.
class GdbServer {
 public:
  // The error is one line that says why it cannot listen there.
  static std::expected<std::unique_ptr<GdbServer>, std::string> create(base::EventLoop& loop,
                                                                       GdbTarget target,
                                                                       const GdbAddress& address);
  ~GdbServer();
  GdbServer(const GdbServer&) = delete;
  GdbServer& operator=(const GdbServer&) = delete;

  // 127.0.0.1:1234, as GDB's `target remote` takes it, with the port that was bound.
  const std::string& where() const { return where_; }
  bool connected() const { return client_ != nullptr; }

 private:
  struct Client;
  GdbServer(base::EventLoop& loop, GdbTarget target, int listener, std::string where);
  void accept_client();
  void read_client();
  void leave();

  base::EventLoop& loop_;
  GdbTarget target_;
  int listener_;
  std::string where_;
  base::EventLoop::Watch watch_;
  std::unique_ptr<Client> client_;
};

}  // namespace espalier::debug
