#include "image/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

namespace espalier::image {
namespace {

std::unexpected<std::string> failed(const std::filesystem::path& path, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}", path.string(), what));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  // True if everything written has been accepted; a full disk may show only here.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

std::expected<Bytes, std::string> read_file(const std::filesystem::path& path, std::uint64_t largest) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return failed(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return failed(path, "is a folder, not a file");
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > largest) {
    return failed(path, fmt::format("is larger than {} MiB", largest >> 20));
  }
  // A pipe or a growing file has no size to trust: read until the end, within the limit.
  Bytes bytes(S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : std::size_t{1} << 16);
  std::size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(bytes.size() * 2);
    ssize_t count = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path, std::strerror(errno));
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
    if (used > largest) return failed(path, fmt::format("is larger than {} MiB", largest >> 20));
  }
  bytes.resize(used);
  return bytes;
}

std::expected<std::string, std::string> read_text_file(const std::filesystem::path& path,
                                                       std::uint64_t largest) {
  auto bytes = read_file(path, largest);
  if (!bytes) return std::unexpected(bytes.error());
  return std::string(bytes->begin(), bytes->end());
}

std::expected<void, std::string> write_file(const std::filesystem::path& path, ByteView bytes) {
  std::error_code ignored;
  auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(status)) return failed(path, "is a folder, not a file");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    // A device or a pipe cannot be replaced, only written to.
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || !write_all(file.get(), bytes)) return failed(path, std::strerror(errno));
    return {};
  }
  // Through a symbolic link the file behind it is replaced, not the link.
  std::filesystem::path target = std::filesystem::weakly_canonical(path, ignored);
  if (ignored) target = path;
  std::string temporary = target.string() + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return failed(path, std::strerror(errno));
  mode_t mask = ::umask(0);
  ::umask(mask);
  auto mode = std::filesystem::exists(status) ? static_cast<mode_t>(status.permissions()) : 0666 & ~mask;
  if (::fchmod(file.get(), mode) != 0 || !write_all(file.get(), bytes) || !file.close() ||
      ::rename(temporary.c_str(), target.c_str()) != 0) {
    int error = errno;
    ::unlink(temporary.c_str());
    return failed(path, std::strerror(error));
  }
  return {};
}

}  // namespace espalier::image
