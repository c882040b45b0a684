// Whole files in and out. Every error names the file and what is wrong with it.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>

#include "image/bytes.h"

namespace espalier::image {

// Files larger than this are refused: the largest that makes sense is an ELF file with debugging information.
constexpr std::uint64_t kLargestFile = 256u << 20;

std::expected<Bytes, std::string> read_file(const std::filesystem::path& path,
                                            std::uint64_t largest = kLargestFile);
std::expected<std::string, std::string> read_text_file(const std::filesystem::path& path,
                                                       std::uint64_t largest = 1u << 20);

// Writes all of it or nothing: a new file takes the old one's place only once it is complete.
std::expected<void, std::string> write_file(const std::filesystem::path& path, ByteView bytes);

}  // namespace espalier::image
