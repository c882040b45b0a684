#include "image/pack.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "image/descriptions.h"
#include "image/digest.h"
#include "image/esp_image.h"

namespace espalier::image {
namespace {

// esptool's name for the section that holds the description (ESP-IDF's linker scripts set it).
constexpr std::string_view kAppDescriptionSection = ".flash.appdesc";
constexpr std::string_view kBootloaderDescriptionSection = ".dram0.bootdesc";
// The bootloader of an ESP32 may not map a page of which fewer bytes are used (esptool: save_flash_segment).
constexpr std::uint32_t kLeastOfLastPage = 0x24;
// What follows the checksum in a signed image of the first scheme: hash, version, signature, padding.
constexpr std::uint32_t kSignatureRoomV1 = 32 + 4 + 64 + 12;

struct Segment {
  std::string name;
  std::uint32_t address = 0;
  Bytes data;
  std::uint64_t end() const { return std::uint64_t{address} + data.size(); }
};

void align4(Bytes& data) {
  data.resize((data.size() + 3) & ~std::size_t{3}, 0);
}

std::expected<std::vector<Segment>, std::string> loaded_parts(const ElfFile& elf, bool use_segments) {
  std::vector<Segment> parts;
  auto add = [&](std::string name, std::uint32_t address, ByteView data) {
    Segment segment{.name = std::move(name), .address = address, .data = Bytes(data.begin(), data.end())};
    align4(segment.data);
    parts.push_back(std::move(segment));
  };
  if (use_segments) {
    for (const ElfSegment& segment : elf.segments()) {
      if (segment.load_address != 0 && segment.file_size != 0)
        add("segment", segment.load_address, elf.data(segment));
    }
  } else {
    for (const ElfSection& section : elf.sections()) {
      bool loadable = section.type == SHT_PROGBITS || section.type == SHT_INIT_ARRAY ||
                      section.type == SHT_FINI_ARRAY || section.type == SHT_PREINIT_ARRAY;
      if (loadable && section.allocated() && section.address != 0 && section.file_size != 0) {
        add(section.name, section.address, elf.data(section));
      }
    }
  }
  if (parts.empty()) return std::unexpected("holds nothing to load: no section with contents and an address");
  for (const Segment& part : parts) {
    if (memory_kind(part.address) == MemoryKind::kElsewhere ||
        memory_kind(part.address) == MemoryKind::kRom) {
      return std::unexpected(
          fmt::format("section {} at {:#010x} lies in no memory of the ESP32 that can be loaded", part.name,
                      part.address));
    }
    if (part.address % 4 != 0) {
      return std::unexpected(
          fmt::format("section {} at {:#010x} does not begin on a multiple of 4", part.name, part.address));
    }
  }
  return parts;
}

// esptool joins a section to the one that the file lists before it, so the file's order counts.
std::vector<Segment> joined(std::vector<Segment> parts) {
  std::vector<Segment> result;
  for (Segment& part : parts) {
    if (!result.empty() && result.back().end() == part.address &&
        memory_kind(result.back().address) == memory_kind(part.address)) {
      result.back().data.insert(result.back().data.end(), part.data.begin(), part.data.end());
    } else {
      result.push_back(std::move(part));
    }
  }
  return result;
}

class Writer {
 public:
  Writer(const ElfFile& elf, const PackOptions& options, std::optional<std::uint32_t> hash_offset)
      : elf_(elf), options_(options), hash_offset_(hash_offset) {
    append_header(image_, {.flash = options.flash,
                           .entry = elf.entry(),
                           .min_revision = options.min_revision,
                           .min_revision_full = options.min_revision_full,
                           .max_revision_full = options.max_revision_full,
                           .hash_appended = options.append_hash});
  }

  std::expected<Bytes, std::string> write(std::deque<Segment> flash, std::deque<Segment> ram) {
    for (; !flash.empty(); flash.pop_front()) {
      while (std::uint32_t room = room_before(flash.front())) {
        if (!ram.empty() && room > kSegmentHeaderSize) {
          take_from(ram, room);
        } else {
          append({.name = "padding", .address = 0, .data = Bytes(room, 0)});
        }
      }
      append_mapped(std::move(flash.front()));
    }
    for (Segment& segment : ram) append(std::move(segment));
    if (options_.secure_pad != SecurePad::kNone) append_secure_padding();
    if (count_ > kMaxSegments) {
      return std::unexpected(fmt::format(
          "makes {} segments; an image holds {}: join sections in the linker script", count_, kMaxSegments));
    }
    if (!problem_.empty()) return std::unexpected(problem_);
    image_[1] = static_cast<std::uint8_t>(count_);
    image_.resize(image_.size() | 15, 0);
    image_.push_back(checksum_);
    if (options_.append_hash) {
      Sha256 hash = sha256(image_);
      image_.insert(image_.end(), hash.begin(), hash.end());
    }
    return std::move(image_);
  }

