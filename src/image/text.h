// Text that comes out of a file and goes to a terminal.
#pragma once

#include <string>
#include <string_view>

#include "image/bytes.h"

namespace espalier::image {

// A fixed-size text field of an image: up to its first NUL, with what is not printable ASCII as '?'.
inline std::string printable(ByteView field) {
  std::string text;
  for (std::uint8_t byte : field) {
    if (byte == 0) break;
    text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '?';
  }
  return text;
}

// A message with somebody else's text in it: control characters, line ends among them, as '?'.
inline std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

}  // namespace espalier::image
