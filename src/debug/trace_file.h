// The file that a trace, a waveform or a coverage report goes to.
#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace espalier::debug {

// Buffered and blocking. What goes wrong is told once, in one line that names the file; what is written after
// that is thrown away.
class TraceFile {
 public:
  // Creates or empties `path`. "-" is standard error, which is written line by line; anything else 64 KiB at
  // a time and at the end.
  static std::expected<std::unique_ptr<TraceFile>, std::string> create(const std::string& path);
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  void write(std::string_view text);
  // Writes what is buffered.
  void flush();
  bool failed() const { return !error_.empty(); }
  // Called once, as soon as writing fails: the disk is full, the reader has gone.
  void on_error(std::function<void(const std::string& line)> callback) { on_error_ = std::move(callback); }

  static constexpr std::size_t kBuffer = 64 * 1024;

 private:
  TraceFile(std::string path, int fd, bool by_line) : path_(std::move(path)), fd_(fd), by_line_(by_line) {}

  std::string path_;
  int fd_;
  bool by_line_;
  std::string buffer_;
  std::string error_;
  std::function<void(const std::string&)> on_error_;
};

}  // namespace espalier::debug
