// The part of TELNET (RFC 854, 857, 858, 856) that a serial line behind it needs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace espalier::base {

// A server that echoes, suppresses go-ahead and is binary; it asks for no more and refuses nothing.
class TelnetServer {
 public:
  // What a client is sent first.
  static std::vector<std::uint8_t> greeting();
  // The user's bytes in what has come from the client; commands are taken out. Commands may be split.
  std::vector<std::uint8_t> decode(std::span<const std::uint8_t> bytes);
  // IAC doubled.
  static std::vector<std::uint8_t> encode(std::span<const std::uint8_t> bytes);

 private:
  enum class State : std::uint8_t { kData, kCommand, kOption, kSubnegotiation, kSubnegotiationCommand };
  State state_ = State::kData;
  bool after_cr_ = false;
};

}  // namespace espalier::base
