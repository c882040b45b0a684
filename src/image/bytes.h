// Little-endian reading of byte ranges that may come from a hostile file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace espalier::image {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// The `size` bytes from `offset` on, if all of them lie inside `bytes`. 64-bit arguments, so that a sum of
// two 32-bit fields of a file cannot wrap round.
inline std::optional<ByteView> slice(ByteView bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

// These trust the caller to have made sure that the bytes are there (slice()).
inline std::uint16_t load16(ByteView bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(bytes[offset] | bytes[offset + 1] << 8);
}
inline std::uint32_t load32(ByteView bytes, std::size_t offset) {
  return bytes[offset] | static_cast<std::uint32_t>(bytes[offset + 1]) << 8 |
         static_cast<std::uint32_t>(bytes[offset + 2]) << 16 |
         static_cast<std::uint32_t>(bytes[offset + 3]) << 24;
}

inline void append16(Bytes& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value));
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
}
inline void append32(Bytes& bytes, std::uint32_t value) {
  append16(bytes, static_cast<std::uint16_t>(value));
  append16(bytes, static_cast<std::uint16_t>(value >> 16));
}

}  // namespace espalier::image
