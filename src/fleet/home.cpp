#include "fleet/home.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "fleet/identity.h"

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;
using Wrong = std::unexpected<std::string>;

constexpr std::string_view kLockSuffix = ".pid";

void remove_files(const FleetFiles& files) {
  // The lock last: while it is there, nobody else takes what this one still has.
  for (const std::string* file : {&files.socket, &files.log, &files.lock}) unlink(file->c_str());
}

// Whether `fd` is still what is found under `path`: who held the lock before may have removed it meanwhile.
bool is_at(int fd, const std::string& path) {
  struct stat open {};
  struct stat there {};
  return fstat(fd, &open) == 0 && stat(path.c_str(), &there) == 0 && open.st_ino == there.st_ino &&
         open.st_dev == there.st_dev;
}

std::string text_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = pread(fd, text.data(), text.size() - 1, 0);
  std::string line(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return line.substr(0, line.find('\n'));
}

}  // namespace

std::expected<std::string, std::string> home_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string folder = runtime != nullptr && *runtime != '\0'
                                 ? fmt::format("{}/espalier", runtime)
                                 : fmt::format("/tmp/espalier-{}", getuid());
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return Wrong(fmt::format("{}: cannot make the fleets' folder: {}", folder, std::strerror(errno)));
  struct stat there {};
  if (lstat(folder.c_str(), &there) != 0 || !S_ISDIR(there.st_mode))
    return Wrong(fmt::format("{} is no folder; fleets are found there", folder));
  if (there.st_uid != getuid() || (there.st_mode & 077) != 0)
    return Wrong(
        fmt::format("{} is open to others than user {}; fleets are controlled there", folder, getuid()));
  return folder;
}

std::expected<FleetFiles, std::string> fleet_files(std::string_view name) {
  if (auto ok = check_name(name); !ok) return Wrong("--name: " + ok.error());
  const auto folder = home_folder();
  if (!folder) return Wrong(folder.error());
  const std::string base = fmt::format("{}/{}", *folder, name);
  return FleetFiles{.name = std::string(name),
                    .socket = base + ".sock",
                    .lock = base + std::string(kLockSuffix),
                    .log = base + ".log"};
}

std::expected<std::vector<FleetFiles>, std::string> all_fleet_files() {
  const auto folder = home_folder();
  if (!folder) return Wrong(folder.error());
  std::vector<FleetFiles> all;
  std::error_code error;
  for (fs::directory_iterator it(*folder, error), end; it != end; it.increment(error))
    if (it->path().extension() == kLockSuffix)
      if (auto files = fleet_files(it->path().stem().string())) all.push_back(std::move(*files));
  std::ranges::sort(all, {}, &FleetFiles::name);
  return all;
}

std::expected<FleetLock, std::string> FleetLock::take(const FleetFiles& files) {
  for (;;) {
    const int fd = open(files.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return Wrong(fmt::format("{}: {}", files.lock, std::strerror(errno)));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const std::string process = text_of(fd);
      close(fd);
      return Wrong(
          fmt::format("a fleet named {0} runs already (process {1}); `espalier fleet down --name {0}` "
                      "ends it, and --name gives this one another name",
                      files.name, process));
    }
    if (!is_at(fd, files.lock)) {
      close(fd);
      continue;
    }
    unlink(files.socket.c_str());
    const std::string text = fmt::format("{}\n", getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data(), text.size(), 0) < 0) {
      const int error = errno;
      close(fd);
      return Wrong(fmt::format("{}: {}", files.lock, std::strerror(error)));
    }
    return FleetLock(files, fd);
  }
}

FleetLock::FleetLock(FleetLock&& other) noexcept
    : files_(std::move(other.files_)), fd_(std::exchange(other.fd_, -1)) {}

FleetLock::~FleetLock() {
  if (fd_ < 0) return;
  remove_files(files_);
  close(fd_);
}

FleetLife look_up(const FleetFiles& files) {
  const int fd = open(files.lock.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return FleetLife::kNone;
  FleetLife life = FleetLife::kRunning;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    life = FleetLife::kNone;
    if (is_at(fd, files.lock)) {
      remove_files(files);
      life = FleetLife::kCleared;
    }
  }
  close(fd);
  return life;
}

}  // namespace espalier::fleet
