#include "image/flash_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>
#include <vector>

#include "image/build_folder.h"
#include "image/esp_image.h"
#include "image/file.h"
#include "image/flash_settings.h"
#include "image/partition_table.h"

namespace espalier::image {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kSmallestFlash = 1u << 20;

std::unexpected<std::string> wrong(const std::string& name, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}", name, what));
}

// Fills `bytes` up to a chip's size.
std::expected<FlashImage, std::string> padded(FlashImage image, const FlashImageOptions& options) {
  std::uint64_t size = std::max<std::uint64_t>(std::bit_ceil(image.bytes.size()), kSmallestFlash);
  if (size > kLargestFlash) {
    return wrong(image.name, fmt::format("is {} bytes, more than the 16 MiB of the largest flash chip",
                                         image.bytes.size()));
  }
  auto header = slice(image.bytes, kBootloaderOffset, kImageHeaderSize);
  if (options.flash_size) {
    if (image.bytes.size() > *options.flash_size) {
      return wrong(image.name, fmt::format("is {} bytes, more than the flash of {} MiB asked for",
                                           image.bytes.size(), *options.flash_size >> 20));
    }
    size = *options.flash_size;
  } else if (header && (*header)[0] == kImageMagic) {
    // A size that no chip here has (32 MiB and more) is left to the firmware, which checks the chip itself.
    auto claimed = flash_size_of_code((*header)[3] >> 4);
    if (claimed && *claimed <= kLargestFlash) size = std::max<std::uint64_t>(size, *claimed);
  }
  image.data_end = static_cast<std::uint32_t>(image.bytes.size());
  image.bytes.resize(static_cast<std::size_t>(size), 0xff);
  return image;
}

// A file that begins with an ESP image: is it the bootloader, to be moved to where the ROM looks for it?
// `false` means that the file is flash from offset 0 on.
std::expected<bool, std::string> begins_with_bootloader(ByteView bytes) {
  if (bytes.empty() || bytes[0] != kImageMagic) return false;
  auto at_boot_offset = slice(bytes, kBootloaderOffset, 1);
  if (at_boot_offset && (*at_boot_offset)[0] == kImageMagic &&
      parse_image(bytes.subspan(kBootloaderOffset))) {
    return false;
  }
  auto image = parse_image(bytes);
  if (!image) return std::unexpected(image.error());
  if (image->header.chip_id != kChipIdEsp32) {
    return std::unexpected(fmt::format("is for the {}, not for the ESP32", chip_name(image->header.chip_id)));
  }
  if (image->has_mapped_segment()) {
    return std::unexpected(
        "is an application image alone, without bootloader and partition table: name the build folder, or a "
        "merged "
        "image");
  }
  return true;
}

std::expected<FlashImage, std::string> from_folder(const fs::path& path, const FlashImageOptions& options) {
  auto folder = read_build_folder(path);
  if (!folder) return std::unexpected(folder.error());
  std::vector<PlacedBytes> parts;
  for (const FlashPart& part : folder->plan.parts) {
    fs::path file = path / part.file;
    auto bytes = read_file(file, kLargestFlash);
    if (!bytes) {
      return std::unexpected(fmt::format("{} (named by {} for {:#x})", bytes.error(),
                                         folder->list.filename().string(), part.offset));
    }
    parts.push_back({.offset = part.offset, .name = file.string(), .bytes = std::move(*bytes)});
  }
  auto flash = merge_parts(parts, folder->plan.settings, options.flash_size.value_or(kLargestFlash));
  if (!flash) return std::unexpected(flash.error());
  return padded({.name = path.string(), .bytes = std::move(*flash)}, options);
}

}  // namespace

std::expected<FlashImage, std::string> flash_image_from_bytes(Bytes bytes, const std::string& name,
                                                              const FlashImageOptions& options) {
  if (bytes.empty()) return wrong(name, "is empty");
  static constexpr std::uint8_t kElfMagic[] = {0x7f, 'E', 'L', 'F'};
  if (bytes.size() >= 4 && std::ranges::equal(ByteView(bytes).first(4), kElfMagic)) {
    return wrong(name, "is an ELF file, not a flash image: `espalier image pack` makes an image of it");
  }
  auto moved = begins_with_bootloader(bytes);
  if (!moved) return wrong(name, moved.error());
  FlashImage image{.name = name, .bytes = std::move(bytes)};
  if (*moved) {
    image.bytes.insert(image.bytes.begin(), kBootloaderOffset, 0xff);
    image.file_offset = kBootloaderOffset;
  }
  return padded(std::move(image), options);
}

std::expected<FlashImage, std::string> load_flash_image(const fs::path& path,
                                                        const FlashImageOptions& options) {
  std::error_code error;
  if (fs::is_directory(path, error)) return from_folder(path, options);
  auto bytes = read_file(path, kLargestFlash);
  if (!bytes) return std::unexpected(bytes.error());
  auto image = flash_image_from_bytes(std::move(*bytes), path.string(), options);
  if (image) image->file = path;
  return image;
}

}  // namespace espalier::image
