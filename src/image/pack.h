// An ELF program to an ESP image, as esptool's elf2image does it: for the same ELF file and settings the same
// bytes.
//
// - Sections that are loaded become segments; neighbours in one kind of memory are joined.
// - Flash-mapped segments (DROM, IROM) come first, by address, each at an offset that agrees with its address
// modulo
//   64 KiB. What is needed to get there is filled with the beginning of the next RAM segment, which is split
//   for it, or with a padding segment at address 0.
// - The other RAM segments follow by address, then the checksum and the SHA-256.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "image/bytes.h"
#include "image/elf.h"
#include "image/flash_settings.h"

namespace espalier::image {

enum class SecurePad : std::uint8_t {
  kNone,
  kV1,  // so that with its signature the image ends on a 64 KiB boundary
  kV2,  // so that with its hash it does; the signature sector follows
};

struct PackOptions {
  FlashSettings flash{};  // esptool's defaults: qio, 40m, 1MB
  std::uint8_t min_revision = 0;
  std::uint16_t min_revision_full = 0;
  std::uint16_t max_revision_full = 0xffff;
  bool append_hash = true;
  bool use_segments =
      false;  // take the ELF file's program headers, at their load addresses, and not its sections
  SecurePad secure_pad = SecurePad::kNone;
  // Where in the image the ELF file's SHA-256 goes; default: into the application description, if there is
  // one.
  std::optional<std::uint32_t> elf_hash_offset{};
};

std::expected<Bytes, std::string> pack_image(const ElfFile& elf, const PackOptions& options);

}  // namespace espalier::image
