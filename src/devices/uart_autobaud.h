// What an ESP32 UART measures of the receive line while AUTOBAUD is on.
#pragma once

#include <cstdint>

#include "base/archive.h"

namespace espalier::devices {

// Shortest pulses and number of edges seen. Pulse registers hold the width in APB cycles less one, and all
// ones before the first measurement (ESP-IDF's uart_detect_bitrate_stop adds the one).
class UartAutobaud {
 public:
  static constexpr std::uint32_t kNoPulse = 0xfffff;
  static constexpr std::uint32_t kMaxEdges = 0x3ff;

  void start() { *this = UartAutobaud{}; }

  // A character of `data_bits` passes, each bit `cycles` APB cycles long: a start bit, data from the lowest
  // bit, a stop bit. `follows_closely` says that the line was not idle before it, so that the pause is a
  // pulse too.
  void character(std::uint32_t byte, unsigned data_bits, std::uint32_t cycles, bool follows_closely) {
    const std::uint32_t frame = (byte & ((1u << data_bits) - 1)) << 1 | 1u << (data_bits + 1);
    const unsigned length = data_bits + 2;
    if (!follows_closely) since_rise_ = since_fall_ = since_edge_ = kIdle;
    bool level = true;
    for (unsigned i = 0; i < length; ++i) {
      const bool next = frame >> i & 1;
      if (next != level) edge(next, cycles);
      level = next;
      since_rise_ += since_rise_ < kIdle;
      since_fall_ += since_fall_ < kIdle;
      since_edge_ += since_edge_ < kIdle;
    }
  }

  std::uint32_t low() const { return low_; }
  std::uint32_t high() const { return high_; }
  std::uint32_t positive() const { return positive_; }
  std::uint32_t negative() const { return negative_; }
  std::uint32_t edges() const { return edges_; }
  void archive(base::Archive& ar) {
    ar(low_, high_, positive_, negative_, edges_, since_rise_, since_fall_, since_edge_);
  }

 private:
  static constexpr std::uint32_t kIdle = 1000;  // bits; longer than any frame

  static void shorten(std::uint32_t& pulse, std::uint32_t bits, std::uint32_t cycles) {
    if (bits >= kIdle) return;
    const std::uint64_t width = std::uint64_t{bits} * cycles - (cycles ? 1 : 0);
    if (width < pulse) pulse = static_cast<std::uint32_t>(width);
  }
  void edge(bool rising, std::uint32_t cycles) {
    if (edges_ < kMaxEdges) ++edges_;
    shorten(rising ? low_ : high_, since_edge_, cycles);
    shorten(rising ? positive_ : negative_, rising ? since_rise_ : since_fall_, cycles);
    (rising ? since_rise_ : since_fall_) = 0;
    since_edge_ = 0;
  }

  std::uint32_t low_ = kNoPulse, high_ = kNoPulse, positive_ = kNoPulse, negative_ = kNoPulse;
  std::uint32_t edges_ = 0;
  std::uint32_t since_rise_ = kIdle, since_fall_ = kIdle, since_edge_ = kIdle;  // in bits
};

}  // namespace espalier::devices
