// What the eFuses of an ESP32 hold.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

namespace espalier::devices {

// The fuses of blocks 0 (7 words), 1, 2 and 3 (8 words each), in this order: the 124 bytes, little-endian, of
// the eFuse files that Espressif's QEMU and espefuse use. Blocks 1 to 3 are as burnt, before any decoding.
using EfuseValues = std::array<std::uint32_t, 31>;
// Index of the first word of each block.
inline constexpr std::array<unsigned, 4> kEfuseBlock = {0, 7, 15, 23};

using MacAddress = std::array<std::uint8_t, 6>;

// The check byte that stands beside a MAC address in eFuse: CRC-8 with x^8 + x^5 + x^4 + 1, bit-reflected,
// from 0 (the ROM's esp_crc8()).
std::uint8_t mac_crc8(const MacAddress& mac);

// A chip as it leaves the factory: ESP32-D0WDQ6, revision v3.1 (as far as eFuses tell; the third revision bit
// is in APB_CTRL_DATE_REG), rated for 240 MHz, both cores, this MAC address, an ADC reference of 1128 mV, no
// keys, nothing protected, no flash encryption, no coding.
EfuseValues factory_efuses(const MacAddress& mac);
// Puts another MAC address and its check byte into existing values.
void set_mac(EfuseValues& values, const MacAddress& mac);
MacAddress mac_of(const EfuseValues& values);

// An eFuse file's contents, and back. A file of any other length than 124 bytes is refused.
inline constexpr std::size_t kEfuseFileSize = sizeof(EfuseValues);
std::expected<EfuseValues, std::string> parse_efuse_file(std::span<const std::uint8_t> bytes);
std::array<std::uint8_t, kEfuseFileSize> efuse_file_of(const EfuseValues& values);

}  // namespace espalier::devices
