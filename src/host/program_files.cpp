#include "host/program_files.h"

#include <ranges>
#include <utility>

#include "image/build_folder.h"
#include "rom/rom.h"

namespace espalier::host {
namespace {

namespace fs = std::filesystem;

// The application's first: the bootloader has lain where the application lies later.
std::vector<fs::path> binaries_of(const fs::path& image) {
  std::error_code error;
  if (!fs::is_directory(image, error)) return {image};
  std::vector<fs::path> files;
  if (const auto folder = image::read_build_folder(image))
    for (const image::FlashPart& part : folder->plan.parts | std::views::reverse)
      files.push_back(image / part.file);
  return files;
}

std::vector<fs::path> program_paths(const fs::path& image, const fs::path& elf) {
  std::vector<fs::path> paths;
  if (!elf.empty()) {
    paths.push_back(elf);
  } else if (!image.empty()) {
    for (fs::path path : binaries_of(image)) {
      path.replace_extension(".elf");
      std::error_code error;
      if (fs::exists(path, error)) paths.push_back(std::move(path));
    }
  }
  return paths;
}

}  // namespace

std::filesystem::path program_path(const fs::path& image, const fs::path& elf) {
  const std::vector<fs::path> paths = program_paths(image, elf);
  return paths.empty() ? fs::path() : paths.front();
}

std::expected<std::vector<image::ElfFile>, std::string> load_programs(const fs::path& image,
                                                                      const fs::path& elf) {
  const std::vector<fs::path> paths = program_paths(image, elf);
  std::vector<image::ElfFile> programs;
  for (const fs::path& path : paths) {
    auto program = image::ElfFile::load(path);
    if (!program) return std::unexpected(program.error());
    programs.push_back(std::move(*program));
  }
  return programs;
}

std::string function_name(const image::ElfFile& program, const image::ElfFile* rom, std::uint32_t address) {
  const bool in_rom = address - rom::kCodeBase < rom::kCodeSize;
  if (in_rom && rom == nullptr) {
    const std::string name = rom::describe(address);
    return name.starts_with("0x") ? std::string() : name.substr(0, name.find('+'));
  }
  // A program names ROM functions too, but not what lies between them.
  const image::ElfSymbol* symbol = (in_rom ? *rom : program).symbol_at(address);
  return symbol != nullptr ? symbol->name : std::string();
}

}  // namespace espalier::host
