#include "base/event_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

namespace espalier::base {

namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
// The wake-up descriptor's mark in epoll's user data; no slot has this index.
constexpr std::uint32_t kWakeSlot = ~std::uint32_t{0};
// Longer waits are cut to this, so that seconds always fit time_t; the caller's loop waits again.
constexpr std::uint64_t kLongestWait = 1'000'000 * kNsPerSecond;

std::uint64_t user_data(std::uint32_t slot, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32 | slot;
}

timespec to_timespec(std::uint64_t ns) {
  ns = std::min(ns, kLongestWait);
  return {.tv_sec = static_cast<time_t>(ns / kNsPerSecond), .tv_nsec = static_cast<long>(ns % kNsPerSecond)};
}

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

EventLoop::EventLoop() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) fail("cannot create the event loop");
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{.events = EPOLLIN, .data = {.u64 = user_data(kWakeSlot, 0)}};
  if (wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    const int error = errno;
    if (wake_ >= 0) close(wake_);
    close(epoll_);
    errno = error;
    fail("cannot create the event loop");
  }
}

EventLoop::~EventLoop() {
  close(wake_);
  close(epoll_);
}

std::uint64_t EventLoop::now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

void EventLoop::wake() {
  // The flag saves the system call while a wake-up is already on its way. poll() clears it after it has
  // drained the descriptor, so a wake that finds it set precedes that poll's return, and its caller's news is
  // seen then.
  if (wake_pending_.exchange(true)) return;
  const int saved = errno;  // for signal handlers
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
  errno = saved;
}

int EventLoop::wait(epoll_event* events, int capacity, std::uint64_t timeout_ns) {
  if (timeout_ns == 0) return epoll_wait(epoll_, events, capacity, 0);
  if (precise_thread_ != std::this_thread::get_id()) {
    // The kernel's default lets a sleeper oversleep by 50 us to save power; deadlines here are the guest's
    // timers.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    precise_thread_ = std::this_thread::get_id();
  }
  timespec timeout = to_timespec(timeout_ns == kForever ? 0 : timeout_ns);
  timespec* const limit = timeout_ns == kForever ? nullptr : &timeout;
  if (has_epoll_pwait2_) {
    const int count = epoll_pwait2(epoll_, events, capacity, limit, nullptr);
    // EPERM: the seccomp filter of an older container engine, which does not know the call.
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    has_epoll_pwait2_ = false;
  }
  pollfd whole{.fd = epoll_, .events = POLLIN, .revents = 0};
  const int ready = ppoll(&whole, 1, limit, nullptr);
  return ready <= 0 ? ready : epoll_wait(epoll_, events, capacity, 0);
}

bool EventLoop::poll(std::uint64_t timeout_ns) {
  // By index, as a hook may create further ones.
  for (std::size_t i = 0; i < hooks_.size(); ++i) hooks_[i]->callback_();  // NOLINT(modernize-loop-convert)
  if (!deferred_.empty()) run_deferred();
  if (always_ready_count_ != 0) timeout_ns = 0;
  if (timeout_ns != 0 && !timers_.empty()) {
    const std::uint64_t now = now_ns();
    const std::uint64_t due = timers_.begin()->first;
    timeout_ns = std::min(timeout_ns, due > now ? due - now : 0);
  }
  epoll_event events[64];
  const int count = wait(events, 64, timeout_ns);
  bool happened = count != 0;  // a signal (-1, EINTR) counts: its handler may have left word for the caller
  for (int i = 0; i < count; ++i) {
    const auto slot = static_cast<std::uint32_t>(events[i].data.u64);
    if (slot == kWakeSlot) {
      std::uint64_t drained = 0;
      [[maybe_unused]] const ssize_t got = read(wake_, &drained, sizeof drained);
      wake_pending_.exchange(false);
      continue;
    }
    Slot& s = slots_[slot];
    // An earlier callback of this round may have closed the slot, given it away or lost interest.
    if (s.fd < 0 || s.generation != events[i].data.u64 >> 32 || s.events == 0) continue;
    const std::uint32_t bits = events[i].events & (s.events | EPOLLERR | EPOLLHUP);
    if (bits == 0) continue;
    // Moved out while it runs: it may open watches (slots_ moves) or close this one.
    Callback running = std::move(s.callback);
    running(bits);
    Slot& after = slots_[slot];
    if (after.fd >= 0 && after.generation == events[i].data.u64 >> 32) after.callback = std::move(running);
  }
  happened |= run_always_ready();
  happened |= fire_timers();
  return happened;
}

