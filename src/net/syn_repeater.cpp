#include "net/syn_repeater.h"

#include <algorithm>

namespace espalier::net {

namespace {

// More at once than this are left to libslirp.
constexpr std::size_t kMost = 256;

}  // namespace

void SynRepeater::to_guest(Frame frame, const TcpSegment& s, std::uint64_t now_ns) {
  const bool request = (s.flags & (TcpSegment::kSyn | TcpSegment::kAck)) == TcpSegment::kSyn;
  if (!request && requests_.empty()) return;
  const TcpConnection connection = TcpConnection::to_guest(s);
  std::erase_if(requests_, [&](const Request& r) { return r.connection == connection; });
  if (request && requests_.size() < kMost)
    requests_.push_back({connection, {frame.begin(), frame.end()}, now_ns + kInterval, kRepetitions});
}

void SynRepeater::from_guest(const TcpSegment& s) {
  if (requests_.empty()) return;
  const TcpConnection connection = TcpConnection::from_guest(s);
  std::erase_if(requests_, [&](const Request& r) { return r.connection == connection; });
}

std::uint64_t SynRepeater::deadline() const {
  std::uint64_t earliest = ~std::uint64_t{0};
  for (const Request& r : requests_) earliest = std::min(earliest, r.next_ns);
  return earliest;
}

std::vector<std::vector<std::uint8_t>> SynRepeater::due(std::uint64_t now_ns) {
  std::vector<std::vector<std::uint8_t>> frames;
  for (Request& r : requests_) {
    if (r.next_ns > now_ns) continue;
    frames.push_back(r.frame);
    r.next_ns = now_ns + kInterval;
    --r.left;
  }
  std::erase_if(requests_, [](const Request& r) { return r.left == 0; });
  return frames;
}

void SynRepeater::put_off(std::uint64_t now_ns) {
  for (Request& r : requests_) r.next_ns = std::max(r.next_ns, now_ns + kInterval);
}

}  // namespace espalier::net
