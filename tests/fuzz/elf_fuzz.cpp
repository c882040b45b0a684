// libFuzzer target: an ELF file of any bytes, looked through and packed.
#include <cstddef>
#include <cstdint>

#include "fuzz/check.h"
#include "image/elf.h"
#include "image/esp_image.h"
#include "image/pack.h"

using namespace espalier::image;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto elf = ElfFile::parse(Bytes(data, data + size));
  if (!elf) {
    CHECK(!elf.error().empty());
    return 0;
  }
  for (const ElfSection& section : elf->sections()) {
    CHECK(elf->data(section).size() == section.file_size);
    elf->describe(section.address);
  }
  for (const ElfSymbol& symbol : elf->symbols()) {
    elf->describe(symbol.address + 1);
    CHECK(elf->find(symbol.name) != nullptr);
  }
  for (bool use_segments : {false, true}) {
    auto packed = pack_image(*elf, {.use_segments = use_segments});
    if (!packed) continue;
    auto image = parse_image(*packed);
    CHECK(image && image->checksum_matches() && image->hash_matches() && image->size == packed->size());
  }
  return 0;
}