 private:
  // Bytes that a segment put here must have, so that the data of `mapped` lands where its address wants it
  // behind it. Where the header's end lies less than the address's place in its page, esptool lets a whole
  // page more go by than it must; so does this, for the same bytes.
  std::uint32_t room_before(const Segment& mapped) const {
    constexpr std::int64_t kPage = kFlashPage, kHeader = kSegmentHeaderSize;
    std::int64_t distance =
        kPage - static_cast<std::int64_t>(image_.size()) % kPage + mapped.address % kFlashPage - kHeader;
    if (distance == 0 || distance == kPage) return 0;
    std::int64_t room = distance - kHeader;  // the filling segment has a header as well
    return static_cast<std::uint32_t>(room > 0 ? room : room + kPage);
  }

  void take_from(std::deque<Segment>& ram, std::uint32_t room) {
    Segment& source = ram.front();
    std::size_t size = std::min<std::size_t>(room, source.data.size());
    auto cut = source.data.begin() + static_cast<std::ptrdiff_t>(size);
    append({.name = source.name, .address = source.address, .data = Bytes(source.data.begin(), cut)});
    source.data.erase(source.data.begin(), cut);
    source.address += static_cast<std::uint32_t>(size);
    if (source.data.empty()) ram.pop_front();
  }

  void append_mapped(Segment segment) {
    std::size_t past_page = (image_.size() + kSegmentHeaderSize + segment.data.size()) % kFlashPage;
    if (past_page < kLeastOfLastPage)
      segment.data.resize(segment.data.size() + kLeastOfLastPage - past_page, 0);
    append(std::move(segment));
  }

  void append_secure_padding() {
    // The checksum is given a line of 16 bytes of its own.
    std::uint32_t behind = 16 + (options_.secure_pad == SecurePad::kV1 ? kSignatureRoomV1 : sizeof(Sha256));
    std::uint32_t start = static_cast<std::uint32_t>(image_.size()) + kSegmentHeaderSize;
    append({.name = "padding", .address = 0, .data = Bytes((0 - start - behind) % kFlashPage, 0)});
  }

  void append(Segment segment) {
    std::size_t header_at = image_.size();
    append32(image_, segment.address);
    append32(image_, static_cast<std::uint32_t>(segment.data.size()));
    std::size_t data_at = image_.size();
    image_.insert(image_.end(), segment.data.begin(), segment.data.end());
    if (hash_offset_ && *hash_offset_ >= header_at && *hash_offset_ < image_.size()) write_elf_hash(data_at);
    checksum_ = image_checksum(ByteView(image_).subspan(data_at), checksum_);
    ++count_;
  }

  void write_elf_hash(std::size_t data_at) {
    std::size_t at = *hash_offset_;
    if (at < data_at || at + sizeof(Sha256) > image_.size()) {
      problem_ = fmt::format(
          "has no room for the ELF file's SHA-256 at {:#x} of the image: it is not inside one segment", at);
      return;
    }
    auto place = std::span(image_).subspan(at, sizeof(Sha256));
    if (std::ranges::any_of(place, [](std::uint8_t byte) { return byte != 0; })) {
      problem_ = fmt::format("has no room for its SHA-256 at {:#x} of the image: the place is not empty", at);
      return;
    }
    std::ranges::copy(sha256(elf_.bytes()), place.begin());
  }

  const ElfFile& elf_;
  const PackOptions& options_;
  std::optional<std::uint32_t> hash_offset_;
  Bytes image_;
  std::uint8_t checksum_ = kChecksumSeed;
  unsigned count_ = 0;
  std::string problem_;
};

void move_to_front(std::deque<Segment>& segments, std::string_view name) {
  auto found = std::ranges::find(segments, name, &Segment::name);
  if (found != segments.end()) std::rotate(segments.begin(), found, found + 1);
}

}  // namespace

std::expected<Bytes, std::string> pack_image(const ElfFile& elf, const PackOptions& options) {
  if (options.secure_pad != SecurePad::kNone && !options.append_hash) {
    return std::unexpected("cannot be padded for secure boot without an appended SHA-256");
  }
  auto parts = loaded_parts(elf, options.use_segments);
  if (!parts) return std::unexpected(parts.error());
  std::vector<Segment> segments = joined(std::move(*parts));
  std::ranges::stable_sort(segments, {}, &Segment::address);
  std::deque<Segment> flash, ram;
  for (Segment& segment : segments) {
    (is_flash_mapped(memory_kind(segment.address)) ? flash : ram).push_back(std::move(segment));
  }
  move_to_front(flash, kAppDescriptionSection);
  move_to_front(ram, kBootloaderDescriptionSection);
  for (std::size_t i = 1; i < flash.size(); ++i) {
    if (flash[i].address / kFlashPage == flash[i - 1].address / kFlashPage) {
      return std::unexpected(fmt::format(
          "sections {} at {:#010x} and {} at {:#010x} share a 64 KiB page of flash: join them in the linker "
          "script",
          flash[i - 1].name, flash[i - 1].address, flash[i].name, flash[i].address));
    }
  }
  std::optional<std::uint32_t> hash_offset = options.elf_hash_offset;
  if (!hash_offset && !flash.empty() && flash.front().name == kAppDescriptionSection &&
      flash.front().data.size() >= kAppDescriptionSize) {
    hash_offset = kImageHeaderSize + kSegmentHeaderSize + kAppElfHashOffset;
  }
  return Writer(elf, options, hash_offset).write(std::move(flash), std::move(ram));
}

}  // namespace espalier::image
