#include "net/pcap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace espalier::net {

namespace {

// File format: IETF draft-ietf-opsawg-pcap. Little-endian here; readers tell by the magic number.
constexpr std::uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kSnapLength = 262144;
constexpr std::uint32_t kLinkTypeEthernet = 1;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

template <std::size_t N>
std::array<std::uint8_t, N * 4> little_endian(const std::array<std::uint32_t, N>& words) {
  std::array<std::uint8_t, N * 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> i % 4 * 8);
  return bytes;
}

}  // namespace

PcapFile::PcapFile(std::string path, int fd, const base::Logger& log)
    : path_(std::move(path)), fd_(fd), log_(log) {}

PcapFile::~PcapFile() {
  close(fd_);
}

std::expected<std::unique_ptr<PcapFile>, std::string> PcapFile::create(const std::string& path,
                                                                       const base::Logger& log) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    return std::unexpected(fmt::format("cannot write the capture {}: {}", path, std::strerror(errno)));
  }
  std::unique_ptr<PcapFile> file(new PcapFile(path, fd, log));
  const auto header = little_endian<6>(
      {kMagicNanoseconds, 2u | 4u << 16 /* version 2.4 */, 0, 0, kSnapLength, kLinkTypeEthernet});
  if (!file->put(header, {})) {
    return std::unexpected(fmt::format("cannot write the capture {}: {}", path, std::strerror(errno)));
  }
  return file;
}

bool PcapFile::put(std::span<const std::uint8_t> header, Frame frame) {
  std::array<iovec, 2> parts = {iovec{const_cast<std::uint8_t*>(header.data()), header.size()},
                                iovec{const_cast<std::uint8_t*>(frame.data()), frame.size()}};
  const std::size_t total = header.size() + frame.size();
  std::size_t done = 0;
  iovec* part = parts.data();
  while (done < total) {
    const ssize_t n = writev(fd_, part, static_cast<int>(parts.data() + parts.size() - part));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int error = n == 0 ? ENOSPC : errno;
      if (done != 0) {
        // Not half a record at the end; a pipe cannot be cut, and then its reader has gone or will see the
        // end.
        [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(written_));
      }
      errno = error;
      return false;
    }
    done += static_cast<std::size_t>(n);
    std::size_t step = static_cast<std::size_t>(n);
    while (part != parts.data() + parts.size() && step >= part->iov_len) step -= (part++)->iov_len;
    if (step != 0) {
      part->iov_base = static_cast<std::uint8_t*>(part->iov_base) + step;
      part->iov_len -= step;
    }
  }
  written_ += total;
  return true;
}

void PcapFile::write(Frame frame, std::uint64_t time_ns) {
  if (failed_) return;
  const auto size = static_cast<std::uint32_t>(frame.size());
  const std::uint32_t kept = std::min(size, kSnapLength);
  const auto header = little_endian<4>({static_cast<std::uint32_t>(time_ns / kNsPerSecond),
                                        static_cast<std::uint32_t>(time_ns % kNsPerSecond), kept, size});
  if (put(header, frame.first(kept))) return;
  failed_ = true;
  log_.error(base::LogArea::kNet, "the capture {} ends here: {}", path_, std::strerror(errno));
}

std::uint64_t PcapTap::host_clock() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

bool PcapTap::receive(Frame frame) {
  const std::uint64_t now = clock_();
  if (!guest_.receive(frame)) return false;
  file_.write(frame, now);
  return true;
}

void PcapTap::send(Frame frame) {
  file_.write(frame, clock_());
  network_.send(frame);
}

}  // namespace espalier::net
