// The user's terminal in raw mode, and back again however the process ends.
#pragma once

namespace espalier::base {

// While one lives, keys reach the guest as they are typed: no echo, no line editing, no signals from the
// keyboard (Ctrl-C is the guest's) unless asked for. Output processing stays on, so that the emulator's own
// messages begin at the left edge.
//
// The terminal is put back by the destructor, by exit(), and by every signal that ends or stops the process
// (SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTSTP), as far as nobody
// else handles it; a handler of one's own that ends the process calls restore_now().
class RawTerminal {
 public:
  // Does nothing if `fd` is no terminal, if the process runs in its background, or if there is one already.
  explicit RawTerminal(int fd, bool signals = false);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool active() const { return active_; }
  // May be called by signal handlers, and more than once.
  static void restore_now();

 private:
  bool active_ = false;
};

}  // namespace espalier::base
