#include "image/flash_settings.h"

#include <fmt/format.h>

#include <charconv>

namespace espalier::image {

std::optional<std::uint32_t> flash_size_of_code(std::uint8_t code) {
  if (code >= kFlashSizes.size()) return std::nullopt;
  return (1u << 20) << code;
}

std::expected<std::uint32_t, std::string> parse_flash_size(std::string_view text) {
  std::uint64_t value = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  if (error == std::errc() && (unit == "M" || unit == "MB" || unit == "MiB" || unit == "m") && value <= 16) {
    value <<= 20;
    unit = {};
  }
  for (std::uint32_t size = 1u << 20; size <= kLargestFlash; size *= 2) {
    if (error == std::errc() && unit.empty() && value == size) return size;
  }
  return std::unexpected(fmt::format("'{}' is no flash size: 1M, 2M, 4M, 8M or 16M", text));
}

}  // namespace espalier::image
