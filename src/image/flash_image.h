// A whole flash chip's content, made from what a user names: a merged image file, or a build folder.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>

#include "image/bytes.h"

namespace espalier::image {

// Where the ESP32's ROM loads the second-stage bootloader from.
constexpr std::uint32_t kBootloaderOffset = 0x1000;

struct FlashImage {
  std::string name;            // what the user called it, for messages
  Bytes bytes;                 // the chip's content: 1, 2, 4, 8 or 16 MiB
  std::uint32_t data_end = 0;  // the bytes from here on are padding (0xff), not the user's

  // Set for an image file, which changes of the flash can be written back to; not for a build folder.
  std::optional<std::filesystem::path> file{};
  std::uint32_t file_offset = 0;  // the flash offset of the file's first byte: 0, or 0x1000
};

struct FlashImageOptions {
  std::optional<std::uint32_t> flash_size{};  // bytes; default: see load_flash_image
};

// Reads a file or a build folder. The chip's size is the one asked for; otherwise the smallest that holds
// both the data and what the bootloader's header claims (a build folder's flash_size overrides the header's).
//
// A file is flash from offset 0 on. One that begins with the bootloader itself, as MicroPython's downloads
// and the output of `image pack` do, is taken to be flash from 0x1000 on.
std::expected<FlashImage, std::string> load_flash_image(const std::filesystem::path& path,
                                                        const FlashImageOptions& options = {});

// The same from bytes in memory, as if read from a file called `name`.
std::expected<FlashImage, std::string> flash_image_from_bytes(Bytes bytes, const std::string& name,
                                                              const FlashImageOptions& options = {});

}  // namespace espalier::image
