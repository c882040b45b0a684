// Where packets end on a serial line, for those who speak in packets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace espalier::host {

// Follows a stream of bytes in which there may be packets in SLIP (RFC 1055), each between two END bytes, as
// flashing tools send them. Between packets anything may come.
class SlipPackets {
 public:
  static constexpr std::uint8_t kEnd = 0xc0;

  // So many of `bytes`, which come next, lead up to the end of a packet; all, if none ends among them.
  std::size_t up_to_end(std::span<const std::uint8_t> bytes) const {
    SlipPackets ahead = *this;
    std::size_t n = 0;
    while (n < bytes.size() && !ahead.pass(bytes[n])) ++n;
    return std::min(n + 1, bytes.size());
  }
  // They have come. True if with the last of them a packet is over.
  bool pass(std::span<const std::uint8_t> bytes) {
    bool over = false;
    for (const std::uint8_t byte : bytes) over = pass(byte);
    return over;
  }

 private:
  enum class State : std::uint8_t { kBetween, kBegun, kWithin };

  bool pass(std::uint8_t byte) {
    const bool over = byte == kEnd && state_ == State::kWithin;
    if (over)
      state_ = State::kBetween;
    else if (byte == kEnd)
      state_ = State::kBegun;
    else if (state_ == State::kBegun)
      state_ = State::kWithin;
    return over;
  }

  State state_ = State::kBetween;
};

}  // namespace espalier::host
