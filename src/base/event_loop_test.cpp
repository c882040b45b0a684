#include "base/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

namespace espalier::base {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMs = 1'000'000;

struct Pipe {
  std::array<int, 2> fd{-1, -1};
  Pipe() {
    if (pipe2(fd.data(), O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  void close_read() {
    if (fd[0] >= 0) close(fd[0]);
    fd[0] = -1;
  }
  void close_write() {
    if (fd[1] >= 0) close(fd[1]);
    fd[1] = -1;
  }
  void put(std::string_view text) const {
    ASSERT_EQ(write(fd[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string get() const {
    char text[64];
    const ssize_t n = read(fd[0], text, sizeof text);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
  }
};

TEST(EventLoop, NothingReadyReturnsFalseAtOnce) {
  EventLoop loop;
  const auto before = EventLoop::now_ns();
  EXPECT_FALSE(loop.poll(0));
  EXPECT_LT(EventLoop::now_ns() - before, 100 * kMs);
}

TEST(EventLoop, TimeoutIsKeptToTheNanosecondScale) {
  EventLoop loop;
  for (const std::uint64_t wait : {200'000ull, 1'500'000ull, 20'000'000ull}) {
    const auto before = EventLoop::now_ns();
    EXPECT_FALSE(loop.poll(wait));
    EXPECT_GE(EventLoop::now_ns() - before, wait);  // never early, not even by rounding to milliseconds
  }
}

TEST(EventLoop, ReadableDescriptorRunsItsCallback) {
  EventLoop loop;
  Pipe pipe;
  std::string got;
  EventLoop::Watch watch(loop);
  watch.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t events) {
    EXPECT_EQ(events, EPOLLIN);
    got += pipe.get();
  });
  EXPECT_FALSE(loop.poll(0));
  pipe.put("one");
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
  EXPECT_EQ(got, "one");
  EXPECT_FALSE(loop.poll(0));
  pipe.put("two");
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(got, "onetwo");
}

TEST(EventLoop, LevelTriggered) {
  EventLoop loop;
  Pipe pipe;
  int calls = 0;
  EventLoop::Watch watch(loop);
  watch.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t) { ++calls; });
  pipe.put("x");
  loop.poll(0);
  loop.poll(0);
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, NoEventsMeansNotEvenHangUp) {
  EventLoop loop;
  Pipe pipe;
  int calls = 0;
  EventLoop::Watch watch(loop);
  watch.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t) { ++calls; });
  watch.set_events(0);
  pipe.put("x");
  pipe.close_write();
  EXPECT_FALSE(loop.poll(kMs));
  EXPECT_EQ(calls, 0);
  watch.set_events(EPOLLIN);
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, HangUpIsReported) {
  EventLoop loop;
  Pipe pipe;
  std::uint32_t seen = 0;
  EventLoop::Watch watch(loop);
  watch.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t events) { seen = events; });
  pipe.close_write();
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
  EXPECT_TRUE(seen & EPOLLHUP);
}

TEST(EventLoop, StoppedWatchIsSilent) {
  EventLoop loop;
  Pipe pipe;
  int calls = 0;
  EventLoop::Watch watch(loop);
  watch.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t) { ++calls; });
  pipe.put("x");
  watch.stop();
  EXPECT_FALSE(loop.poll(0));
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(watch.active());
  watch.stop();
}

TEST(EventLoop, CallbackMayStopItselfAndOthersAndOpenNewOnes) {
  EventLoop loop;
  Pipe a;
  Pipe b;
  Pipe c;
  int calls_a = 0;
  int calls_b = 0;
  int calls_c = 0;
  EventLoop::Watch watch_a(loop);
  EventLoop::Watch watch_b(loop);
  std::vector<std::unique_ptr<EventLoop::Watch>> more;
  // Whichever of the two runs first stops both and takes their slots for new watches; the other's event,
  // already fetched, must not reach anybody.
  auto react = [&](int& calls) {
    ++calls;
    watch_a.stop();
    watch_b.stop();
    for (int i = 0; i < 40; ++i) {
      more.push_back(std::make_unique<EventLoop::Watch>(loop));
      if (i == 0) more.back()->start(c.fd[0], EPOLLIN, [&](std::uint32_t) { ++calls_c; });
    }
  };
  watch_a.start(a.fd[0], EPOLLIN, [&](std::uint32_t) { react(calls_a); });
  watch_b.start(b.fd[0], EPOLLIN, [&](std::uint32_t) { react(calls_b); });
  a.put("x");
  b.put("x");
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(calls_a + calls_b, 1);
  EXPECT_EQ(calls_c, 0);
  EXPECT_FALSE(loop.poll(0));
  c.put("x");
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(calls_c, 1);
}

