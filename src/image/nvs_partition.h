// Partitions of ESP-IDF's NVS (non-volatile storage): namespaces of keys and values in pages of 4 KiB.
// Sources: ESP-IDF docs/en/api-reference/storage/nvs_flash.rst ("Internals"), components/nvs_flash/src/
// nvs_page.cpp, nvs_types.cpp and nvs_storage.cpp, private_include/nvs_constants.h.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "image/bytes.h"

namespace espalier::image {

inline constexpr std::size_t kNvsPageSize = 4096;
inline constexpr std::size_t kNvsSmallestPages = 3;     // one of them stays free
inline constexpr std::size_t kNvsLongestName = 15;      // of a key or a namespace
inline constexpr std::size_t kNvsLongestString = 3999;  // without its NUL: a string lies in one page
inline constexpr unsigned kNvsMostSpaces = 254;

// As firmware names them; the numbers are those of the entries.
enum class NvsType : std::uint8_t {
  kU8 = 0x01,
  kU16 = 0x02,
  kU32 = 0x04,
  kU64 = 0x08,
  kI8 = 0x11,
  kI16 = 0x12,
  kI32 = 0x14,
  kI64 = 0x18,
  kString = 0x21,
  kFloat = 0x24,
  kDouble = 0x28,
  kBlob = 0x42,
};
// "u8", ..., "i64", "string", "float", "double", "blob".
std::string_view name_of(NvsType type);

struct NvsEntry {
  std::string space;  // the namespace
  std::string key;    // empty: the namespace alone
  NvsType type = NvsType::kI32;
  std::uint64_t number = 0;  // of an integer, signed ones with their sign extended; a float's bits
  Bytes data{};              // of a string, without its NUL, or of a blob

  bool operator==(const NvsEntry&) const = default;
};

// A partition of `size` bytes with these entries, in this order. It is, byte for byte, what
// esp-idf-nvs-partition-gen makes of the same rows, but for one thing: a blob that comes when one entry is
// left in a page begins in the next, where that tool writes an empty piece. An error is one line that names
// namespace and key: a name or value that is too long, a key that is there twice, no room.
std::expected<Bytes, std::string> nvs_partition(const std::vector<NvsEntry>& entries, std::size_t size);

struct NvsPage {
  enum class State : std::uint8_t { kEmpty, kActive, kFull, kErasing, kDamaged };
  State state = State::kEmpty;
  std::uint32_t sequence = 0;
  unsigned version = 0;  // of the format: 1 or 2
  unsigned written = 0;  // entries of 32 bytes, of 126
  unsigned erased = 0;
};
// "empty", "active", "full", "erasing", "damaged".
std::string_view name_of(NvsPage::State state);

struct NvsContents {
  std::vector<NvsPage> pages;       // as they lie in the partition
  std::vector<std::string> spaces;  // in the order in which they were made
  std::vector<NvsEntry> entries;    // in the order in which they were written
  // What is wrong with it, a line each: checksums, blobs with pieces missing, keys that are there twice.
  // Firmware finds all `entries` nevertheless.
  std::vector<std::string> problems;
};
// Any bytes; an error is one line: it is no NVS partition at all.
std::expected<NvsContents, std::string> read_nvs(ByteView partition);

}  // namespace espalier::image
