// SHA-256 and MD5, as ESP images and partition tables carry them. The work is libcrypto's.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "image/bytes.h"

namespace espalier::image {

using Sha256 = std::array<std::uint8_t, 32>;
using Md5 = std::array<std::uint8_t, 16>;

Sha256 sha256(ByteView bytes);
Md5 md5(ByteView bytes);

// Lower-case hexadecimal, two digits a byte.
std::string hex(ByteView bytes);

}  // namespace espalier::image
