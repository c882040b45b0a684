#include "net/ack_prompter.h"

#include <algorithm>

namespace espalier::net {

namespace {

// More connections at once than this wait for libslirp's timer.
constexpr std::size_t kMost = 64;
constexpr std::size_t kLeastHeader = 20;

}  // namespace

void AckPrompter::from_guest(Frame frame, const TcpSegment& s) {
  // What opens or ends a connection is acknowledged at once.
  constexpr std::uint8_t kOthers = TcpSegment::kFin | TcpSegment::kSyn | TcpSegment::kRst;
  const TcpConnection connection = TcpConnection::from_guest(s);
  const auto known = std::ranges::find(owed_, connection, &Owed::connection);
  if (s.flags & kOthers) {
    if (known != owed_.end()) owed_.erase(known);
    return;
  }
  // Without data it still says what the latest acknowledgement and window are.
  if (!(s.flags & TcpSegment::kAck) || (s.data_size == 0 && known == owed_.end())) return;
  const std::uint32_t end = s.sequence + static_cast<std::uint32_t>(s.data_size);
  const Frame headers = frame.first(s.tcp_at + kLeastHeader);
  if (known == owed_.end()) {
    if (owed_.size() < kMost) owed_.push_back({connection, end, {headers.begin(), headers.end()}});
    return;
  }
  if (sequence_after(end, known->end)) known->end = end;
  known->headers.assign(headers.begin(), headers.end());
}

void AckPrompter::to_guest(const TcpSegment& s) {
  if (owed_.empty()) return;
  const auto known = std::ranges::find(owed_, TcpConnection::to_guest(s), &Owed::connection);
  if (known == owed_.end()) return;
  const bool acknowledges = (s.flags & TcpSegment::kAck) && !sequence_after(known->end, s.acknowledged);
  if (acknowledges || (s.flags & TcpSegment::kRst)) owed_.erase(known);
}

std::vector<std::vector<std::uint8_t>> AckPrompter::take() {
  std::vector<std::vector<std::uint8_t>> probes;
  probes.reserve(owed_.size());
  for (const Owed& owed : owed_) probes.push_back(bare_segment(owed.headers, owed.end - 1, TcpSegment::kAck));
  owed_.clear();
  return probes;
}

}  // namespace espalier::net
