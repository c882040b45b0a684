#include "cli/disasm_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "image/esp_image.h"
#include "image/file.h"
#include "image/flash_image.h"
#include "image/flash_report.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using image::MemoryKind;

bool holds_code(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::kCachePro:
    case MemoryKind::kCacheApp:
    case MemoryKind::kSram0:
    case MemoryKind::kSram1Code:
    case MemoryKind::kRtcFastCode:
    case MemoryKind::kIrom:
      return true;
    default:
      return false;
  }
}

bool is_elf(image::ByteView bytes) {
  return bytes.size() >= 4 && bytes[0] == 0x7f && bytes[1] == 'E' && bytes[2] == 'L' && bytes[3] == 'F';
}

image::Bytes copy(image::ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}

void sort(Program& program) {
  std::ranges::stable_sort(program.regions, {}, &ProgramRegion::address);
}

// Functions, where the linker kept their symbols.
void add_functions(Program& program) {
  for (const image::ElfSymbol& symbol : program.names->symbols()) {
    if (symbol.kind == image::ElfSymbol::Kind::kFunction) program.entries.push_back(symbol.address);
  }
}

Program from_elf(image::ElfFile elf) {
  Program program;
  for (const image::ElfSection& section : elf.sections()) {
    if (!section.allocated() || section.file_size == 0) continue;
    program.regions.push_back({section.name, section.address, section.executable(), copy(elf.data(section))});
  }
  program.entries.push_back(elf.entry());
  program.names = std::move(elf);
  add_functions(program);
  sort(program);
  return program;
}

Program from_image(const image::EspImage& parsed, image::ByteView bytes, const std::string& name) {
  Program program;
  for (const image::ImageSegment& segment : parsed.segments) {
    if (segment.kind() == MemoryKind::kPadding) continue;
    const auto data = image::slice(bytes, segment.offset, segment.size);
    if (!data) continue;
    program.regions.push_back({name, segment.address, holds_code(segment.kind()), copy(*data)});
  }
  program.entries.push_back(parsed.header.entry);
  sort(program);
  return program;
}

std::expected<Program, std::string> from_flash(const ProgramOptions& options) {
  auto flash = image::load_flash_image(options.path);
  if (!flash) return std::unexpected(flash.error());
  const image::FlashReport report = image::inspect_flash(*flash);
  std::string available;
  const auto wanted = [&](const std::string& label) {
    available += available.empty() ? label : ", " + label;
    return !options.part || *options.part == label;
  };
  const auto program = [&](const image::ImageReport& part, const std::string& label) {
    return from_image(part.image, image::ByteView(flash->bytes).subspan(part.offset), label);
  };
  for (const image::ImageReport& app : report.apps) {
    if (wanted(app.partition)) return program(app, app.partition);
  }
  if (report.bootloader && wanted("bootloader")) {
    return program(*report.bootloader, "bootloader");
  }
  if (available.empty()) {
    return std::unexpected(fmt::format("{}: holds no bootloader and no application", options.path));
  }
  return std::unexpected(
      fmt::format("{}: has no part {:?} with code; it has {}", options.path, *options.part, available));
}

std::expected<Program, std::string> load(const ProgramOptions& options) {
  std::error_code error;
  if (fs::is_directory(options.path, error)) return from_flash(options);
  auto bytes = image::read_file(options.path);
  if (!bytes) return std::unexpected(bytes.error());
  if (is_elf(*bytes)) {
    auto elf = image::ElfFile::parse(std::move(*bytes));
    if (!elf) return std::unexpected(fmt::format("{}: {}", options.path, elf.error()));
    return from_elf(std::move(*elf));
  }
  switch (image::file_kind(*bytes)) {
    case image::FileKind::kImage: {
      auto parsed = image::parse_image(*bytes);
      if (!parsed) return std::unexpected(fmt::format("{}: {}", options.path, parsed.error()));
      return from_image(*parsed, *bytes, "image");
    }
    case image::FileKind::kPartitionTable:
      return std::unexpected(fmt::format("{}: is a partition table, which holds no code", options.path));
    case image::FileKind::kFlash:
      break;
  }
  return from_flash(options);
}

}  // namespace

const ProgramRegion* Program::region_at(std::uint32_t address) const {
  for (const ProgramRegion& region : regions) {
    if (region.contains(address)) return &region;
  }
  return nullptr;
}

std::optional<std::uint32_t> Program::word_at(std::uint32_t address) const {
  const ProgramRegion* region = region_at(address);
  if (region == nullptr) return std::nullopt;
  const auto word = image::slice(region->bytes, address - region->address, 4);
  if (!word) return std::nullopt;
  return image::load32(*word, 0);
}

std::optional<std::string> Program::name_of(std::uint32_t address) const {
  if (!names) return std::nullopt;
  std::string name = names->describe(address);
  if (name.empty()) return std::nullopt;
  return name;
}

std::expected<Program, std::string> load_program(const ProgramOptions& options) {
  auto program = load(options);
  if (!program || !options.elf) return program;
  auto elf = image::ElfFile::load(*options.elf);
  if (!elf) return std::unexpected(elf.error());
  program->names = std::move(*elf);
  add_functions(*program);
  return program;
}

}  // namespace espalier::cli
