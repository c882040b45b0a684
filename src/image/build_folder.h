// A firmware project's build folder: which of its files go where in flash, and with which flash settings.
//
// Three layouts are understood, the first that is there wins:
// - `flasher_args.json`, written by ESP-IDF since v3.3;
// - `flash_args`, written by ESP-IDF's CMake builds and by hand: esptool's options, then pairs of offset and
// file;
// - an Arduino export: exactly one `NAME.ino.bootloader.bin` beside `NAME.ino.partitions.bin` and
// `NAME.ino.bin`.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "image/bytes.h"
#include "image/flash_settings.h"

namespace espalier::image {

struct FlashPart {
  std::uint32_t offset = 0;
  std::string file;  // as the list spells it, relative to the list's folder
};

struct FlashPlan {
  std::vector<FlashPart> parts;   // in ascending order of offset
  FlashSettingsRequest settings;  // for the header of the bootloader
};

// The text of the two lists. Errors say what is wrong in the text; the caller knows the file's name.
std::expected<FlashPlan, std::string> parse_flasher_args_json(std::string_view text);
std::expected<FlashPlan, std::string> parse_flash_args(std::string_view text);

struct BuildFolder {
  std::filesystem::path list;  // the file that says what goes where, or the folder for an Arduino export
  FlashPlan plan;
};
std::expected<BuildFolder, std::string> read_build_folder(const std::filesystem::path& folder);

// One file of a plan, read.
struct PlacedBytes {
  std::uint32_t offset = 0;
  std::string name;  // for messages
  Bytes bytes;
};

// Lays the parts into blank (0xff) flash up to the end of the last one, and writes the settings into the
// header of the image at the bootloader's offset. Errors: parts that overlap, parts past `largest`, nothing
// to place.
std::expected<Bytes, std::string> merge_parts(const std::vector<PlacedBytes>& parts,
                                              const FlashSettingsRequest& settings, std::uint64_t largest);

}  // namespace espalier::image
