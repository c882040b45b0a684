#include "image/flash_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace espalier::image {
namespace {

using Severity = Finding::Severity;

bool is_blank(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0xff; });
}

class Inspection {
 public:
  explicit Inspection(const FlashImage& flash)
      : data_(ByteView(flash.bytes).first(flash.data_end)), size_(flash.bytes.size()) {}

  FlashReport run() {
    if (inspect_bootloader()) {
      inspect_table();
      if (report_.table) inspect_apps();
    }
    return std::move(report_);
  }

 private:
  void add(Severity severity, std::string text) { report_.findings.push_back({severity, std::move(text)}); }

  // The image at `offset`, of at most `room` bytes; it may not run into the padding behind the user's data.
  std::expected<ImageReport, std::string> image_at(std::uint64_t offset, std::uint64_t room) {
    ByteView bytes = data_.subspan(static_cast<std::size_t>(offset));
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size())));
    auto image = parse_image(bytes);
    if (!image) return std::unexpected(image.error());
    ImageReport found{.offset = static_cast<std::uint32_t>(offset), .image = std::move(*image)};
    found.app = app_description(bytes, found.image);
    return found;
  }

  // Other chips look for their bootloader elsewhere: 0x0 (C3, S3, ...) and 0x2000 (P4, C5). Says so if one is
  // there.
  bool found_other_chip() {
    for (std::uint32_t offset : {0x0u, 0x2000u}) {
      auto header = slice(data_, offset, kImageHeaderSize);
      if (!header || (*header)[0] != kImageMagic) continue;
      auto image = parse_image(data_.subspan(offset));
      if (!image || image->header.chip_id == kChipIdEsp32) continue;
      add(Severity::kUnbootable, fmt::format("is for the {} (bootloader at {:#x}), not for the ESP32",
                                             chip_name(image->header.chip_id), offset));
      return true;
    }
    return false;
  }

  bool inspect_bootloader() {
    if (data_.size() <= kBootloaderOffset) {
      add(Severity::kUnbootable, fmt::format("is cut short: it ends at {:#x}, before the bootloader at {:#x}",
                                             data_.size(), kBootloaderOffset));
      return false;
    }
    if (is_blank(data_)) {
      add(Severity::kUnbootable, "is empty flash: every byte is 0xff");
      return false;
    }
    auto found = image_at(kBootloaderOffset, data_.size());
    if (!found) {
      if (found_other_chip()) return false;
      std::uint8_t first = data_[kBootloaderOffset];
      add(Severity::kUnbootable,
          first == kImageMagic
              ? fmt::format("the bootloader at {:#x} {}", kBootloaderOffset, found.error())
              : fmt::format(
                    "has no bootloader: at {:#x} there is {:#04x}, not {:#04x} (is this a flash image of an "
                    "ESP32?)",
                    kBootloaderOffset, first, kImageMagic));
      return false;
    }
    ByteView bytes = data_.subspan(kBootloaderOffset);
    found->bootloader = bootloader_description(bytes, found->image);
    check_image(found->image, fmt::format("the bootloader at {:#x}", kBootloaderOffset), report_.findings);
    report_.bootloader = std::move(*found);
    return true;
  }

  // Programs that stand in the bootloader's place (tests, Zephyr's simple boot, MCUboot) need no partition
  // table; ESP-IDF's bootloader does. It is known by its description, by its messages, of which a build may
  // have left out many, or by where its linker script (bootloader.ld) puts its code: the loader into the APP
  // CPU's cache memory.
  bool is_idf_bootloader() const {
    const ImageReport& report = *report_.bootloader;
    if (report.bootloader) return true;
    ByteView bytes = data_.subspan(kBootloaderOffset, report.image.size);
    auto says = [bytes](std::string_view text) { return !std::ranges::search(bytes, text).empty(); };
    for (std::string_view sign : {"2nd stage bootloader", "partition table", "bootloader_utility.c"}) {
      if (says(sign)) return true;
    }
    auto has = [&report](MemoryKind kind) {
      return std::ranges::any_of(report.image.segments,
                                 [kind](const ImageSegment& s) { return s.kind() == kind; });
    };
    return has(MemoryKind::kCacheApp) && has(MemoryKind::kSram1Data) && has(MemoryKind::kSram0) &&
           !says("MCUboot");
  }

  void inspect_table() {
    report_.table_offset = find_partition_table(data_);
    if (!report_.table_offset) {
      if (is_idf_bootloader()) {
        add(Severity::kUnbootable,
            data_.size() <= kPartitionTableOffset
                ? fmt::format("is cut short: it ends at {:#x}, before the partition table", data_.size())
                : fmt::format("has no partition table at {:#x} or behind it", kPartitionTableOffset));
      }
      return;
    }
    auto table = parse_partition_table(data_.subspan(*report_.table_offset), size_);
    if (!table) {
      add(Severity::kUnbootable,
          fmt::format("the partition table at {:#x} {}", *report_.table_offset, table.error()));
      return;
    }
    for (std::string& oddity : partition_table_oddities(*table, *report_.table_offset)) {
      add(Severity::kNote, std::move(oddity));
    }
    report_.table = std::move(*table);
  }

  // Why an application partition holds no application for this chip.
  struct Lack {
    std::string text;
    bool vacant;  // nothing is there: as it should be for a slot that waits for an update
  };

  std::expected<ImageReport, Lack> app_in(const Partition& partition) {
    std::string where = fmt::format("partition '{}' at {:#x}", partition.label, partition.offset);
    if (partition.offset >= data_.size()) {
      return std::unexpected(
          Lack{fmt::format("{} lies past the end of the file at {:#x}", where, data_.size()), true});
    }
    std::uint64_t room = std::min<std::uint64_t>(partition.size, data_.size() - partition.offset);
    ByteView content = data_.subspan(partition.offset, static_cast<std::size_t>(room));
    if (is_blank(content.first(std::min(content.size(), kImageHeaderSize)))) {
      return std::unexpected(Lack{where + " is empty", true});
    }
    auto found = image_at(partition.offset, room);
    if (!found)
      return std::unexpected(Lack{fmt::format("the application in {} {}", where, found.error()), false});
    if (found->image.header.chip_id != kChipIdEsp32) {
      return std::unexpected(Lack{fmt::format("the application in {} is for the {}, not for the ESP32", where,
                                              chip_name(found->image.header.chip_id)),
                                  false});
    }
    found->partition = partition.label;
    check_image(found->image, "the application in " + where, report_.findings);
    return std::move(*found);
  }

  void inspect_apps() {
    std::vector<Lack> lacks;
    for (const Partition& partition : report_.table->partitions) {
      if (!partition.is_app()) continue;
      if (auto app = app_in(partition)) {
        report_.apps.push_back(std::move(*app));
      } else {
        lacks.push_back(std::move(app.error()));
      }
    }
    bool lost = report_.apps.empty() && is_idf_bootloader();
    if (lost && lacks.empty())
      add(Severity::kUnbootable, "has no application partition in its partition table");
    for (Lack& lack : lacks) {
      if (lost || !lack.vacant) add(lost ? Severity::kUnbootable : Severity::kNote, std::move(lack.text));
    }
  }

  ByteView data_;  // without the padding
  std::uint64_t size_;
  FlashReport report_;
};

}  // namespace

