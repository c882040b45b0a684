#include "base/terminal.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace espalier::base {

namespace {

// Global, as the terminal is the process's and signal handlers get no argument.
struct Saved {
  std::atomic<bool> raw{false};
  bool at_exit = false;
  int fd = -1;
  termios cooked{};
  termios raw_mode{};
};
Saved saved;

constexpr std::array kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

bool in_foreground(int fd) {
  return tcgetpgrp(fd) == getpgrp();
}

// tcsetattr() stops a process in the background by SIGTTOU unless that is blocked.
void set_mode(const termios& mode) {
  const int error = errno;
  sigset_t set;
  sigset_t old;
  sigemptyset(&set);
  sigaddset(&set, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &set, &old);
  tcsetattr(saved.fd, TCSANOW, &mode);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  errno = error;
}

void die(int number) {
  RawTerminal::restore_now();
  signal(number, SIG_DFL);
  raise(number);  // takes effect when this handler returns, with the status that the sender expects
}

void stop(int number) {
  const int error = errno;
  const bool was_raw = saved.raw.load();
  RawTerminal::restore_now();
  struct sigaction plain {};
  struct sigaction mine {};
  plain.sa_handler = SIG_DFL;
  sigaction(number, &plain, &mine);
  sigset_t set;
  sigset_t old;
  sigemptyset(&set);
  sigaddset(&set, number);
  raise(number);
  pthread_sigmask(SIG_UNBLOCK, &set, &old);  // stops here, and goes on here
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  sigaction(number, &mine, nullptr);
  if (was_raw && in_foreground(saved.fd)) {
    set_mode(saved.raw_mode);
    saved.raw.store(true);
  }
  errno = error;
}

// After SIGSTOP, which nobody can handle: the shell has put its own mode in place meanwhile.
void go_on(int) {
  const int error = errno;
  if (saved.raw.load() && in_foreground(saved.fd)) set_mode(saved.raw_mode);
  errno = error;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  if (sigaction(number, nullptr, &action) != 0 || (action.sa_flags & SA_SIGINFO) ||
      action.sa_handler != SIG_DFL)
    return;
  action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

void unhandle(int number, void (*handler)(int)) {
  struct sigaction action {};
  if (sigaction(number, nullptr, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
      action.sa_handler == handler)
    signal(number, SIG_DFL);
}

}  // namespace

RawTerminal::RawTerminal(int fd, bool signals) {
  if (saved.raw.load() || !isatty(fd) || !in_foreground(fd) || tcgetattr(fd, &saved.cooked) != 0) return;
  saved.fd = fd;
  saved.raw_mode = saved.cooked;
  saved.raw_mode.c_iflag &=
      ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  saved.raw_mode.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | IEXTEN);
  if (!signals) saved.raw_mode.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  saved.raw_mode.c_cflag = (saved.raw_mode.c_cflag & ~static_cast<tcflag_t>(CSIZE | PARENB)) | CS8;
  saved.raw_mode.c_cc[VMIN] = 1;
  saved.raw_mode.c_cc[VTIME] = 0;
  if (!saved.at_exit) saved.at_exit = std::atexit(RawTerminal::restore_now) == 0;
  for (const int number : kEnding) handle(number, die);
  handle(SIGTSTP, stop);
  handle(SIGCONT, go_on);
  saved.raw.store(true);
  set_mode(saved.raw_mode);
  active_ = true;
}

RawTerminal::~RawTerminal() {
  if (!active_) return;
  restore_now();
  for (const int number : kEnding) unhandle(number, die);
  unhandle(SIGTSTP, stop);
  unhandle(SIGCONT, go_on);
}

void RawTerminal::restore_now() {
  if (saved.raw.exchange(false)) set_mode(saved.cooked);
}

}  // namespace espalier::base
