// QMP on a port of the host's: one client at a time, then the next.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "base/serial_backend.h"
#include "host/monitor.h"
#include "host/qmp_session.h"

namespace espalier::host {

// Belongs to the event loop's thread. A client that goes away in the middle of anything does no harm, and one
// that does not read is not listened to until it does (events it would have got are lost meanwhile).
class QmpServer {
 public:
  // `port` is any of base::open_serial()'s; the monitor outlives this.
  QmpServer(base::EventLoop& loop, std::unique_ptr<base::SerialBackend> port, Monitor& monitor);
  ~QmpServer();
  QmpServer(const QmpServer&) = delete;
  QmpServer& operator=(const QmpServer&) = delete;

  const base::SerialBackend& port() const { return *port_; }
  // The process ends for another reason than a command (QEMU's names: "host-signal", "host-ui"): tells the
  // client, unless it knows already.
  void announce_end(std::string_view reason);
  // Sends what waits, for at most `timeout_ns`.
  bool drain(std::uint64_t timeout_ns) { return port_->drain(timeout_ns); }

 private:
  void happened(debug::RunEvent event);
  void event(std::string_view name, const Json& data = nullptr);

  std::unique_ptr<base::SerialBackend> port_;
  QmpSession session_;
  std::shared_ptr<void> watch_;
  bool ended_ = false;
  bool waiting_ = false;
  base::EventLoop::Hook hook_;
};

}  // namespace espalier::host