TEST(EventLoop, DescriptorNumberReusedBehindTheLoopsBack) {
  EventLoop loop;
  auto first = std::make_unique<Pipe>();
  const int number = first->fd[0];
  int calls = 0;
  EventLoop::Watch watch(loop);
  watch.start(number, EPOLLIN, [&](std::uint32_t) { ++calls; });
  first.reset();
  Pipe second;
  if (second.fd[0] != number) {
    ASSERT_EQ(dup2(second.fd[0], number), number);
    second.close_read();
    second.fd[0] = number;
  }
  watch.set_events(EPOLLIN | EPOLLPRI);
  second.put("x");
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, RegularFileIsAlwaysReady) {
  EventLoop loop;
  char name[] = "/tmp/espalier-loop-XXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  unlink(name);
  ASSERT_EQ(write(fd, "abc", 3), 3);
  lseek(fd, 0, SEEK_SET);
  std::string got;
  EventLoop::Watch watch(loop);
  watch.start(fd, EPOLLIN, [&](std::uint32_t) {
    char c = 0;
    if (read(fd, &c, 1) == 1) {
      got += c;
    } else {
      watch.stop();
    }
  });
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
  watch.set_events(0);
  EXPECT_FALSE(loop.poll(kMs));
  EXPECT_EQ(got, "a");
  watch.set_events(EPOLLIN);
  while (watch.active()) EXPECT_TRUE(loop.poll(EventLoop::kForever));
  EXPECT_EQ(got, "abc");
  EXPECT_FALSE(loop.poll(0));
  close(fd);
}

TEST(EventLoop, WakeBeforeAndDuringPoll) {
  EventLoop loop;
  loop.wake();
  loop.wake();
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
  EXPECT_FALSE(loop.poll(0));
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    loop.wake();
  });
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
}

TEST(EventLoop, NoWakeIsLostAmongMany) {
  EventLoop loop;
  constexpr int kRounds = 20'000;
  std::atomic<int> produced{0};
  std::jthread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      produced.fetch_add(1);
      loop.wake();
    }
  });
  // A lost wake-up would leave the loop waiting for ever with work undone; five seconds stand for that.
  while (produced.load() != kRounds) ASSERT_TRUE(loop.poll(5'000 * kMs));
}

EventLoop* woken_by_signal = nullptr;

TEST(EventLoop, WakeFromSignalHandler) {
  EventLoop loop;
  woken_by_signal = &loop;
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = [](int) { woken_by_signal->wake(); };
  sigaction(SIGUSR1, &action, &old);
  const pthread_t self = pthread_self();
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    pthread_kill(self, SIGUSR1);
  });
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
  sigaction(SIGUSR1, &old, nullptr);
}

TEST(EventLoop, TimersFireInOrderAndOnce) {
  EventLoop loop;
  std::string order;
  EventLoop::Timer a(loop, [&] { order += 'a'; });
  EventLoop::Timer b(loop, [&] { order += 'b'; });
  EventLoop::Timer c(loop, [&] { order += 'c'; });
  const auto now = EventLoop::now_ns();
  a.arm(now + 3 * kMs);
  b.arm(now + 1 * kMs);
  c.arm(now + 2 * kMs);
  EXPECT_EQ(loop.next_timer(), now + 1 * kMs);
  c.cancel();
  EXPECT_FALSE(c.armed());
  while (order.size() < 2) EXPECT_TRUE(loop.poll(EventLoop::kForever));
  EXPECT_EQ(order, "ba");
  EXPECT_GE(EventLoop::now_ns(), now + 3 * kMs);
  EXPECT_EQ(loop.next_timer(), EventLoop::kForever);
  EXPECT_FALSE(loop.poll(0));
}

