#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/fd_writer.h"
#include "base/serial_kinds.h"

namespace espalier::base {
namespace {

// The master's end. While no one has the slave open the master reports a hang-up without end, so nothing is
// watched then but the slave's name, for somebody who opens it.
class PtySerial final : public SerialBackend {
 public:
  PtySerial(EventLoop& loop, int master, int inotify, std::string name)
      : master_(master),
        inotify_(inotify),
        name_(std::move(name)),
        input_(loop),
        opened_(loop),
        loop_(loop),
        write_fd_(dup(master)) {
    opened_.start(inotify, EPOLLIN, [this](std::uint32_t) { somebody_came(); });
  }
  ~PtySerial() override {
    leave_slave();
    opened_.stop();
    close(write_fd_);
    close(master_);
    close(inotify_);
  }

  void write(std::span<const std::uint8_t> bytes) override {
    if (writer_) writer_->write(bytes);
  }
  bool congested() const override { return writer_ && writer_->congested(); }
  bool drain(std::uint64_t timeout_ns) override { return !writer_ || writer_->drain(timeout_ns); }
  std::string where() const override { return name_; }

 private:
  bool connected() const {
    pollfd state{.fd = master_, .events = POLLIN, .revents = 0};
    return ::poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
  }
  void somebody_came() {
    std::array<char, 4096> events;
    while (read(inotify_, events.data(), events.size()) > 0) {
    }
    if (input_.active() || !connected()) return;
    writer_.emplace(loop_, write_fd_);
    input_.start(master_, EPOLLIN, [this](std::uint32_t) { read_input(); });
  }
  void leave_slave() {
    input_.stop();
    writer_.reset();
  }
  void read_input() {
    std::array<std::uint8_t, 4096> buffer;
    const ssize_t n = read(master_, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) return leave_slave();  // EIO: the last one has closed it
    deliver({buffer.data(), static_cast<std::size_t>(n)});
    if (held() != 0) input_.set_events(0);
  }
  void input_wanted() override {
    if (input_.active()) input_.set_events(EPOLLIN);
  }

  int master_;
  int inotify_;
  std::string name_;
  EventLoop::Watch input_;
  EventLoop::Watch opened_;
  EventLoop& loop_;
  int write_fd_;  // a number of its own for the same end, as the loop watches each number once
  std::optional<FdWriter> writer_;  // while somebody has the slave open
};

}  // namespace

std::expected<std::unique_ptr<SerialBackend>, std::string> open_pty_serial(EventLoop& loop) {
  const auto failed = [](int master) {
    const int error = errno;
    if (master >= 0) close(master);
    return std::unexpected(fmt::format("serial: cannot make a pseudo-terminal: {}", std::strerror(error)));
  };
  const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  std::array<char, 128> name{};
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
      ptsname_r(master, name.data(), name.size()) != 0)
    return failed(master);
  // Raw from the start: nothing the guest sends is to be echoed back at it. The mode outlives this
  // descriptor.
  const int slave = open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return failed(master);
  termios mode;
  tcgetattr(slave, &mode);
  cfmakeraw(&mode);
  tcsetattr(slave, TCSANOW, &mode);
  close(slave);
  const int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0 || inotify_add_watch(inotify, name.data(), IN_OPEN) < 0) {
    const int error = errno;
    if (inotify >= 0) close(inotify);
    errno = error;
    return failed(master);
  }
  return std::make_unique<PtySerial>(loop, master, inotify, name.data());
}

}  // namespace espalier::base
