// The host's ports that lead to the guest.
#include <arpa/inet.h>
#include <slirp/libslirp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "net/slirp_inside.h"
#include "net/slirp_network.h"

namespace espalier::net {

// Returns the listening descriptor, or errno.
std::expected<int, int> SlirpNetwork::forward(const Publish& publish) {
  sockaddr_storage host{};
  socklen_t size = 0;
  if (!host_sockaddr(publish, host, size)) return std::unexpected(EINVAL);
  sockaddr_in guest{};
  guest.sin_family = AF_INET;
  guest.sin_port = htons(publish.guest_port);
  guest.sin_addr.s_addr = guest_address_;
  if (!publish.guest_address.empty() &&
      inet_pton(AF_INET, publish.guest_address.c_str(), &guest.sin_addr) != 1)
    return std::unexpected(EINVAL);
  const Inside inside(in_slirp_);
  fill();
  const std::vector<PollEntry> before = entries_;
  if (slirp_add_hostxfwd(slirp_, reinterpret_cast<const sockaddr*>(&host), size,
                         reinterpret_cast<const sockaddr*>(&guest), sizeof guest,
                         publish.udp ? SLIRP_HOSTFWD_UDP : 0) != 0) {
    return std::unexpected(errno);
  }
  changed();
  fill();
  for (const PollEntry& entry : entries_) {
    if (std::ranges::any_of(before, [&](const PollEntry& e) { return e.fd == entry.fd; })) continue;
    // libslirp listens with a backlog of 1: of several connections that arrive at once, most would be dropped
    // and come again a second later.
    if (!publish.udp) listen(entry.fd, SOMAXCONN);
    return entry.fd;
  }
  return std::unexpected(EINVAL);
}

std::expected<std::uint16_t, std::string> SlirpNetwork::publish(const Publish& publish) {
  Publish inner = publish;
  if (publish.is_ipv6()) {
    inner.address = "127.0.0.1";
    inner.host_port = 0;
  }
  const auto fd = forward(inner);
  if (!fd) return std::unexpected(bind_error(inner, fd.error()));
  Published made{.asked = publish, .fd = *fd, .bound = {}, .relay = nullptr};
  socklen_t size = sizeof made.bound;
  getsockname(*fd, reinterpret_cast<sockaddr*>(&made.bound), &size);
  std::uint16_t port = ntohs(made.bound.sin_port);
  if (publish.is_ipv6()) {
    auto relay = Relay::create(loop_, publish, port);
    if (!relay) {
      stop_forwarding(made);
      return std::unexpected(relay.error());
    }
    made.relay = std::move(*relay);
    port = made.relay->port();
  }
  made.asked.host_port = port;
  published_.push_back(std::move(made));
  return port;
}

void SlirpNetwork::stop_forwarding(const Published& published) {
  const Inside inside(in_slirp_);
  slirp_remove_hostxfwd(slirp_, reinterpret_cast<const sockaddr*>(&published.bound), sizeof published.bound,
                        published.asked.udp ? SLIRP_HOSTFWD_UDP : 0);
  changed();
}

bool SlirpNetwork::unpublish(const Publish& host) {
  const auto at = std::ranges::find_if(published_, [&](const Published& p) {
    return p.asked.host_port == host.host_port && p.asked.udp == host.udp && p.asked.address == host.address;
  });
  if (at == published_.end()) return false;
  at->relay.reset();
  stop_forwarding(*at);
  published_.erase(at);
  return true;
}

bool SlirpNetwork::held_back(int fd) const {
  if (guest_known_) return false;
  const auto at = std::ranges::find(published_, fd, &Published::fd);
  return at != published_.end() && at->asked.guest_address.empty();
}

}  // namespace espalier::net
