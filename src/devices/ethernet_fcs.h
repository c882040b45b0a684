// Ethernet's frame check sequence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace espalier::devices {

namespace ethernet_fcs_detail {
// Four tables, so that four bytes go through at a time: a full frame costs about a microsecond.
inline constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 4> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    t[0][i] = c;
  }
  for (std::size_t k = 1; k < 4; ++k)
    for (std::size_t i = 0; i < 256; ++i) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
  return t;
}();
}  // namespace ethernet_fcs_detail

// IEEE 802.3's CRC-32 of a frame; its least significant byte goes onto the wire first.
constexpr std::uint32_t ethernet_fcs(std::span<const std::uint8_t> frame) {
  const auto& t = ethernet_fcs_detail::kTables;
  std::uint32_t c = ~0u;
  std::size_t i = 0;
  for (; i + 4 <= frame.size(); i += 4) {
    c = t[3][(c ^ frame[i]) & 0xff] ^ t[2][(c >> 8 ^ frame[i + 1]) & 0xff] ^
        t[1][(c >> 16 ^ frame[i + 2]) & 0xff] ^ t[0][c >> 24 ^ frame[i + 3]];
  }
  for (; i < frame.size(); ++i) c = t[0][(c ^ frame[i]) & 0xff] ^ c >> 8;
  return ~c;
}

// Which of the 64 bits of a MAC's multicast filter an address falls on: the upper six bits of the same CRC's
// shift register, most significant bit first, before the final inversion (OpenCores Ethernet MAC
// specification, "HASH0").
constexpr unsigned multicast_hash_bit(std::span<const std::uint8_t, 6> address) {
  const std::uint32_t low = ~ethernet_fcs(address);
  unsigned bit = 0;
  for (unsigned i = 0; i < 6; ++i) bit = bit << 1 | (low >> i & 1);
  return bit;
}

}  // namespace espalier::devices
