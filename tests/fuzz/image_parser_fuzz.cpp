// libFuzzer target: an ESP image of any bytes, by itself and in the bootloader's place of a flash.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "fuzz/check.h"
#include "image/descriptions.h"
#include "image/esp_image.h"
#include "image/flash_image.h"
#include "image/flash_report.h"

using namespace espalier::image;

namespace {

void check_parsed(ByteView bytes) {
  auto image = parse_image(bytes);
  if (!image) {
    CHECK(!image.error().empty() && image.error().find('\n') == std::string::npos);
    return;
  }
  CHECK(image->size <= bytes.size());
  CHECK(image->segments.size() == image->header.segment_count);
  for (const ImageSegment& segment : image->segments) {
    CHECK(slice(bytes, segment.offset, segment.size));
    CHECK(!name_of(segment.kind()).empty());
  }
  app_description(bytes, *image);
  bootloader_description(bytes, *image);

  // Changed settings leave an image whose hash is right, and change nothing else.
  Bytes copy(bytes.begin(), bytes.end());
  if (!apply_flash_settings(copy, {.mode = 1, .frequency = 2, .size = 3})) return;
  auto changed = parse_image(copy);
  CHECK(changed && changed->header.flash.mode == 1 && changed->header.flash.size == 3);
  CHECK(changed->size == image->size && changed->checksum_matches());
}

void check_flash(const FlashImage& flash) {
  FlashReport report = inspect_flash(flash);
  CHECK(check_bootable(flash).has_value() ==
        std::ranges::none_of(report.findings, [](const Finding& finding) {
          return finding.severity == Finding::Severity::kUnbootable;
        }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView bytes(data, size);
  check_parsed(bytes);
  if (size == 0 || data[0] != kImageMagic) return 0;
  file_kind(bytes);
  Bytes in_place(kBootloaderOffset, 0xff);
  in_place.insert(in_place.end(), bytes.begin(), bytes.end());
  check_flash({.name = "fuzz", .bytes = in_place, .data_end = static_cast<std::uint32_t>(in_place.size())});
  // A whole chip has at least 1 MiB, which takes its time: not for every input.
  if (size % 32 != 0) return 0;
  if (auto flash = flash_image_from_bytes(Bytes(bytes.begin(), bytes.end()), "fuzz")) check_flash(*flash);
  return 0;
}
