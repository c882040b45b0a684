#include "net/tap_network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace espalier::net {
namespace {

constexpr std::size_t kShortestFrame = 60;  // on the wire, without its check sequence
constexpr std::size_t kLongestFrame = 65536;

}  // namespace

std::expected<std::unique_ptr<TapNetwork>, std::string> TapNetwork::open(base::EventLoop& loop,
                                                                         const base::Logger& log,
                                                                         const std::string& interface) {
  ifreq request{};
  if (interface.size() >= sizeof request.ifr_name)
    return std::unexpected(fmt::format("network interface {}: a name has at most {} characters", interface,
                                       sizeof request.ifr_name - 1));
  const auto failed = [&](int fd, std::string_view remedy) {
    const int error = errno;
    if (fd >= 0) close(fd);
    return std::unexpected(fmt::format("network interface {}: {}{}",
                                       interface.empty() ? "(new TAP)" : interface, std::strerror(error),
                                       remedy));
  };
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return failed(fd, ": /dev/net/tun cannot be opened; a container needs it as a device");
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::ranges::copy(interface, request.ifr_name);
  if (ioctl(fd, TUNSETIFF, &request) != 0)
    return failed(fd,
                  errno == EPERM ? ": make it first, with `ip tuntap add dev NAME mode tap user $USER`" : "");
  return std::unique_ptr<TapNetwork>(new TapNetwork(loop, log, fd, request.ifr_name));
}

TapNetwork::TapNetwork(base::EventLoop& loop, const base::Logger& log, int fd, std::string interface)
    : log_(log), fd_(fd), interface_(std::move(interface)), watch_(loop) {
  watch_.start(fd_, 0, [this](std::uint32_t) { receive(); });
}

TapNetwork::~TapNetwork() {
  watch_.stop();
  close(fd_);
}

void TapNetwork::attach(EthernetPort* port) {
  port_ = port;
  attached_ = std::make_shared<TapNetwork*>(this);
  watch_.set_events(port ? static_cast<std::uint32_t>(EPOLLIN) : 0u);
  if (!port) return;
  port->on_receive_ready([weak = std::weak_ptr(attached_)] {
    if (const auto alive = weak.lock()) (*alive)->watch_.set_events(EPOLLIN);
  });
}

void TapNetwork::send(Frame frame) {
  std::array<std::uint8_t, kShortestFrame> padded{};
  if (frame.size() < padded.size()) {
    std::ranges::copy(frame, padded.begin());
    frame = padded;
  }
  // An interface that is down takes nothing, as a cable that leads nowhere.
  if (write(fd_, frame.data(), frame.size()) >= 0 || errno == EAGAIN || std::exchange(warned_, true)) return;
  log_.warn(base::LogArea::kNet, "network interface {} takes no frames: {}{}", interface_,
            std::strerror(errno), errno == EIO ? "; bring it up with `ip link set NAME up`" : "");
}

void TapNetwork::receive() {
  std::array<std::uint8_t, kLongestFrame> buffer;
  // A turn's worth: the guest has to run, too.
  for (int frames = 0; frames < 64; ++frames) {
    if (!port_->can_receive()) return watch_.set_events(0);
    const ssize_t n = read(fd_, buffer.data(), buffer.size());
    if (n <= 0) return;
    port_->receive(Frame(buffer.data(), static_cast<std::size_t>(n)));
  }
}

}  // namespace espalier::net
