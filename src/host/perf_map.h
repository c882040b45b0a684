// What `perf` reads to give translated code names: /tmp/perf-PID.map
// (tools/perf/Documentation/jit-interface.txt in the kernel's sources).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "image/elf.h"

namespace espalier::host {

class PerfMap {
 public:
  // Makes the file of this process. Names come from the NAME.elf beside each NAME.bin that `image`, a file or
  // a build folder, consists of, as far as there are any; an empty path has none. Errors name the file.
  static std::expected<std::unique_ptr<PerfMap>, std::string> create(const std::filesystem::path& image);

  // A line "address size name" for `size` bytes of host code at `host`, made of guest code from `pc` on. It
  // is in the file at once: a process that is killed can be looked at, too.
  void add(const void* host, std::size_t size, std::uint32_t pc);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  PerfMap() = default;

  std::unique_ptr<std::FILE, Close> file_;
  std::vector<image::ElfFile> names_;
};

}  // namespace espalier::host
