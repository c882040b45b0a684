#include "net/uplink.h"

#include <fmt/format.h>

#include <utility>

#include "net/tap_network.h"

namespace espalier::net {
namespace {

constexpr std::string_view kTap = "tap:";

}  // namespace

std::expected<UplinkSpec, std::string> parse_uplink(std::string_view text) {
  if (text.starts_with(kTap)) return TapSpec{.interface = std::string(text.substr(kTap.size()))};
  auto link = parse_socket_link(text);
  if (link) return *link;
  std::string line = link.error();
  if (const std::size_t at = line.rfind("(expected "); at != std::string::npos)
    line.insert(at + 10, "tap:IF, ");
  return std::unexpected(std::move(line));
}

std::string text_of(const UplinkSpec& uplink) {
  if (const auto* tap = std::get_if<TapSpec>(&uplink)) return fmt::format("{}{}", kTap, tap->interface);
  return std::get<SocketLinkSpec>(uplink).text();
}

std::expected<std::unique_ptr<Uplink>, std::string> Uplink::open(Lan& lan, EthernetSwitch::Bay& bay,
                                                                 base::EventLoop& loop,
                                                                 base::Logger::Sink log,
                                                                 const UplinkSpec& spec) {
  std::unique_ptr<Uplink> made(new Uplink(base::Logger(log)));
  const auto* tap = std::get_if<TapSpec>(&spec);
  if (tap != nullptr) {
    auto interface = TapNetwork::open(loop, made->log_, tap->interface);
    if (!interface) return std::unexpected(interface.error());
    made->spec_ = TapSpec{.interface = (*interface)->interface()};
    made->far_ = std::move(*interface);
  } else {
    auto link = SocketLink::open(loop, made->log_, std::get<SocketLinkSpec>(spec));
    if (!link) return std::unexpected(link.error());
    made->spec_ = (*link)->spec();
    made->far_ = std::move(*link);
  }
  auto port = LanPort::plug(lan, bay, loop, base::Logger(log),
                            {.address = 0, .hostname = {}, .uplink = true, .gateway = tap == nullptr});
  if (!port) return std::unexpected(port.error());
  made->port_ = std::move(*port);
  made->inside_.other = made->port_.get();
  made->outside_.other = made->far_.get();
  made->far_->attach(&made->inside_);
  made->port_->attach(&made->outside_);
  return made;
}

Uplink::~Uplink() {
  if (port_) port_->attach(nullptr);
  if (far_) far_->attach(nullptr);
}

}  // namespace espalier::net
