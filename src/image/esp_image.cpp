#include "image/esp_image.h"

#include <fmt/format.h>

#include <algorithm>

namespace espalier::image {
namespace {

struct MemoryRange {
  std::uint32_t begin, end;  // end is the first address past it
  MemoryKind kind;
};

// In ascending order.
constexpr MemoryRange kMemory[] = {
    {0x00000000, 0x00000004, MemoryKind::kPadding},     {0x3f400000, 0x3f800000, MemoryKind::kDrom},
    {0x3f800000, 0x3fc00000, MemoryKind::kExternalRam}, {0x3ff80000, 0x3ff82000, MemoryKind::kRtcFastData},
    {0x3ff90000, 0x3ffa0000, MemoryKind::kRom},         {0x3ffae000, 0x3ffe0000, MemoryKind::kSram2},
    {0x3ffe0000, 0x40000000, MemoryKind::kSram1Data},   {0x40000000, 0x40070000, MemoryKind::kRom},
    {0x40070000, 0x40078000, MemoryKind::kCachePro},    {0x40078000, 0x40080000, MemoryKind::kCacheApp},
    {0x40080000, 0x400a0000, MemoryKind::kSram0},       {0x400a0000, 0x400c0000, MemoryKind::kSram1Code},
    {0x400c0000, 0x400c2000, MemoryKind::kRtcFastCode}, {0x400d0000, 0x40400000, MemoryKind::kIrom},
    {0x50000000, 0x50002000, MemoryKind::kRtcSlow},
};

constexpr std::string_view kMemoryNames[] = {
    "padding",      "DROM (mapped)", "external RAM",  "RTC fast data", "DRAM (SRAM2)",
    "DRAM (SRAM1)", "ROM",           "PRO cache RAM", "APP cache RAM", "IRAM (SRAM0)",
    "IRAM (SRAM1)", "RTC fast code", "IROM (mapped)", "RTC slow",      "unknown memory"};

struct Chip {
  std::uint16_t id;
  std::string_view name;
};
// Source: esp_chip_id_t in ESP-IDF esp_app_format.h.
constexpr Chip kChips[] = {{0x00, "ESP32"},     {0x02, "ESP32-S2"}, {0x05, "ESP32-C3"},  {0x09, "ESP32-S3"},
                           {0x0c, "ESP32-C2"},  {0x0d, "ESP32-C6"}, {0x10, "ESP32-H2"},  {0x12, "ESP32-P4"},
                           {0x14, "ESP32-C61"}, {0x17, "ESP32-C5"}, {0x19, "ESP32-H21"}, {0x1c, "ESP32-H4"},
                           {0x20, "ESP32-S31"}};

ImageHeader parse_header(ByteView bytes) {
  ImageHeader header;
  header.segment_count = bytes[1];
  header.flash = {.mode = bytes[2],
                  .frequency = static_cast<std::uint8_t>(bytes[3] & 15),
                  .size = static_cast<std::uint8_t>(bytes[3] >> 4)};
  header.entry = load32(bytes, 4);
  header.wp_pin = bytes[8];
  std::copy_n(bytes.begin() + 9, 3, header.spi_pin_drive.begin());
  header.chip_id = load16(bytes, 12);
  header.min_revision = bytes[14];
  header.min_revision_full = load16(bytes, 15);
  header.max_revision_full = load16(bytes, 17);
  header.hash_appended = bytes[23] == 1;
  return header;
}

}  // namespace

MemoryKind memory_kind(std::uint32_t address) {
  for (const MemoryRange& range : kMemory) {
    if (address >= range.begin && address < range.end) return range.kind;
  }
  return MemoryKind::kElsewhere;
}

std::string_view name_of(MemoryKind kind) {
  return kMemoryNames[static_cast<std::size_t>(kind)];
}

bool EspImage::has_mapped_segment() const {
  return std::ranges::any_of(segments, [](const ImageSegment& s) { return is_flash_mapped(s.kind()); });
}

std::uint8_t image_checksum(ByteView bytes, std::uint8_t seed) {
  for (std::uint8_t byte : bytes) seed ^= byte;
  return seed;
}

std::expected<EspImage, std::string> parse_image(ByteView bytes) {
  if (bytes.empty()) return std::unexpected("is empty");
  if (bytes[0] != kImageMagic) {
    return std::unexpected(
        fmt::format("is no ESP image: it begins with {:#04x}, not {:#04x}", bytes[0], kImageMagic));
  }
  if (bytes.size() < kImageHeaderSize) {
    return std::unexpected(
        fmt::format("is cut short: {} bytes of a {}-byte image header", bytes.size(), kImageHeaderSize));
  }
  EspImage image;
  image.header = parse_header(bytes);
  if (image.header.segment_count == 0 || image.header.segment_count > kMaxSegments) {
    return std::unexpected(fmt::format("has a damaged image header: {} segments (1 to {} are possible)",
                                       image.header.segment_count, kMaxSegments));
  }
  std::uint64_t position = kImageHeaderSize;
  image.computed_checksum = kChecksumSeed;
  for (unsigned index = 0; index < image.header.segment_count; ++index) {
    auto segment_header = slice(bytes, position, kSegmentHeaderSize);
    if (!segment_header) {
      return std::unexpected(
          fmt::format("is cut short: it ends before segment {} of {}", index, image.header.segment_count));
    }
    position += kSegmentHeaderSize;
    ImageSegment segment{.address = load32(*segment_header, 0),
                         .size = load32(*segment_header, 4),
                         .offset = static_cast<std::uint32_t>(position)};
    auto data = slice(bytes, position, segment.size);
    if (!data) {
      return std::unexpected(fmt::format(
          "is cut short or damaged: segment {} of {} has {:#x} bytes for {:#010x}, of which {:#x} are there",
          index, image.header.segment_count, segment.size, segment.address, bytes.size() - position));
    }
    if (segment.size % 4 != 0) {
      return std::unexpected(
          fmt::format("has a damaged segment {}: its length {:#x} is no multiple of 4", index, segment.size));
    }
    image.computed_checksum = image_checksum(*data, image.computed_checksum);
    position += segment.size;
    image.segments.push_back(segment);
  }
  std::uint64_t checksum_at = position | 15;
  auto hashed = slice(bytes, 0, checksum_at + 1);
  if (!hashed) {
    return std::unexpected("is cut short: it ends before its checksum");
  }
  image.stored_checksum = hashed->back();
  image.size = static_cast<std::uint32_t>(hashed->size());
  if (image.header.hash_appended) {
    auto stored = slice(bytes, hashed->size(), sizeof(Sha256));
    if (!stored) {
      return std::unexpected("is cut short: it ends before its SHA-256");
    }
    image.stored_hash.emplace();
    std::ranges::copy(*stored, image.stored_hash->begin());
    image.computed_hash = sha256(*hashed);
    image.size += sizeof(Sha256);
  }
  return image;
}

void append_header(Bytes& bytes, const ImageHeader& header) {
  bytes.push_back(kImageMagic);
  bytes.push_back(header.segment_count);
  bytes.push_back(header.flash.mode);
  bytes.push_back(static_cast<std::uint8_t>(header.flash.size << 4 | (header.flash.frequency & 15)));
  append32(bytes, header.entry);
  bytes.push_back(header.wp_pin);
  bytes.insert(bytes.end(), header.spi_pin_drive.begin(), header.spi_pin_drive.end());
  append16(bytes, header.chip_id);
  bytes.push_back(header.min_revision);
  append16(bytes, header.min_revision_full);
  append16(bytes, header.max_revision_full);
  append32(bytes, 0);
  bytes.push_back(header.hash_appended ? 1 : 0);
}

std::string chip_name(std::uint16_t chip_id) {
  for (const Chip& chip : kChips) {
    if (chip.id == chip_id) return std::string(chip.name);
  }
  return fmt::format("chip {:#06x}", chip_id);
}

std::string revision_name(std::uint16_t revision) {
  return fmt::format("v{}.{}", revision / 100, revision % 100);
}

bool apply_flash_settings(std::span<std::uint8_t> bytes, const FlashSettingsRequest& request) {
  auto image = parse_image(bytes);
  if (!image || !image->checksum_matches()) return false;
  FlashSettings flash = image->header.flash;
  flash.mode = request.mode.value_or(flash.mode);
  flash.frequency = request.frequency.value_or(flash.frequency);
  flash.size = request.size.value_or(flash.size);
  std::uint8_t second = static_cast<std::uint8_t>(flash.size << 4 | (flash.frequency & 15));
  if (bytes[2] == flash.mode && bytes[3] == second) return true;
  bytes[2] = flash.mode;
  bytes[3] = second;
  if (image->header.hash_appended) {
    std::size_t hash_at = image->size - sizeof(Sha256);
    std::ranges::copy(sha256(bytes.first(hash_at)), bytes.begin() + static_cast<std::ptrdiff_t>(hash_at));
  }
  return true;
}

}  // namespace espalier::image
