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

// Goes on as a process of its own without a terminal; the one that was called ends with exit code 0.
// Everything that can fail should have been done.
std::expected<void, std::string> go_to_background();

}  // namespace espalier::cli::qemu
