#include "base/fd_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <string>

namespace espalier::base {

namespace {
// What a pipe that polls writable takes without blocking (pipe(7)); terminals are given as little.
constexpr std::size_t kSmall = 512;
}  // namespace

FdWriter::FdWriter(EventLoop& loop, int fd)
    : fd_(fd), watch_(loop), hook_(loop, [this] {
        if (!blocked_ && queued() != 0) flush();
      }) {
  ignore_sigpipe();
  struct stat st {};
  if (fstat(fd, &st) != 0) {
    failed_ = true;  // closed: nobody listens
    return;
  }
  const int flags = fcntl(fd, F_GETFL);
  if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
    kind_ = Kind::kFile;
  } else if (S_ISSOCK(st.st_mode)) {
    kind_ = Kind::kSocket;
  } else if (flags & O_NONBLOCK) {
    kind_ = Kind::kNonBlocking;
  } else {
    // An open file of our own, for O_NONBLOCK must not be set on one that a shell shares.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    own_fd_ = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (own_fd_ >= 0) {
      fd_ = own_fd_;
      kind_ = Kind::kNonBlocking;
    }
  }
}

FdWriter::~FdWriter() {
  watch_.stop();
  if (own_fd_ >= 0) close(own_fd_);
}

void FdWriter::write(std::span<const std::uint8_t> bytes) {
  if (failed_) return;
  queue_.insert(queue_.end(), bytes.begin(), bytes.end());
  if (blocked_) {
    if (queued() > kMost) drain_to(kMany, EventLoop::kForever);
  } else if (queued() >= kAtOnce) {
    flush();
  }
}

long FdWriter::write_some(const std::uint8_t* data, std::size_t size) {
  switch (kind_) {
    case Kind::kSocket:
      return send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::kBlocking: {
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
      }
      return ::write(fd_, data, std::min(size, kSmall));
    }
    default:
      return ::write(fd_, data, size);
  }
}

void FdWriter::flush() {
  while (begin_ < queue_.size()) {
    const long n = write_some(queue_.data() + begin_, queue_.size() - begin_);
    if (n >= 0) {
      begin_ += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(errno);
    if (begin_ >= kMany) {  // not one copy for each piece that goes out
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
    blocked_ = true;
    if (!watch_.active()) watch_.start(fd_, 0, [this](std::uint32_t) { flush(); });
    return watch_.set_events(EPOLLOUT);
  }
  queue_.clear();
  begin_ = 0;
  if (blocked_) watch_.set_events(0);
  blocked_ = false;
}

bool FdWriter::drain(std::uint64_t timeout_ns) {
  return drain_to(0, timeout_ns);
}

bool FdWriter::drain_to(std::size_t left, std::uint64_t timeout_ns) {
  const std::uint64_t start = EventLoop::now_ns();
  while (true) {
    flush();
    if (failed_ || queued() <= left) return true;
    const std::uint64_t passed = EventLoop::now_ns() - start;
    if (passed >= timeout_ns) return false;
    const std::uint64_t rest = std::min<std::uint64_t>(timeout_ns - passed, 1'000'000'000);
    pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
    const timespec wait{.tv_sec = static_cast<time_t>(rest / 1'000'000'000),
                        .tv_nsec = static_cast<long>(rest % 1'000'000'000)};
    ppoll(&ready, 1, &wait, nullptr);
  }
}

void FdWriter::fail(int error) {
  failed_ = true;
  blocked_ = false;
  queue_.clear();
  begin_ = 0;
  watch_.stop();
  if (on_error_) on_error_(error);
}

}  // namespace espalier::base
