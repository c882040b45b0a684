#include "net/ethernet_address.h"

#include <fmt/format.h>

namespace espalier::net {

EthernetAddress ethernet_address(Frame frame, std::size_t at) {
  EthernetAddress address = 0;
  for (std::size_t i = 0; i < 6; ++i) address = address << 8 | frame[at + i];
  return address;
}

std::string text_of(EthernetAddress address) {
  std::string text;
  for (int shift = 40; shift >= 0; shift -= 8)
    text += fmt::format("{}{:02x}", text.empty() ? "" : ":", address >> shift & 0xff);
  return text;
}

}  // namespace espalier::net
