// What joins a fleet's network to others.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/event_loop.h"
#include "base/log.h"
#include "net/lan_port.h"
#include "net/socket_link.h"

namespace espalier::net {

struct TapSpec {
  std::string interface;  // empty: one that the kernel names
};
using UplinkSpec = std::variant<TapSpec, SocketLinkSpec>;
// "tap:IF", or as parse_socket_link().
std::expected<UplinkSpec, std::string> parse_uplink(std::string_view text);
std::string text_of(const UplinkSpec& uplink);

// A port of the network with a cable from there to an interface of the host's or a socket. Those at a socket
// get addresses, names and the way out, as the fleet's devices do; a TAP interface's network may have all of
// that itself, and two DHCP servers on one network are one too many.
class Uplink {
 public:
  // `lan` and `bay` outlive it; belongs to the bay's thread. Otherwise one line.
  static std::expected<std::unique_ptr<Uplink>, std::string> open(Lan& lan, EthernetSwitch::Bay& bay,
                                                                  base::EventLoop& loop,
                                                                  base::Logger::Sink log,
                                                                  const UplinkSpec& spec);
  ~Uplink();

  // As asked for, with the port or the name that it got.
  const UplinkSpec& spec() const { return spec_; }

 private:
  // One end's view of the cable: what it is given goes to the other.
  struct End final : EthernetPort {
    Network* other = nullptr;
    bool can_receive() const override { return true; }
    bool receive(Frame frame) override {
      other->send(frame);
      return true;
    }
    void on_receive_ready(std::function<void()> callback) override { (void)callback; }
  };
  explicit Uplink(base::Logger log) : log_(std::move(log)) {}

  base::Logger log_;
  UplinkSpec spec_;
  End inside_;
  End outside_;
  std::unique_ptr<LanPort> port_;
  std::unique_ptr<Network> far_;
};

}  // namespace espalier::net
