#include "debug/gdb_packet.h"

#include <charconv>
#include <utility>

namespace espalier::debug {
namespace {

constexpr char kEscape = '}', kEscapeBit = 0x20, kInterrupt = 3;
constexpr std::string_view kDigits = "0123456789abcdef";

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::vector<GdbInput> GdbPacketReader::feed(std::span<const std::uint8_t> bytes) {
  std::vector<GdbInput> all;
  const auto keep = [this](char c) {
    if (payload_.size() < kMaxPayload)
      payload_.push_back(c);
    else
      too_long_ = true;
  };
  for (const std::uint8_t byte : bytes) {
    const auto c = static_cast<char>(byte);
    switch (state_) {
      case State::kIdle:
        if (c == '$') {
          state_ = State::kPayload;
          payload_.clear();
          too_long_ = false;
          sum_ = 0;
        } else if (c == '+' || c == '-') {
          all.push_back({c == '+' ? GdbInput::Kind::kAck : GdbInput::Kind::kNack});
        } else if (c == kInterrupt) {
          all.push_back({GdbInput::Kind::kInterrupt});
        }
        break;
      case State::kPayload:
      case State::kEscaped:
        if (c == '$') {  // the rest of the last one is lost
          state_ = State::kPayload;
          payload_.clear();
          too_long_ = false;
          sum_ = 0;
          break;
        }
        if (c == '#') {
          too_long_ |= state_ == State::kEscaped;
          state_ = State::kChecksum;
          break;
        }
        sum_ = static_cast<std::uint8_t>(sum_ + byte);
        if (state_ == State::kEscaped) {
          keep(static_cast<char>(c ^ kEscapeBit));
          state_ = State::kPayload;
        } else if (c == kEscape) {
          state_ = State::kEscaped;
        } else {
          keep(c);
        }
        break;
      case State::kChecksum:
        wanted_ = digit(c) < 0 ? -1 : digit(c) << 4;
        state_ = State::kChecksumEnd;
        break;
      case State::kChecksumEnd: {
        state_ = State::kIdle;
        const bool good = !too_long_ && wanted_ >= 0 && digit(c) >= 0 && (wanted_ | digit(c)) == sum_;
        if (good)
          all.push_back({GdbInput::Kind::kPacket, std::exchange(payload_, {})});
        else
          all.push_back({GdbInput::Kind::kDamaged});
        break;
      }
    }
  }
  return all;
}

std::string gdb_frame(std::string_view payload) {
  std::string frame = "$";
  for (const char c : payload) {
    if (c == '$' || c == '#' || c == kEscape || c == '*') {  // '*' would repeat the character before it
      frame.push_back(kEscape);
      frame.push_back(static_cast<char>(c ^ kEscapeBit));
    } else {
      frame.push_back(c);
    }
  }
  std::uint8_t sum = 0;
  for (std::size_t i = 1; i < frame.size(); ++i)
    sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(frame[i]));
  frame.push_back('#');
  frame.push_back(kDigits[sum >> 4]);
  frame.push_back(kDigits[sum & 15]);
  return frame;
}

std::optional<std::uint32_t> parse_hex32(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string to_hex(std::string_view text) {
  return to_hex(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::optional<std::vector<std::uint8_t>> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

}  // namespace espalier::debug