TEST(EventLoop, TimerCutsTheWaitButNotTheOtherWayRound) {
  EventLoop loop;
  bool fired = false;
  EventLoop::Timer timer(loop, [&] { fired = true; });
  timer.arm(EventLoop::now_ns() + 60'000 * kMs);
  EXPECT_FALSE(loop.poll(2 * kMs));
  EXPECT_FALSE(fired);
  timer.arm(EventLoop::now_ns());  // re-armed
  EXPECT_TRUE(loop.poll(EventLoop::kForever));
  EXPECT_TRUE(fired);
}

TEST(EventLoop, TimerThatRearmsForThePastDoesNotHoldTheLoop) {
  EventLoop loop;
  int fired = 0;
  EventLoop::Timer* self = nullptr;
  EventLoop::Timer timer(loop, [&] {
    ++fired;
    self->arm(0);
  });
  self = &timer;
  timer.arm(0);
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(fired, 1);
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(fired, 2);
}

TEST(EventLoop, HooksRunBeforeTheWait) {
  EventLoop loop;
  Pipe pipe;
  pipe.put("x");
  int calls = 0;
  EventLoop::Watch watch(loop);
  {
    EventLoop::Hook hook(loop, [&] {
      if (!watch.active()) watch.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t) { ++calls; });
    });
    EXPECT_TRUE(loop.poll(0));
    EXPECT_EQ(calls, 1);
  }
  watch.stop();
  EXPECT_FALSE(loop.poll(0));  // the hook is gone and does not start it again
}

TEST(EventLoop, DeferredWorkRunsOnceAtTheNextPoll) {
  EventLoop loop;
  int calls = 0;
  EventLoop::Deferred* self = nullptr;
  EventLoop::Deferred deferred(loop, [&] {
    if (++calls == 2) self->request();
  });
  self = &deferred;
  loop.poll(0);
  EXPECT_EQ(calls, 0);
  deferred.request();
  deferred.request();
  EXPECT_EQ(calls, 0);
  loop.poll(0);
  EXPECT_EQ(calls, 1);
  loop.poll(0);
  EXPECT_EQ(calls, 1);
  deferred.request();
  loop.poll(0);
  EXPECT_EQ(calls, 2);  // its own request is for the next poll
  loop.poll(0);
  EXPECT_EQ(calls, 3);
}

TEST(EventLoop, DeferredWorkMayBeCancelledByOther) {
  EventLoop loop;
  std::string order;
  std::optional<EventLoop::Deferred> second;
  EventLoop::Deferred first(loop, [&] {
    order += '1';
    second.reset();
  });
  EventLoop::Deferred third(loop, [&] { order += '3'; });
  second.emplace(loop, [&] { order += '2'; });
  first.request();
  second->request();
  third.request();
  loop.poll(0);
  EXPECT_EQ(order, "13");
}

TEST(EventLoop, DescriptorOfTheLoopItselfCanBeWatched) {
  EventLoop inner;
  EventLoop outer;
  Pipe pipe;
  std::string got;
  EventLoop::Watch in(inner);
  in.start(pipe.fd[0], EPOLLIN, [&](std::uint32_t) { got += pipe.get(); });
  EventLoop::Watch out(outer);
  out.start(inner.fd(), EPOLLIN, [&](std::uint32_t) { inner.poll(0); });
  pipe.put("nested");
  EXPECT_TRUE(outer.poll(EventLoop::kForever));
  EXPECT_EQ(got, "nested");
}

TEST(EventLoop, OutOfDescriptorsIsAnExceptionNotACrash) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizers need descriptors themselves to look at an exception";
#endif
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  const rlimit none{.rlim_cur = 3, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_THROW(EventLoop(), std::system_error);
  setrlimit(RLIMIT_NOFILE, &old);
}

TEST(EventLoop, IgnoreSigpipeKeepsAHandlerThatIsThere) {
  struct sigaction old {};
  sigaction(SIGPIPE, nullptr, &old);
  signal(SIGPIPE, SIG_DFL);
  ignore_sigpipe();
  struct sigaction now {};
  sigaction(SIGPIPE, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
  void (*const mine)(int) = [](int) {};
  signal(SIGPIPE, mine);
  ignore_sigpipe();
  sigaction(SIGPIPE, nullptr, &now);
  EXPECT_EQ(now.sa_handler, mine);
  sigaction(SIGPIPE, &old, nullptr);
}

}  // namespace
}  // namespace espalier::base
