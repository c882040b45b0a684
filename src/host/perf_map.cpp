#include "host/perf_map.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ranges>
#include <utility>

#include "image/build_folder.h"

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

}  // namespace

std::expected<std::unique_ptr<PerfMap>, std::string> PerfMap::create(const fs::path& image) {
  auto map = std::unique_ptr<PerfMap>(new PerfMap);
  if (!image.empty())
    for (fs::path path : binaries_of(image)) {
      path.replace_extension(".elf");
      std::error_code error;
      if (!fs::exists(path, error)) continue;
      auto elf = image::ElfFile::load(path);
      if (!elf) return std::unexpected("--perf-map: " + elf.error());
      map->names_.push_back(std::move(*elf));
    }
  const std::string path = fmt::format("/tmp/perf-{}.map", ::getpid());
  map->file_.reset(std::fopen(path.c_str(), "we"));
  if (map->file_ == nullptr)
    return std::unexpected(fmt::format("--perf-map: {}: {}", path, std::strerror(errno)));
  return map;
}

void PerfMap::add(const void* host, std::size_t size, std::uint32_t pc) {
  std::string name = fmt::format("{:#x}", pc);
  for (const image::ElfFile& elf : names_)
    if (const std::string known = elf.describe(pc); !known.empty()) {
      name += " " + known;
      break;
    }
  fmt::print(file_.get(), "{:x} {:x} {}\n", reinterpret_cast<std::uintptr_t>(host), size, name);
  std::fflush(file_.get());
}

}  // namespace espalier::host
