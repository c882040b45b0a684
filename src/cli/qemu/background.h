// -pidfile and -daemonize.
#pragma once

#include <expected>
#include <string>

namespace espalier::cli::qemu {

// The process's number in a file, which is removed with the object.
class PidFile {
 public:
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  // Errors name the file.
  std::expected<void, std::string> write(const std::string& path);

 private:
  std::string path_;
};

// The way to the background: the program goes on as a process of its own, and the one that was called ends
// when that one is ready, so that who called it finds the PID file and open sockets. As QEMU does.
class Background {
 public:
  Background() = default;
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Returns in the new process alone, which has the terminal still, for errors. The one that was called ends
  // here: with exit code 0 after ready(), with 1 when the new process ends without it.
  std::expected<void, std::string> enter();

  // Everything that can fail is done: lets the terminal go, and the process that was called.
  void ready();

 private:
  int tell_ = -1;  // a pipe's end
};

}  // namespace espalier::cli::qemu