void check_image(const EspImage& image, const std::string& what, std::vector<Finding>& findings) {
  if (image.header.chip_id != kChipIdEsp32) {
    findings.push_back({Severity::kUnbootable, fmt::format("{} is for the {}, not for the ESP32", what,
                                                           chip_name(image.header.chip_id))});
  }
  if (!image.checksum_matches()) {
    findings.push_back(
        {Severity::kDamaged, fmt::format("{} has a wrong checksum: {:#04x} is stored, {:#04x} is right", what,
                                         image.stored_checksum, image.computed_checksum)});
  }
  if (!image.hash_matches()) {
    findings.push_back(
        {Severity::kDamaged, fmt::format("{} has a wrong SHA-256: it was changed after it was made", what)});
  }
}

FileKind file_kind(ByteView bytes) {
  auto begins_table = [&](std::uint64_t offset) {
    auto magic = slice(bytes, offset, 2);
    return magic && load16(*magic, 0) == kPartitionMagic;
  };
  if (begins_table(0)) return FileKind::kPartitionTable;
  auto boot = slice(bytes, kBootloaderOffset, 1);
  bool is_image = !bytes.empty() && bytes[0] == kImageMagic;
  // A download to be flashed from 0x1000 on begins with an image as well, and so may a whole flash.
  if (!is_image || begins_table(kPartitionTableOffset - kBootloaderOffset) ||
      (boot && (*boot)[0] == kImageMagic && parse_image(bytes.subspan(kBootloaderOffset)))) {
    return FileKind::kFlash;
  }
  return FileKind::kImage;
}

FlashReport inspect_flash(const FlashImage& flash) {
  return Inspection(flash).run();
}

std::expected<void, std::string> check_bootable(const FlashImage& flash) {
  for (const Finding& finding : inspect_flash(flash).findings) {
    if (finding.severity == Severity::kUnbootable) {
      return std::unexpected(fmt::format("{}: {}", flash.name, finding.text));
    }
  }
  return {};
}

}  // namespace espalier::image
