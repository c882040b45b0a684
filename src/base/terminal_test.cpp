#include "base/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "base/serial_kinds.h"

namespace espalier::base {
namespace {

std::span<const std::uint8_t> raw(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A child process that runs in the foreground of a terminal of its own, with the test at the keyboard.
class Session {
 public:
  explicit Session(const std::function<int()>& program) {
    if (openpty(&master_, &slave_, nullptr, nullptr, nullptr) != 0) std::abort();
    tcgetattr(slave_, &before_);
    pid_ = fork();
    if (pid_ == 0) {
      setsid();
      ioctl(slave_, TIOCSCTTY, 0);
      dup2(slave_, 0);
      dup2(slave_, 1);
      close(master_);
      close(slave_);
      for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGTSTP, SIGCONT})
        signal(number, SIG_DFL);
      std::exit(program());
    }
  }
  ~Session() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(master_);
    close(slave_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool is_raw() const {
    termios now{};
    tcgetattr(slave_, &now);
    return !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_iflag & (ICRNL | IXON));
  }
  bool is_as_before() const {
    termios now{};
    tcgetattr(slave_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag;
  }
  void type(std::string_view keys) const {
    ASSERT_EQ(write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  // Waits for the screen to show `text`.
  bool shows(std::string_view text) {
    return wait_for([&] {
      pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
      char buffer[256];
      if (poll(&ready, 1, 0) == 1) {
        const ssize_t n = read(master_, buffer, sizeof buffer);
        if (n > 0) screen_.append(buffer, static_cast<std::size_t>(n));
      }
      return screen_.find(text) != std::string::npos;
    });
  }
  static bool wait_for(const std::function<bool()>& done) {
    for (int i = 0; i < 5000; ++i) {
      if (done()) return true;
      usleep(1000);
    }
    return false;
  }
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  pid_t pid() const { return pid_; }
  // The process group that has the keyboard; its leader's id.
  pid_t foreground() const { return tcgetpgrp(master_); }

 private:
  int master_ = -1;
  int slave_ = -1;
  pid_t pid_ = -1;
  termios before_{};
  std::string screen_;
};

// Echoes keys as "<hex>", until Ctrl-].
int echo_program() {
  EventLoop loop;
  auto serial = open_stdio_serial(loop);
  bool leaving = false;
  serial->on_input([&](std::span<const std::uint8_t> keys) {
    for (const std::uint8_t key : keys) {
      char text[8];
      const int n = snprintf(text, sizeof text, "<%02x>", key);
      serial->write({reinterpret_cast<const std::uint8_t*>(text), static_cast<std::size_t>(n)});
    }
    return keys.size();
  });
  serial->on_leave([&](SerialBackend::Leave why) { leaving = why == SerialBackend::Leave::kEscape; });
  serial->write(raw("ready"));
  while (!leaving) loop.poll(EventLoop::kForever);
  return 7;
}

TEST(Terminal, KeysArriveRawAndCtrlBracketLeaves) {
  Session session(echo_program);
  ASSERT_TRUE(session.shows("ready"));
  EXPECT_TRUE(session.is_raw());
  session.type("a\r\x03\x1a\x11\x1b[A");
  EXPECT_TRUE(session.shows("<61><0d><03><1a><11><1b><5b><41>"));
  session.type("z\x1d");
  EXPECT_TRUE(session.shows("<7a>"));  // what was typed before it still arrives
  const int status = session.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(session.is_as_before());
}

TEST(Terminal, CtrlBracketLeavesThoughTheGuestDoesNotListen) {
  Session session([] {
    EventLoop loop;
    auto serial = open_stdio_serial(loop);
    bool leaving = false;
    serial->on_input([](std::span<const std::uint8_t>) { return std::size_t{0}; });
    serial->on_leave([&](SerialBackend::Leave) { leaving = true; });
    serial->write(raw("ready"));
    while (!leaving) loop.poll(EventLoop::kForever);
    return 0;
  });
  ASSERT_TRUE(session.shows("ready"));
  session.type("unheard");
  usleep(5000);
  session.type("more\x1d");
  EXPECT_EQ(session.wait(), 0);
}

class TerminalSignal : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ending, TerminalSignal,
                         ::testing::Values(SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV));

TEST_P(TerminalSignal, PutsTheTerminalBackAndEndsTheProcessAsItWould) {
  Session session(echo_program);
  ASSERT_TRUE(session.shows("ready"));
  ASSERT_TRUE(session.is_raw());
  kill(session.pid(), GetParam());
  const int status = session.wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), GetParam());
  EXPECT_TRUE(session.is_as_before());
}

TEST(Terminal, ExitPutsItBack) {
  Session session([]() -> int {
    static RawTerminal terminal(0);
    [[maybe_unused]] const ssize_t n = write(1, "ready", 5);
    char key = 0;
    [[maybe_unused]] const ssize_t m = read(0, &key, 1);
    std::exit(3);
  });
  ASSERT_TRUE(session.shows("ready"));
  EXPECT_TRUE(session.is_raw());
  session.type("x");
  EXPECT_EQ(WEXITSTATUS(session.wait()), 3);
  EXPECT_TRUE(session.is_as_before());
}

TEST(Terminal, StoppedAndContinued) {
  // A shell of sorts in between, as an orphan is not stopped by SIGTSTP.
  Session session([] {
    signal(SIGTTOU, SIG_IGN);
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      tcsetpgrp(0, getpid());
      signal(SIGTTOU, SIG_DFL);
      std::exit(echo_program());
    }
    setpgid(job, job);
    int status = 0;
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
      tcsetpgrp(0, getpgrp());
      [[maybe_unused]] const ssize_t n = write(1, "[stopped]", 9);
      char line[8];
      [[maybe_unused]] const ssize_t m = read(0, line, sizeof line);
      tcsetpgrp(0, job);
      kill(job, SIGCONT);
    }
    return WEXITSTATUS(status);
  });
  ASSERT_TRUE(session.shows("ready"));
  ASSERT_TRUE(session.is_raw());
  const pid_t job = session.foreground();
  ASSERT_GT(job, 0);
  ASSERT_NE(job, session.pid());
  kill(job, SIGTSTP);
  ASSERT_TRUE(session.shows("[stopped]"));
  EXPECT_TRUE(session.is_as_before());
  session.type("fg\r");
  EXPECT_TRUE(Session::wait_for([&] { return session.is_raw(); }));
  session.type("k");
  EXPECT_TRUE(session.shows("<6b>"));
  session.type("\x1d");
  EXPECT_EQ(WEXITSTATUS(session.wait()), 7);
  EXPECT_TRUE(session.is_as_before());
}

TEST(Terminal, BackgroundLeavesTheTerminalAlone) {
  Session session([] {
    const pid_t job = fork();
    if (job == 0) {
      setpgid(0, 0);
      EventLoop loop;
      auto serial = open_stdio_serial(loop);
      serial->write(raw("in the background"));
      loop.poll(0);
      loop.poll(20'000'000);
      serial.reset();
      _exit(5);
    }
    setpgid(job, job);
    int status = 0;
    waitpid(job, &status, WUNTRACED);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;  // not stopped by SIGTTOU or SIGTTIN
  });
  EXPECT_TRUE(session.shows("in the background"));
  EXPECT_TRUE(session.is_as_before());
  EXPECT_EQ(WEXITSTATUS(session.wait()), 5);
}

TEST(Terminal, OneAtATimeAndTerminalsOnly) {
  Session session([] {
    RawTerminal first(0);
    RawTerminal second(0);
    RawTerminal none(-1);
    return (first.active() ? 1 : 0) + (second.active() ? 2 : 0) + (none.active() ? 4 : 0);
  });
  EXPECT_EQ(WEXITSTATUS(session.wait()), 1);
  EXPECT_TRUE(session.is_as_before());
}

}  // namespace
}  // namespace espalier::base
