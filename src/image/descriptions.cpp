#include "image/descriptions.h"

#include <algorithm>

#include "image/text.h"

namespace espalier::image {
namespace {

constexpr std::uint32_t kAppMagic = 0xabcd5432;
constexpr std::uint8_t kBootloaderMagic = 80;
constexpr std::size_t kBootloaderDescriptionSize = 80;

std::optional<ByteView> start_of_first_segment(ByteView bytes, const EspImage& image, std::size_t size) {
  if (image.segments.empty() || image.segments[0].size < size) return std::nullopt;
  return slice(bytes, image.segments[0].offset, size);
}

// A NUL-terminated text of printable characters.
bool is_text(ByteView field) {
  auto end = std::ranges::find(field, 0);
  return end != field.end() &&
         std::all_of(field.begin(), end, [](std::uint8_t c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

std::optional<AppDescription> app_description(ByteView bytes, const EspImage& image) {
  auto field = start_of_first_segment(bytes, image, kAppDescriptionSize);
  if (!field || load32(*field, 0) != kAppMagic) return std::nullopt;
  AppDescription description;
  description.secure_version = load32(*field, 4);
  description.version = printable(field->subspan(16, 32));
  description.project = printable(field->subspan(48, 32));
  description.time = printable(field->subspan(80, 16));
  description.date = printable(field->subspan(96, 16));
  description.idf_version = printable(field->subspan(112, 32));
  std::ranges::copy(field->subspan(kAppElfHashOffset, sizeof(Sha256)), description.elf_hash.begin());
  return description;
}

std::optional<BootloaderDescription> bootloader_description(ByteView bytes, const EspImage& image) {
  auto field = start_of_first_segment(bytes, image, kBootloaderDescriptionSize);
  // One magic byte proves little: the texts have to be texts as well. A reproducible build leaves the date
  // empty.
  if (!field || (*field)[0] != kBootloaderMagic || (*field)[8] == 0 || !is_text(field->subspan(8, 32)) ||
      !is_text(field->subspan(40, 24))) {
    return std::nullopt;
  }
  return BootloaderDescription{.secure_version = (*field)[3],
                               .version = load32(*field, 4),
                               .idf_version = printable(field->subspan(8, 32)),
                               .date_time = printable(field->subspan(40, 24))};
}

}  // namespace espalier::image
