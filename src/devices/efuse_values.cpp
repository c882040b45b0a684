#include "devices/efuse_values.h"

#include <fmt/format.h>

namespace espalier::devices {

namespace {

// Fields of block 0 (ESP-IDF components/efuse/esp32/esp_efuse_table.csv).
constexpr std::uint32_t EFUSE_RD_CHIP_CPU_FREQ_RATED = 1u << 13;  // word 3
constexpr std::uint32_t EFUSE_RD_CHIP_VER_REV1 = 1u << 15;        // word 3
constexpr unsigned EFUSE_RD_ADC_VREF_S = 8;                       // word 4; 1100 mV and 7 mV a step
constexpr std::uint32_t EFUSE_RD_CHIP_VER_REV2 = 1u << 20;        // word 5
constexpr unsigned EFUSE_RD_WAFER_VERSION_MINOR_S = 24;           // word 5

}  // namespace

std::uint8_t mac_crc8(const MacAddress& mac) {
  std::uint8_t crc = 0;
  for (const std::uint8_t byte : mac) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = static_cast<std::uint8_t>(crc & 1 ? crc >> 1 ^ 0x8c : crc >> 1);
  }
  return crc;
}

void set_mac(EfuseValues& values, const MacAddress& mac) {
  values[1] = std::uint32_t{mac[2]} << 24 | std::uint32_t{mac[3]} << 16 | std::uint32_t{mac[4]} << 8 | mac[5];
  values[2] =
      (values[2] & 0xff000000) | std::uint32_t{mac_crc8(mac)} << 16 | std::uint32_t{mac[0]} << 8 | mac[1];
}

MacAddress mac_of(const EfuseValues& values) {
  const auto byte = [&](unsigned word, unsigned shift) {
    return static_cast<std::uint8_t>(values[word] >> shift);
  };
  return {byte(2, 8), byte(2, 0), byte(1, 24), byte(1, 16), byte(1, 8), byte(1, 0)};
}

std::expected<EfuseValues, std::string> parse_efuse_file(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != kEfuseFileSize) {
    return std::unexpected(
        fmt::format("has {} bytes: an ESP32's eFuse file has {}", bytes.size(), kEfuseFileSize));
  }
  EfuseValues values{};
  for (std::size_t i = 0; i < bytes.size(); ++i) values[i / 4] |= std::uint32_t{bytes[i]} << i % 4 * 8;
  return values;
}

std::array<std::uint8_t, kEfuseFileSize> efuse_file_of(const EfuseValues& values) {
  std::array<std::uint8_t, kEfuseFileSize> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(values[i / 4] >> i % 4 * 8);
  }
  return bytes;
}

EfuseValues factory_efuses(const MacAddress& mac) {
  EfuseValues values{};
  set_mac(values, mac);
  values[3] = EFUSE_RD_CHIP_VER_REV1 | EFUSE_RD_CHIP_CPU_FREQ_RATED;  // package 0: ESP32-D0WDQ6
  // The fast RC oscillator's frequency in units of 100 kHz (EFUSE_RD_CK8M_FREQ): the ROM recognises the crystal by it,
  // and with 0 takes 40 MHz for 26 MHz, so that its delays are a third of what they should be.
  values[4] = 4u << EFUSE_RD_ADC_VREF_S | 80u;
  values[5] = EFUSE_RD_CHIP_VER_REV2 | 1u << EFUSE_RD_WAFER_VERSION_MINOR_S;
  return values;
}

}  // namespace espalier::devices
