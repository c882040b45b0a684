// What a flash holds and what is wrong with it: bootloader, partition table, applications.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "image/descriptions.h"
#include "image/esp_image.h"
#include "image/flash_image.h"
#include "image/partition_table.h"

namespace espalier::image {

struct Finding {
  enum class Severity : std::uint8_t {
    kNote,        // odd, but a chip runs it
    kDamaged,     // a checksum or hash is wrong: a chip would say so on its console
    kUnbootable,  // no firmware can come of this
  };
  Severity severity = Severity::kNote;
  std::string text;  // one line, without the file's name
};

struct ImageReport {
  std::uint32_t offset = 0;
  std::string partition{};  // the label of the partition that holds it; empty for the bootloader
  EspImage image;
  std::optional<AppDescription> app{};
  std::optional<BootloaderDescription> bootloader{};
};

struct FlashReport {
  std::optional<ImageReport> bootloader;
  std::optional<std::uint32_t> table_offset;
  std::optional<PartitionTable> table;
  std::vector<ImageReport> apps;  // one for each application partition that holds a whole image
  std::vector<Finding> findings;
};

// What a file is, by its first bytes.
enum class FileKind : std::uint8_t { kFlash, kImage, kPartitionTable };
FileKind file_kind(ByteView bytes);

FlashReport inspect_flash(const FlashImage& flash);

// The findings on one image: its chip, checksum and hash. `what` names it in the text.
void check_image(const EspImage& image, const std::string& what, std::vector<Finding>& findings);

// Whether it makes sense to start a machine with this flash. The error is one line that names the file.
std::expected<void, std::string> check_bootable(const FlashImage& flash);

}  // namespace espalier::image
