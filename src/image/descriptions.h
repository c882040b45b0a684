// What ESP-IDF writes of itself into its images: the application's description, at the start of its first
// segment, and (from ESP-IDF v5.2) the bootloader's. Sources: ESP-IDF esp_app_format/include/esp_app_desc.h,
// esp_bootloader_format/include/esp_bootloader_desc.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "image/bytes.h"
#include "image/digest.h"
#include "image/esp_image.h"

namespace espalier::image {

constexpr std::size_t kAppDescriptionSize = 256;
// Of the ELF file's SHA-256 in the description.
constexpr std::size_t kAppElfHashOffset = 144;

struct AppDescription {
  std::uint32_t secure_version = 0;
  std::string version;
  std::string project;
  std::string time;
  std::string date;
  std::string idf_version;
  Sha256 elf_hash{};
};

struct BootloaderDescription {
  std::uint8_t secure_version = 0;
  std::uint32_t version = 0;
  std::string idf_version;
  std::string date_time;
};

// The bytes of an image, from its start, and what parse_image made of them. Nothing if it carries no
// description.
std::optional<AppDescription> app_description(ByteView bytes, const EspImage& image);
std::optional<BootloaderDescription> bootloader_description(ByteView bytes, const EspImage& image);

}  // namespace espalier::image
