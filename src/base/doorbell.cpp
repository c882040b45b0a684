#include "base/doorbell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace espalier::base {

Doorbell::Doorbell(EventLoop& loop, std::function<void()> answer)
    : answer_(std::move(answer)), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), watch_(loop) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot create a doorbell");
  watch_.start(fd_, EPOLLIN, [this](std::uint32_t) {
    std::uint64_t rung = 0;
    [[maybe_unused]] const ssize_t got = read(fd_, &rung, sizeof rung);
    // Before the answer: whoever still finds it set has left word already.
    ringing_.exchange(false);
    answer_();
  });
}

Doorbell::~Doorbell() {
  watch_.stop();
  close(fd_);
}

void Doorbell::ring() {
  if (ringing_.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

}  // namespace espalier::base
