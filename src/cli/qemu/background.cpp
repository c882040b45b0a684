#include "cli/qemu/background.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace espalier::cli::qemu {

PidFile::~PidFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

std::expected<void, std::string> PidFile::write(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::string text = fmt::format("{}\n", getpid());
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!written)
    return std::unexpected(fmt::format("cannot create PID file {}: {}", path, std::strerror(error)));
  // -daemonize changes the working directory.
  std::error_code ignored;
  path_ = std::filesystem::absolute(path, ignored).string();
  return {};
}

Background::~Background() {
  if (tell_ >= 0) close(tell_);
}

std::expected<void, std::string> Background::enter() {
  const auto failed = [] {
    return std::unexpected(fmt::format("cannot go to the background: {}", std::strerror(errno)));
  };
  std::fflush(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed();
  const pid_t child = fork();
  if (child > 0) {
    close(ends[1]);
    char word = 0;
    ssize_t count;
    do count = read(ends[0], &word, 1);
    while (count < 0 && errno == EINTR);
    _exit(count == 1 ? 0 : 1);
  }
  close(ends[0]);
  tell_ = ends[1];
  if (child < 0) return failed();
  setsid();
  return {};
}

void Background::ready() {
  if (tell_ < 0) return;
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    for (const int fd : {0, 1, 2}) dup2(null, fd);
    if (null > 2) close(null);
  }
  // Nobody may be there to be told: whoever called was ended.
  [[maybe_unused]] const ssize_t told = write(tell_, "", 1);
  close(tell_);
  tell_ = -1;
}

}  // namespace espalier::cli::qemu
