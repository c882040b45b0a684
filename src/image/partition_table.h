// ESP-IDF's partition table: up to 95 rows of 32 bytes, an optional row with the MD5 of those before it, and
// an empty row that ends it. It lies at 0x8000 unless a project moves it. Source: ESP-IDF
// bootloader_support/include/esp_flash_partitions.h and src/flash_partitions.c.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "image/bytes.h"

namespace espalier::image {

constexpr std::uint32_t kPartitionTableOffset = 0x8000;
constexpr std::size_t kPartitionTableSize = 0xc00;
constexpr std::size_t kPartitionEntrySize = 32;
constexpr std::uint16_t kPartitionMagic = 0x50aa;  // how a row, and with it a table, begins

struct Partition {
  static constexpr std::uint8_t kApp = 0x00;
  static constexpr std::uint8_t kData = 0x01;

  std::string label{};
  std::uint8_t type = 0;
  std::uint8_t subtype = 0;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  std::uint32_t flags = 0;

  bool is_app() const { return type == kApp; }
  bool encrypted() const { return flags & 1; }
  bool read_only() const { return flags & 2; }
  std::uint64_t end() const { return std::uint64_t{offset} + size; }
  std::string type_name() const;     // "app", "data", ... or "0x40"
  std::string subtype_name() const;  // "factory", "ota_0", "nvs", ... or "0x99"
};

struct PartitionTable {
  std::vector<Partition> partitions;
  bool has_md5 = false;

  const Partition* find(std::string_view label) const;
};

// `bytes` starts with the table. Errors are what makes ESP-IDF's bootloader refuse it: a row with a wrong
// magic number, a partition past the end of the flash, a wrong MD5, no end row.
std::expected<PartitionTable, std::string> parse_partition_table(ByteView bytes, std::uint64_t flash_size);

// What the bootloader lets pass but no sane table has: partitions that overlap each other or the table at
// `table_offset`, applications off a 64 KiB boundary, two partitions of one name. One line each.
std::vector<std::string> partition_table_oddities(const PartitionTable& table, std::uint32_t table_offset);

// Where in the flash a table lies: at 0x8000, or at the first sector after the bootloader's that holds a
// valid one. Nothing if there is none; a damaged one at 0x8000 counts as there.
std::optional<std::uint32_t> find_partition_table(ByteView flash);

// The table as flash bytes, with MD5 row and end row, padded with 0xff to kPartitionTableSize.
Bytes partition_table_bytes(const PartitionTable& table);

}  // namespace espalier::image
