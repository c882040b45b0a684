// The ESP image format: what bootloaders and applications are in flash. A 24-byte header, up to 16 segments,
// each with an 8-byte header, padding up to the last byte of a 16-byte line, which is the checksum, and,
// where the header says so, the SHA-256 of everything before it. Source: ESP-IDF
// bootloader_support/include/esp_app_format.h and src/esp_image_format.c.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "image/bytes.h"
#include "image/digest.h"
#include "image/flash_settings.h"

namespace espalier::image {

constexpr std::uint8_t kImageMagic = 0xe9;
constexpr std::uint8_t kChecksumSeed = 0xef;
constexpr std::size_t kImageHeaderSize = 24;
constexpr std::size_t kSegmentHeaderSize = 8;
constexpr std::size_t kMaxSegments = 16;
constexpr std::uint16_t kChipIdEsp32 = 0;
// The page of the flash cache's MMU: a mapped segment's address and offset agree modulo this.
constexpr std::uint32_t kFlashPage = 0x10000;

struct ImageHeader {
  std::uint8_t segment_count = 0;
  FlashSettings flash{};
  std::uint32_t entry = 0;
  std::uint8_t wp_pin = 0xee;  // 0xee: not set here
  std::array<std::uint8_t, 3> spi_pin_drive{};
  std::uint16_t chip_id = kChipIdEsp32;
  std::uint8_t min_revision = 0;        // before chip revisions had a minor part
  std::uint16_t min_revision_full = 0;  // major * 100 + minor
  std::uint16_t max_revision_full = 0;  // the same; 0 in images older than the field, 65535 for no bound
  bool hash_appended = false;
};

// Where the ESP32 shows an address range, as far as a loader cares. Source: ESP32 TRM, "System and Memory".
enum class MemoryKind : std::uint8_t {
  kPadding,      // address 0: bytes that only move the next segment into place
  kDrom,         // flash seen as data: mapped, not loaded
  kExternalRam,  // PSRAM
  kRtcFastData,
  kSram2,      // data bus only
  kSram1Data,  // SRAM1 on the data bus
  kRom,
  kCachePro,  // SRAM0's first 64 KiB: cache memory, free for the bootloader's code until the cache is on
  kCacheApp,
  kSram0,
  kSram1Code,  // SRAM1 on the instruction bus, in reversed order
  kRtcFastCode,
  kIrom,  // flash seen as instructions: mapped, not loaded
  kRtcSlow,
  kElsewhere,
};
MemoryKind memory_kind(std::uint32_t address);
std::string_view name_of(MemoryKind kind);
inline bool is_flash_mapped(MemoryKind kind) {
  return kind == MemoryKind::kDrom || kind == MemoryKind::kIrom;
}

struct ImageSegment {
  std::uint32_t address = 0;  // where it is loaded, or mapped
  std::uint32_t size = 0;
  std::uint32_t offset = 0;  // of its data, from the start of the image
  MemoryKind kind() const { return memory_kind(address); }
};

struct EspImage {
  ImageHeader header;
  std::vector<ImageSegment> segments;
  std::uint8_t stored_checksum = 0;
  std::uint8_t computed_checksum = 0;
  std::optional<Sha256> stored_hash;  // both are there if the header says that a hash is appended
  std::optional<Sha256> computed_hash;
  std::uint32_t size = 0;  // of all of it: header to checksum, or to hash

  bool checksum_matches() const { return stored_checksum == computed_checksum; }
  bool hash_matches() const { return stored_hash == computed_hash; }
  bool has_mapped_segment() const;
};

// Reads the image that starts at the first byte of `bytes`; what follows it is not looked at. A wrong
// checksum or hash is not an error here (the fields tell); a structure that cannot be followed is.
std::expected<EspImage, std::string> parse_image(ByteView bytes);

// The 24 bytes of a header.
void append_header(Bytes& bytes, const ImageHeader& header);

// XOR of all bytes over `seed`.
std::uint8_t image_checksum(ByteView bytes, std::uint8_t seed = kChecksumSeed);

// "ESP32", "ESP32-S3", ... or "chip 0x1234".
std::string chip_name(std::uint16_t chip_id);

// "v3.1" for 301.
std::string revision_name(std::uint16_t revision);

// Changes the flash settings in an image's header as esptool's write_flash does, and its appended hash with
// them. `bytes` starts with the image. False, and nothing changed, if it is not a whole image with a good
// checksum.
bool apply_flash_settings(std::span<std::uint8_t> bytes, const FlashSettingsRequest& request);

}  // namespace espalier::image
