#include "image/partition_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "image/digest.h"
#include "image/text.h"

namespace espalier::image {
namespace {

constexpr std::uint16_t kMd5Magic = 0xebeb;
constexpr std::uint16_t kEndMagic = 0xffff;
constexpr std::size_t kLabelSize = 16;
constexpr std::uint32_t kSector = 0x1000;
constexpr std::uint32_t kAppAlignment = 0x10000;

struct Row {
  std::uint8_t type, subtype;
  std::string_view name;
};

constexpr Row kTypes[] = {
    {0x00, 0, "app"}, {0x01, 0, "data"}, {0x02, 0, "bootloader"}, {0x03, 0, "partition_table"}};

// Source: esp_partition_subtype_t in ESP-IDF esp_partition/include/esp_partition.h.
constexpr Row kSubtypes[] = {
    {0x00, 0x00, "factory"},  {0x00, 0x20, "test"},   {0x00, 0x30, "tee_0"},     {0x00, 0x31, "tee_1"},
    {0x01, 0x00, "ota"},      {0x01, 0x01, "phy"},    {0x01, 0x02, "nvs"},       {0x01, 0x03, "coredump"},
    {0x01, 0x04, "nvs_keys"}, {0x01, 0x05, "efuse"},  {0x01, 0x06, "undefined"}, {0x01, 0x80, "esphttpd"},
    {0x01, 0x81, "fat"},      {0x01, 0x82, "spiffs"}, {0x01, 0x83, "littlefs"},  {0x01, 0x90, "tee_ota"},
    {0x02, 0x00, "primary"},  {0x02, 0x01, "ota"},    {0x02, 0x02, "recovery"},  {0x03, 0x00, "primary"},
    {0x03, 0x01, "ota"},
};

std::string md5_of(ByteView bytes) {
  return hex(md5(bytes));
}

bool looks_like_table(ByteView flash, std::uint64_t offset) {
  auto first = slice(flash, offset, kPartitionEntrySize);
  return first && load16(*first, 0) == kPartitionMagic;
}

void append_entry(Bytes& bytes, const Partition& partition) {
  append16(bytes, kPartitionMagic);
  bytes.push_back(partition.type);
  bytes.push_back(partition.subtype);
  append32(bytes, partition.offset);
  append32(bytes, partition.size);
  std::array<std::uint8_t, kLabelSize> label{};
  std::copy_n(partition.label.begin(), std::min(kLabelSize, partition.label.size()), label.begin());
  bytes.insert(bytes.end(), label.begin(), label.end());
  append32(bytes, partition.flags);
}

}  // namespace

std::string Partition::type_name() const {
  for (const Row& row : kTypes) {
    if (row.type == type) return std::string(row.name);
  }
  return fmt::format("{:#04x}", type);
}

std::string Partition::subtype_name() const {
  for (const Row& row : kSubtypes) {
    if (row.type == type && row.subtype == subtype) return std::string(row.name);
  }
  if (is_app() && subtype >= 0x10 && subtype < 0x20) return fmt::format("ota_{}", subtype - 0x10);
  return fmt::format("{:#04x}", subtype);
}

const Partition* PartitionTable::find(std::string_view label) const {
  auto found = std::ranges::find(partitions, label, &Partition::label);
  return found == partitions.end() ? nullptr : &*found;
}

std::expected<PartitionTable, std::string> parse_partition_table(ByteView bytes, std::uint64_t flash_size) {
  PartitionTable table;
  for (std::size_t offset = 0; offset < kPartitionTableSize; offset += kPartitionEntrySize) {
    std::size_t index = offset / kPartitionEntrySize;
    auto entry = slice(bytes, offset, kPartitionEntrySize);
    if (!entry)
      return std::unexpected(fmt::format("is cut short: it ends before row {} and its end row", index));
    std::uint16_t magic = load16(*entry, 0);
    if (magic == kPartitionMagic) {
      Partition partition{.label = printable(entry->subspan(12, kLabelSize)),
                          .type = (*entry)[2],
                          .subtype = (*entry)[3],
                          .offset = load32(*entry, 4),
                          .size = load32(*entry, 8),
                          .flags = load32(*entry, 28)};
      if (partition.end() > flash_size) {
        return std::unexpected(fmt::format(
            "points past the flash: partition '{}' is {:#x} bytes at {:#x}, but the flash ends at {:#x}",
            partition.label, partition.size, partition.offset, flash_size));
      }
      table.partitions.push_back(std::move(partition));
    } else if (magic == kMd5Magic) {
      if (table.has_md5) return std::unexpected(fmt::format("has a second MD5 in row {}", index));
      std::string stored = hex(entry->subspan(16, sizeof(Md5)));
      std::string computed = md5_of(bytes.first(offset));
      if (stored != computed) {
        return std::unexpected(
            fmt::format("is damaged: its MD5 is {}, the one stored is {}", computed, stored));
      }
      table.has_md5 = true;
    } else if (magic == kEndMagic && (*entry)[2] == 0xff && (*entry)[3] == 0xff && index != 0) {
      return table;
    } else if (index == 0) {
      return std::unexpected(
          fmt::format("is no partition table: it begins with {:#06x}, not {:#06x}", magic, kPartitionMagic));
    } else {
      return std::unexpected(
          fmt::format("is damaged: row {} begins with {:#06x}, which means nothing", index, magic));
    }
  }
  return std::unexpected("is damaged: no end row among its 96");
}

std::vector<std::string> partition_table_oddities(const PartitionTable& table, std::uint32_t table_offset) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < table.partitions.size(); ++i) {
    const Partition& one = table.partitions[i];
    if (one.is_app() && one.offset % kAppAlignment != 0) {
      lines.push_back(fmt::format("application partition '{}' at {:#x} is not on a 64 KiB boundary",
                                  one.label, one.offset));
    }
    bool names_table = one.type == 0x03;
    if (!names_table && one.size != 0 && one.offset < table_offset + kSector && one.end() > table_offset) {
      lines.push_back(fmt::format("partition '{}' ({:#x} to {:#x}) overlaps the partition table at {:#x}",
                                  one.label, one.offset, one.end(), table_offset));
    }
    for (std::size_t j = 0; j < i; ++j) {
      const Partition& other = table.partitions[j];
      if (one.label == other.label) lines.push_back(fmt::format("two partitions are named '{}'", one.label));
      if (one.offset < other.end() && other.offset < one.end()) {
        lines.push_back(fmt::format("partition '{}' ({:#x} to {:#x}) overlaps '{}' ({:#x} to {:#x})",
                                    one.label, one.offset, one.end(), other.label, other.offset,
                                    other.end()));
      }
    }
  }
  return lines;
}

std::optional<std::uint32_t> find_partition_table(ByteView flash) {
  if (looks_like_table(flash, kPartitionTableOffset)) return kPartitionTableOffset;
  // The table comes after the bootloader, which is at 0x1000.
  for (std::uint64_t offset = 0x2000; offset < flash.size(); offset += kSector) {
    if (!looks_like_table(flash, offset)) continue;
    if (parse_partition_table(flash.subspan(static_cast<std::size_t>(offset)), flash.size())) {
      return static_cast<std::uint32_t>(offset);
    }
  }
  return std::nullopt;
}

Bytes partition_table_bytes(const PartitionTable& table) {
  Bytes bytes;
  for (const Partition& partition : table.partitions) append_entry(bytes, partition);
  if (table.has_md5) {
    Md5 sum = md5(bytes);
    append16(bytes, kMd5Magic);
    bytes.insert(bytes.end(), kPartitionEntrySize - sizeof(Md5) - 2, 0xff);
    bytes.insert(bytes.end(), sum.begin(), sum.end());
  }
  bytes.resize(std::max(bytes.size() + kPartitionEntrySize, kPartitionTableSize), 0xff);
  return bytes;
}

}  // namespace espalier::image
