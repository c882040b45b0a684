#include "host/program_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <utility>

#include "image/build_folder.h"
#include "image/file.h"

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

// What ESP-IDF's build system says of a build folder; an empty path if it says nothing.
fs::path described_program(const fs::path& folder) {
  const auto text = image::read_text_file(folder / "project_description.json");
  if (!text) return {};
  const auto root = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return {};
  const auto name = root.find("app_elf");
  return name != root.end() && name->is_string() ? folder / name->get_ref<const std::string&>() : fs::path();
}

std::vector<fs::path> program_paths(const fs::path& image, const fs::path& elf) {
  std::vector<fs::path> paths;
  if (!elf.empty()) {
    paths.push_back(elf);
  } else if (!image.empty()) {
    std::vector<fs::path> candidates{described_program(image)};
    for (fs::path path : binaries_of(image)) candidates.push_back(path.replace_extension(".elf"));
    for (fs::path& path : candidates) {
      std::error_code error;
      if (fs::is_regular_file(path, error) && std::ranges::find(paths, path) == paths.end())
        paths.push_back(std::move(path));
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

}  // namespace espalier::host
