// What bytes 2 and 3 of an ESP image header say of the flash chip: read mode, clock and size, with the names
// esptool gives them. Source: ESP-IDF bootloader_support/include/esp_app_format.h.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::image {

struct NamedCode {
  std::uint8_t code;
  std::string_view name;
};

constexpr std::array<NamedCode, 6> kFlashModes{
    {{0, "qio"}, {1, "qout"}, {2, "dio"}, {3, "dout"}, {4, "fastrd"}, {5, "slowrd"}}};
constexpr std::array<NamedCode, 4> kFlashFrequencies{
    {{0x0, "40m"}, {0x1, "26m"}, {0x2, "20m"}, {0xf, "80m"}}};
constexpr std::array<NamedCode, 8> kFlashSizes{
    {{0, "1MB"}, {1, "2MB"}, {2, "4MB"}, {3, "8MB"}, {4, "16MB"}, {5, "32MB"}, {6, "64MB"}, {7, "128MB"}}};

// The largest flash chip that the ESP32 addresses with 24-bit commands, and the largest that is modelled.
constexpr std::uint32_t kLargestFlash = 16u << 20;

// The three settings as an image header has them.
struct FlashSettings {
  std::uint8_t mode = 0;       // byte 2
  std::uint8_t frequency = 0;  // byte 3, low half
  std::uint8_t size = 0;       // byte 3, high half
};

// The same as a tool is asked for them: what is absent stays as it is in the image ("keep" and "detect").
struct FlashSettingsRequest {
  std::optional<std::uint8_t> mode{}, frequency{}, size{};
};

// Bytes of a flash chip of that size code; nothing for a code that has no meaning.
std::optional<std::uint32_t> flash_size_of_code(std::uint8_t code);

// The name of a code in one of the tables above, or "unknown (N)".
template <std::size_t kCount>
std::string name_of_code(const std::array<NamedCode, kCount>& table, std::uint8_t code) {
  for (const NamedCode& row : table) {
    if (row.code == code) return std::string(row.name);
  }
  return "unknown (" + std::to_string(code) + ")";
}

// The code of a name in one of the tables; the error lists the names there are.
template <std::size_t kCount>
std::expected<std::uint8_t, std::string> code_of_name(const std::array<NamedCode, kCount>& table,
                                                      std::string_view name) {
  std::string known;
  for (const NamedCode& row : table) {
    if (row.name == name) return row.code;
    if (!known.empty()) known += ", ";
    known += row.name;
  }
  return std::unexpected("'" + std::string(name) + "' is none of " + known);
}

// The size of a flash chip in bytes: 1, 2, 4, 8 or 16 MiB, spelled "4M", "4MB", "4MiB" or in bytes.
std::expected<std::uint32_t, std::string> parse_flash_size(std::string_view text);

}  // namespace espalier::image
