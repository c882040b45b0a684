// Carries connections from one host address to a port on 127.0.0.1.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "net/publish.h"

namespace espalier::net {

// libslirp's port forwarding keeps to one address family: a port published on an IPv6 address leads only to a
// guest with IPv6. Most firmware has none, so for such ports this listens on the IPv6 address and passes
// everything on to a forwarding of libslirp's on 127.0.0.1, as Docker's proxy does.
class Relay {
 public:
  virtual ~Relay() = default;
  // The port that was bound, where host_port was 0.
  virtual std::uint16_t port() const = 0;

  // Listens at `publish`'s host end and leads to 127.0.0.1:`target_port` by the same protocol. Otherwise one
  // line as of bind_error().
  static std::expected<std::unique_ptr<Relay>, std::string> create(base::EventLoop& loop,
                                                                   const Publish& publish,
                                                                   std::uint16_t target_port);
};

}  // namespace espalier::net
