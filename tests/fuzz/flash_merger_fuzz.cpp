// libFuzzer target: the lists of a build folder, and files laid where they say.
// Input: a list, as JSON if it begins with '{', up to the first NUL; then the files' contents, shared out.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "fuzz/check.h"
#include "image/build_folder.h"
#include "image/flash_image.h"
#include "image/flash_report.h"

using namespace espalier::image;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::uint8_t* end = std::find(data, data + size, 0);
  std::string_view text(reinterpret_cast<const char*>(data), static_cast<std::size_t>(end - data));
  auto plan = text.starts_with('{') ? parse_flasher_args_json(text) : parse_flash_args(text);
  if (!plan) {
    CHECK(!plan.error().empty());
    return 0;
  }
  CHECK(!plan->parts.empty());
  CHECK(std::ranges::is_sorted(plan->parts, {}, &FlashPart::offset));

  ByteView contents(end, static_cast<std::size_t>(data + size - end));
  std::vector<PlacedBytes> parts;
  std::size_t share = contents.size() / plan->parts.size();
  for (const FlashPart& part : plan->parts) {
    ByteView content = contents.subspan(parts.size() * share, share);
    parts.push_back(
        {.offset = part.offset, .name = part.file, .bytes = Bytes(content.begin(), content.end())});
  }
  constexpr std::uint64_t kLargest = 128u << 10;
  auto flash = merge_parts(parts, plan->settings, kLargest);
  if (!flash) {
    CHECK(!flash.error().empty());
    return 0;
  }
  CHECK(flash->size() <= kLargest);
  for (const PlacedBytes& part : parts) {
    auto placed = slice(*flash, part.offset, part.bytes.size());
    CHECK(placed);
    CHECK(part.offset == kBootloaderOffset || std::ranges::equal(*placed, part.bytes));
  }
  auto size_of_data = static_cast<std::uint32_t>(flash->size());
  inspect_flash({.name = "fuzz", .bytes = std::move(*flash), .data_end = size_of_data});
  return 0;
}
