#include "load/connection.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace espalier::load {

void Connection::start(const Target& address, std::string_view request) {
  state_ = State::kBusy;
  had_request_ = true;
  closed_by_peer_ = false;
  rest_ = request;
  response_.reset();
  bytes_ = 0;
  sent_at_ = base::EventLoop::now_ns();
  if (!is_open() && !open(address)) return;
  if (!send_rest()) return;
  const std::uint32_t events = rest_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  if (watch_.active()) {
    watch_.set_events(events);
  } else {
    watch_.start(fd_, events, [this](std::uint32_t) { on_events(); });
  }
}

bool Connection::open(const Target& address) {
  connected_ = false;
  fd_ = ::socket(address.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  if (fd_ >= 0) ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (fd_ < 0 ||
      (::connect(fd_, reinterpret_cast<const sockaddr*>(&address.address), address.address_size) != 0 &&
       errno != EINPROGRESS)) {
    fail(errno);
    return false;
  }
  return true;
}

// False once the request has failed.
bool Connection::send_rest() {
  while (!rest_.empty()) {
    const ssize_t count = ::send(fd_, rest_.data(), rest_.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      connected_ = true;
      rest_.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN) {
      return true;
    } else if (errno != EINTR) {
      fail(errno);
      return false;
    }
  }
  return true;
}

void Connection::on_events() {
  if (state_ == State::kIdle) {
    // Whatever an idle connection has to say, it ends it: nothing has been asked for.
    had_request_ = false;
    closed_by_peer_ = true;
    close();
    state_ = State::kFinished;
    finished_.push_back(this);
    return;
  }
  if (state_ != State::kBusy) return;
  if (!rest_.empty()) {
    if (!send_rest()) return;
    if (!rest_.empty()) return;
    watch_.set_events(EPOLLIN);
  }
  receive();
}

void Connection::receive() {
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) fail(errno);
      return;
    }
    const auto size = static_cast<std::size_t>(count);
    bytes_ += size;
    const auto state = size == 0 ? response_.end() : response_.feed({buffer.data(), size});
    if (state == HttpResponse::State::kMalformed)
      return finish(Outcome::kMalformed, fmt::format("the answer is not HTTP: {}", response_.problem()));
    if (state == HttpResponse::State::kComplete) {
      closed_by_peer_ = size == 0 || response_.closes();
      const int status = response_.status();
      if (status >= 200 && status < 300) return finish(Outcome::kAnswered, {});
      return finish(Outcome::kBadStatus, fmt::format("status {}", status));
    }
    if (size == 0) {
      return response_.started()
                 ? finish(Outcome::kShortBody, "the connection was closed in the middle of an answer")
                 : finish(Outcome::kClosed, "the connection was closed instead of an answer");
    }
    if (size < buffer.size()) return;
  }
}

void Connection::fail(int error) {
  const std::string why = std::strerror(error);
  if (connected_ || error == ECONNRESET)
    finish(error == ECONNRESET || error == EPIPE ? Outcome::kReset : Outcome::kClosed,
           fmt::format("the connection broke: {}", why));
  else
    finish(error == ECONNREFUSED ? Outcome::kRefused : Outcome::kNoConnection,
           fmt::format("cannot connect: {}", why));
}

void Connection::give_up(Outcome outcome) {
  finish(outcome, connected_ ? "no answer in time" : "no connection in time");
}

// What failed leaves its connection in a state that nobody knows: it is closed.
void Connection::finish(Outcome outcome, std::string detail) {
  finished_at_ = base::EventLoop::now_ns();
  outcome_ = outcome;
  detail_ = std::move(detail);
  const bool usable =
      !closed_by_peer_ && (outcome == Outcome::kAnswered || outcome == Outcome::kBadStatus) && rest_.empty();
  if (!usable) close();
  state_ = State::kFinished;
  finished_.push_back(this);
}

void Connection::acknowledge() {
  state_ = is_open() ? State::kIdle : State::kClosed;
}

void Connection::close() {
  watch_.stop();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = State::kClosed;
}

}  // namespace espalier::load
