// The frames of GDB's remote protocol: $payload#checksum, acknowledgements, escapes.
// Source: GDB manual, appendix "GDB Remote Serial Protocol", "Overview".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::debug {

// What has come from a debugger.
struct GdbInput {
  enum class Kind : std::uint8_t {
    kPacket,     // `payload`, its escapes undone
    kDamaged,    // a packet with a wrong checksum, or one that is longer than the reader takes
    kAck,        // +
    kNack,       // -
    kInterrupt,  // Ctrl-C between packets
  };
  Kind kind = Kind::kPacket;
  std::string payload{};
};

class GdbPacketReader {
 public:
  // What is offered to the debugger as PacketSize: a longer payload is not taken. Whatever comes, no more
  // than this is kept.
  static constexpr std::size_t kMaxPayload = 16 * 1024;

  // Anything but '$', '+', '-' and Ctrl-C between packets is passed over.
  std::vector<GdbInput> feed(std::span<const std::uint8_t> bytes);

 private:
  enum class State : std::uint8_t { kIdle, kPayload, kEscaped, kChecksum, kChecksumEnd };

  State state_ = State::kIdle;
  std::string payload_;
  bool too_long_ = false;
  std::uint8_t sum_ = 0;
  int wanted_ = 0;  // the checksum that has come; -1: no number
};

// The frame of a payload, escapes put in.
std::string gdb_frame(std::string_view payload);

// Numbers of the protocol: hexadecimal, without a prefix, at least a digit, and nothing behind them.
std::optional<std::uint32_t> parse_hex32(std::string_view text);
std::string to_hex(std::span<const std::uint8_t> bytes);
std::string to_hex(std::string_view text);
// An even number of digits; the error is any other character.
std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text);

}  // namespace espalier::debug