void EventLoop::run_deferred() {
  // What the callbacks request is for the next time.
  const std::size_t count = deferred_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Deferred* const due = std::exchange(deferred_[i], nullptr);
    if (due == nullptr) continue;
    due->requested_ = false;
    due->callback_();
  }
  deferred_.erase(deferred_.begin(), deferred_.begin() + static_cast<std::ptrdiff_t>(count));
}

bool EventLoop::run_always_ready() {
  if (always_ready_count_ == 0) return false;
  bool ran = false;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].always_ready || slots_[i].events == 0) continue;
    const std::uint32_t generation = slots_[i].generation;
    Callback running = std::move(slots_[i].callback);
    running(slots_[i].events & (EPOLLIN | EPOLLOUT));
    if (slots_[i].fd >= 0 && slots_[i].generation == generation) slots_[i].callback = std::move(running);
    ran = true;
  }
  return ran;
}

bool EventLoop::fire_timers() {
  if (timers_.empty()) return false;
  const std::uint64_t now = now_ns();
  bool fired = false;
  // At most as many as there are now: a callback that arms for the past waits for the next round.
  for (std::size_t left = timers_.size(); left != 0 && !timers_.empty() && timers_.begin()->first <= now;
       --left) {
    Timer* const timer = timers_.begin()->second;
    timer->cancel();
    timer->callback_();
    fired = true;
  }
  return fired;
}

std::uint32_t EventLoop::open_slot(int fd, std::uint32_t events, Callback callback) {
  std::uint32_t index = static_cast<std::uint32_t>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.fd = fd;
  slot.callback = std::move(callback);
  set_events(index, events);
  return index;
}

void EventLoop::set_events(std::uint32_t index, std::uint32_t events) {
  Slot& slot = slots_[index];
  if (slot.events == events) return;
  if (slot.always_ready) {
    always_ready_count_ -= slot.events != 0;
    always_ready_count_ += events != 0;
    slot.events = events;
    return;
  }
  epoll_event event{.events = events, .data = {.u64 = user_data(index, slot.generation)}};
  int operation = events == 0 ? EPOLL_CTL_DEL : slot.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  int result = epoll_ctl(epoll_, operation, slot.fd, &event);
  if (result != 0 && operation == EPOLL_CTL_MOD && errno == ENOENT) {
    // The descriptor was closed and its number given to another file since; the kernel dropped it from the
    // set.
    operation = EPOLL_CTL_ADD;
    result = epoll_ctl(epoll_, operation, slot.fd, &event);
  }
  if (result != 0 && operation == EPOLL_CTL_ADD) {
    if (errno != EPERM) fail("cannot watch a descriptor");
    slot.always_ready = true;
    ++always_ready_count_;
  }
  slot.events = events;
}

void EventLoop::close_slot(std::uint32_t index) {
  set_events(index, 0);
  Slot& slot = slots_[index];
  slot.callback = nullptr;
  slot.fd = -1;
  slot.always_ready = false;
  ++slot.generation;
  free_slots_.push_back(index);
}

void EventLoop::Watch::start(int fd, std::uint32_t events, Callback callback) {
  stop();
  slot_ = loop_.open_slot(fd, events, std::move(callback));
  active_ = true;
}

void EventLoop::Watch::set_events(std::uint32_t events) {
  if (active_) loop_.set_events(slot_, events);
}

void EventLoop::Watch::stop() {
  if (!active_) return;
  active_ = false;
  loop_.close_slot(slot_);
}

void EventLoop::Timer::arm(std::uint64_t deadline_ns) {
  cancel();
  deadline_ = std::min(deadline_ns, kForever - 1);
  loop_.timers_.emplace(deadline_, this);
}

void EventLoop::Timer::cancel() {
  if (!armed()) return;
  loop_.timers_.erase({deadline_, this});
  deadline_ = kForever;
}

EventLoop::Hook::Hook(EventLoop& loop, std::function<void()> callback)
    : loop_(loop), callback_(std::move(callback)) {
  loop_.hooks_.push_back(this);
}

EventLoop::Hook::~Hook() {
  std::erase(loop_.hooks_, this);
}

void EventLoop::Deferred::request() {
  if (std::exchange(requested_, true)) return;
  loop_.deferred_.push_back(this);
}

void EventLoop::Deferred::cancel() {
  if (!std::exchange(requested_, false)) return;
  std::ranges::replace(loop_.deferred_, this, nullptr);
}

void ignore_sigpipe() {
  struct sigaction present {};
  if (sigaction(SIGPIPE, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) == 0 &&
      present.sa_handler == SIG_DFL) {
    present.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &present, nullptr);
  }
}

}  // namespace espalier::base
