#include "devices/flash_persist.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace espalier::devices {

namespace {

// A file that is removed unless it has been kept.
class TemporaryFile {
 public:
  TemporaryFile(std::string path, OwnedFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  ~TemporaryFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
  OwnedFd fd_;
};

bool write_all(int fd, std::span<const std::uint8_t> bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += n;
  }
  return true;
}

bool copy_all(int from, int to) {
  std::array<std::uint8_t, 64 * 1024> buffer;
  for (off_t at = 0;;) {
    const ssize_t n = pread(from, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    if (!write_all(to, std::span(buffer).first(static_cast<std::size_t>(n)), at)) return false;
    at += n;
  }
}

// Writes these sectors over an image that has `length` bytes.
bool apply(const FlashStorage& flash, const std::vector<FlashStorage::Range>& ranges, int fd, off_t length) {
  for (const FlashStorage::Range& range : ranges) {
    std::vector<std::uint8_t> bytes(range.length);
    flash.read(range.address, bytes);
    const auto start = static_cast<off_t>(range.address);
    if (start + static_cast<off_t>(bytes.size()) > length) {
      // Beyond the file's end only bytes that are not blank have to be kept.
      const std::size_t within = start < length ? static_cast<std::size_t>(length - start) : 0;
      while (bytes.size() > within && bytes.back() == 0xff) bytes.pop_back();
      if (bytes.empty()) continue;
      if (start > length) {
        const std::vector<std::uint8_t> gap(static_cast<std::size_t>(start - length), 0xff);
        if (!write_all(fd, gap, length)) return false;
      }
      length = std::max(length, start + static_cast<off_t>(bytes.size()));
    }
    if (!write_all(fd, bytes, start)) return false;
  }
  return true;
}

}  // namespace

std::expected<void, std::string> write_back(const FlashStorage& flash, const std::string& path) {
  if (flash.dirty_ranges().empty()) return {};
  const auto failed = [&](const char* what) {
    return std::unexpected(
        fmt::format("{}: {}: {}; the file is as it was", path, what, std::strerror(errno)));
  };

  // A link stays a link: the file that it names is replaced.
  std::error_code error;
  const std::string target = std::filesystem::canonical(path, error).string();
  if (error) {
    errno = error.value();
    return failed("cannot write flash changes back");
  }
  const OwnedFd original(open(target.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (original.get() < 0 || fstat(original.get(), &status) != 0) return failed("cannot read it");

  std::string name = target + ".XXXXXX";
  OwnedFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (fd.get() < 0) return failed("cannot make a new file beside it");
  TemporaryFile copy(name, std::move(fd));
  if (fchmod(copy.fd(), status.st_mode & 07777) != 0 || !copy_all(original.get(), copy.fd()) ||
      !apply(flash, flash.dirty_ranges(), copy.fd(), status.st_size) || fsync(copy.fd()) != 0) {
    return failed("cannot write flash changes");
  }
  // Only root may give a file away; for everybody else it is theirs already or cannot be.
  if (status.st_uid != geteuid() || status.st_gid != getegid()) {
    [[maybe_unused]] const int kept = fchown(copy.fd(), status.st_uid, status.st_gid);
  }
  if (rename(copy.path().c_str(), target.c_str()) != 0) return failed("cannot replace it");
  copy.keep();
  const OwnedFd folder(
      open(std::filesystem::path(target).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) fsync(folder.get());
  return {};
}

std::expected<std::unique_ptr<FlashMirror>, std::string> FlashMirror::open(FlashStorage& flash,
                                                                           std::string path) {
  OwnedFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() < 0)
    return std::unexpected(
        fmt::format("{}: cannot keep flash changes in it: {}", path, std::strerror(errno)));
  return std::unique_ptr<FlashMirror>(new FlashMirror(flash, std::move(path), std::move(fd)));
}

std::expected<void, std::string> FlashMirror::sync() {
  if (!flash_.has_changes()) return {};
  const std::vector<FlashStorage::Range> ranges = flash_.take_changes();
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0 || !apply(flash_, ranges, fd_.get(), status.st_size))
    return std::unexpected(fmt::format("{}: cannot write flash changes: {}", path_, std::strerror(errno)));
  return {};
}

}  // namespace espalier::devices
