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

std::expected<void, std::string> go_to_background() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return std::unexpected(fmt::format("cannot go to the background: {}", std::strerror(errno)));
  if (child > 0) _exit(0);
  setsid();
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    for (const int fd : {0, 1, 2}) dup2(null, fd);
    if (null > 2) close(null);
  }
  return {};
}

}  // namespace espalier::cli::qemu
