// The ELF files of the programs in a flash image: what knows their symbols.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "image/elf.h"

namespace espalier::host {

// `elf` if it is given. Else the NAME.elf beside each NAME.bin that `image`, a file or a build folder,
// consists of, as far as there are any, the application's first; an empty path has none. What a build
// folder's project_description.json names as its app_elf goes before them. Errors name the file.
std::expected<std::vector<image::ElfFile>, std::string> load_programs(const std::filesystem::path& image,
                                                                      const std::filesystem::path& elf = {});

// Where the application's is, of which load_programs() takes the first; empty if there is none.
std::filesystem::path program_path(const std::filesystem::path& image, const std::filesystem::path& elf = {});

}  // namespace espalier::host
