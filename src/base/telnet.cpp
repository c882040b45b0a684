#include "base/telnet.h"

namespace espalier::base {
namespace {

enum Command : std::uint8_t { kSe = 240, kSb = 250, kWill = 251, kDont = 254, kIac = 255 };
enum Option : std::uint8_t { kBinary = 0, kEcho = 1, kSuppressGoAhead = 3 };
constexpr std::uint8_t kDo = 253;

}  // namespace

std::vector<std::uint8_t> TelnetServer::greeting() {
  return {kIac, kWill, kEcho, kIac, kWill, kSuppressGoAhead, kIac, kWill, kBinary, kIac, kDo, kBinary};
}

std::vector<std::uint8_t> TelnetServer::decode(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> data;
  for (const std::uint8_t byte : bytes) {
    switch (state_) {
      case State::kData:
        if (byte == kIac) {
          state_ = State::kCommand;
        } else if (byte == 0 && after_cr_) {
          after_cr_ = false;  // "CR NUL" is a carriage return on its own
        } else {
          after_cr_ = byte == '\r';
          data.push_back(byte);
        }
        break;
      case State::kCommand:
        state_ = State::kData;
        if (byte == kIac)
          data.push_back(kIac);
        else if (byte == kSb)
          state_ = State::kSubnegotiation;
        else if (byte >= kWill && byte <= kDont)
          state_ = State::kOption;
        break;
      case State::kOption:
        state_ = State::kData;
        break;
      case State::kSubnegotiation:
        if (byte == kIac) state_ = State::kSubnegotiationCommand;
        break;
      case State::kSubnegotiationCommand:
        state_ = byte == kSe ? State::kData : State::kSubnegotiation;
        break;
    }
  }
  return data;
}

std::vector<std::uint8_t> TelnetServer::encode(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> data;
  data.reserve(bytes.size());
  for (const std::uint8_t byte : bytes) {
    data.push_back(byte);
    if (byte == kIac) data.push_back(kIac);
  }
  return data;
}

}  // namespace espalier::base
