#include "host/perf_map.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "host/program_files.h"

namespace espalier::host {

namespace fs = std::filesystem;

std::expected<std::unique_ptr<PerfMap>, std::string> PerfMap::create(const fs::path& image) {
  auto map = std::unique_ptr<PerfMap>(new PerfMap);
  auto programs = load_programs(image);
  if (!programs) return std::unexpected("--perf-map: " + programs.error());
  map->names_ = std::move(*programs);
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
