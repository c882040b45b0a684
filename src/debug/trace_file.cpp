#include "debug/trace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace espalier::debug {

std::expected<std::unique_ptr<TraceFile>, std::string> TraceFile::create(const std::string& path) {
  if (path == "-") return std::unique_ptr<TraceFile>(new TraceFile("standard error", STDERR_FILENO, true));
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return std::unexpected(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return std::unique_ptr<TraceFile>(new TraceFile(path, fd, false));
}

TraceFile::~TraceFile() {
  flush();
  if (!by_line_) close(fd_);
}

void TraceFile::write(std::string_view text) {
  if (failed()) return;
  buffer_ += text;
  if (by_line_ ? text.ends_with('\n') : buffer_.size() >= kBuffer) flush();
}

void TraceFile::flush() {
  std::size_t done = 0;
  while (!failed() && done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      error_ = fmt::format("cannot write {}: {}", path_, std::strerror(n == 0 ? ENOSPC : errno));
      if (on_error_) on_error_(error_);
    }
  }
  buffer_.clear();
}

}  // namespace espalier::debug
