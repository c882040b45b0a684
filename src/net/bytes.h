// Numbers in network byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace espalier::net {

// The caller knows that they are there.
inline std::uint16_t get_u16(std::span<const std::uint8_t> from, std::size_t at) {
  return static_cast<std::uint16_t>(from[at] << 8 | from[at + 1]);
}
inline std::uint32_t get_u32(std::span<const std::uint8_t> from, std::size_t at) {
  return static_cast<std::uint32_t>(get_u16(from, at)) << 16 | get_u16(from, at + 2);
}
inline void set_u16(std::span<std::uint8_t> to, std::size_t at, std::uint32_t value) {
  to[at] = static_cast<std::uint8_t>(value >> 8);
  to[at + 1] = static_cast<std::uint8_t>(value);
}
inline void add_u16(std::vector<std::uint8_t>& to, std::uint32_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void add_u32(std::vector<std::uint8_t>& to, std::uint32_t value) {
  add_u16(to, value >> 16);
  add_u16(to, value);
}
// The lowest `count` bytes of it.
inline void add_uint(std::vector<std::uint8_t>& to, std::uint64_t value, unsigned count) {
  while (count-- != 0) to.push_back(static_cast<std::uint8_t>(value >> 8 * count));
}

// Internet checksum (RFC 1071), begun with `sum`.
inline std::uint16_t internet_checksum(std::span<const std::uint8_t> data, std::uint32_t sum = 0) {
  std::size_t i = 0;
  for (; i + 1 < data.size(); i += 2) sum += get_u16(data, i);
  if (i < data.size()) sum += static_cast<std::uint32_t>(data[i] << 8);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace espalier::net
