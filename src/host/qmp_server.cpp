#include "host/qmp_server.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "host/qmp_commands.h"
#include "net/hostfwd.h"

namespace espalier::host {

QmpServer::QmpServer(base::EventLoop& loop, std::unique_ptr<base::SerialBackend> port, Monitor& monitor)
    : port_(std::move(port)),
      session_(qmp_commands(monitor), qmp_version(),
               [this](std::string_view line) {
                 port_->write({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
               }),
      watch_(monitor.control().observe([this](debug::RunEvent event) { happened(event); })),
      hook_(loop, [this, &loop] {
        if (waiting_ && !port_->congested()) {
          waiting_ = false;
          port_->resume_input();
          loop.wake();  // the answers' own hook has been called already
        }
      }) {
  port_->on_client([this] { session_.greet(); });
  port_->on_input([this](std::span<const std::uint8_t> bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !(waiting_ = port_->congested())) session_.feed(bytes[taken++]);
    return taken;
  });
}

QmpServer::~QmpServer() = default;

void QmpServer::event(std::string_view name, const Json& data) {
  if (!port_->congested()) session_.event(name, data);
}

void QmpServer::happened(debug::RunEvent happened) {
  using debug::RunEvent;
  const auto cause = [](bool guest, std::string_view reason) -> Json {
    return {{"guest", guest}, {"reason", reason}};
  };
  switch (happened) {
    case RunEvent::kStop:
      return event("STOP");
    case RunEvent::kResume:
      return event("RESUME");
    case RunEvent::kReset:
      return event("RESET", cause(false, "host-qmp-system-reset"));
    case RunEvent::kGuestReset:
      return event("RESET", cause(true, "guest-reset"));
    case RunEvent::kShutdown:
      return announce_end("host-qmp-quit");
    case RunEvent::kGuestShutdown:
      return event("SHUTDOWN", cause(true, "guest-reset"));
  }
}

void QmpServer::announce_end(std::string_view reason) {
  if (std::exchange(ended_, true)) return;
  event("SHUTDOWN", {{"guest", false}, {"reason", reason}});
}

}  // namespace espalier::host
