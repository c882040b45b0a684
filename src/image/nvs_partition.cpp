#include "image/nvs_partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "image/nvs_format.h"

namespace espalier::image {
namespace nvs {
namespace {

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320 : 0);
    table[i] = value;
  }
  return table;
}();

std::uint32_t step(std::uint32_t value, ByteView bytes) {
  for (const std::uint8_t byte : bytes) value = value >> 8 ^ kCrcTable[(value ^ byte) & 0xff];
  return value;
}

}  // namespace

std::uint32_t crc(ByteView bytes) {
  return ~step(0, bytes);
}

std::uint32_t entry_crc(ByteView entry) {
  return ~step(step(0, entry.first(kCrcAt)), entry.subspan(kKeyAt, kEntrySize - kKeyAt));
}

}  // namespace nvs

namespace {

using Wrong = std::unexpected<std::string>;
using Entry = std::array<std::uint8_t, nvs::kEntrySize>;

constexpr std::array<std::pair<NvsType, std::string_view>, 12> kTypeNames = {{{NvsType::kU8, "u8"},
                                                                              {NvsType::kU16, "u16"},
                                                                              {NvsType::kU32, "u32"},
                                                                              {NvsType::kU64, "u64"},
                                                                              {NvsType::kI8, "i8"},
                                                                              {NvsType::kI16, "i16"},
                                                                              {NvsType::kI32, "i32"},
                                                                              {NvsType::kI64, "i64"},
                                                                              {NvsType::kString, "string"},
                                                                              {NvsType::kFloat, "float"},
                                                                              {NvsType::kDouble, "double"},
                                                                              {NvsType::kBlob, "blob"}}};

void put(std::span<std::uint8_t> bytes, std::size_t offset, std::uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) bytes[offset + i] = static_cast<std::uint8_t>(value >> 8 * i);
}

Entry make_entry(unsigned space, std::uint8_t type, std::size_t span, std::uint8_t chunk,
                 std::string_view key) {
  Entry entry;
  entry.fill(0xff);
  entry[nvs::kSpaceAt] = static_cast<std::uint8_t>(space);
  entry[nvs::kTypeAt] = type;
  entry[nvs::kSpanAt] = static_cast<std::uint8_t>(span);
  entry[nvs::kChunkAt] = chunk;
  std::fill_n(entry.begin() + nvs::kKeyAt, nvs::kKeySize, std::uint8_t{0});
  std::ranges::copy(key, entry.begin() + nvs::kKeyAt);
  return entry;
}

std::size_t entries_for(std::size_t bytes) {
  return (bytes + nvs::kEntrySize - 1) / nvs::kEntrySize;
}

// The pages as they fill. None of these checks whether there is room in the page: room() tells.
class Pages {
 public:
  explicit Pages(std::size_t size) : bytes_(size, 0xff), left_(size / kNvsPageSize - 1) { next(); }

  std::size_t room() const { return nvs::kEntries - used_; }  // entries left in this page
  bool untouched() const { return used_ == 0; }
  // The next page; false if there is only the one that stays free.
  bool next() {
    if (left_ == 0) return false;
    --left_;
    if (page_.data() != nullptr) put(page_, nvs::kStateOffset, nvs::kPageFull, 4);
    page_ = std::span(bytes_).subspan(number_ * kNvsPageSize, kNvsPageSize);
    put(page_, nvs::kStateOffset, nvs::kPageActive, 4);
    put(page_, nvs::kSequenceOffset, number_++, 4);
    page_[nvs::kVersionOffset] = nvs::kVersion2;
    put(page_, nvs::kHeaderCrcOffset,
        nvs::crc(page_.subspan(nvs::kSequenceOffset, nvs::kHeaderCrcOffset - nvs::kSequenceOffset)), 4);
    used_ = 0;
    return true;
  }
  void add(Entry entry) {
    put(entry, nvs::kCrcAt, nvs::entry_crc(entry), 4);
    write(entry);
  }
  // With what follows in the next entries.
  void add(Entry entry, ByteView data) {
    put(entry, nvs::kDataAt, data.size(), 2);
    put(entry, nvs::kDataAt + 4, nvs::crc(data), 4);
    add(entry);
    for (std::size_t at = 0; at < data.size(); at += nvs::kEntrySize)
      write(data.subspan(at, std::min(nvs::kEntrySize, data.size() - at)));
  }
  Bytes take() { return std::move(bytes_); }

 private:
  void write(ByteView entry) {
    std::ranges::copy(
        entry, page_.begin() + static_cast<std::ptrdiff_t>(nvs::kEntriesOffset + used_ * nvs::kEntrySize));
    page_[nvs::kBitmapOffset + used_ / 4] &= static_cast<std::uint8_t>(~(1u << used_ % 4 * 2));
    ++used_;
  }

  Bytes bytes_;
  std::size_t left_;
  std::span<std::uint8_t> page_;
  std::uint32_t number_ = 0;
  unsigned used_ = 0;
};

// Each returns false when the partition is full.
bool write_number(Pages& pages, unsigned space, std::string_view key, NvsType type, std::uint64_t value) {
  if (pages.room() == 0 && !pages.next()) return false;
  Entry entry = make_entry(space, static_cast<std::uint8_t>(type), 1, nvs::kNoChunk, key);
  put(entry, nvs::kDataAt, value, static_cast<unsigned>(type) & 0xf);
  pages.add(entry);
  return true;
}

bool write_string(Pages& pages, unsigned space, const NvsEntry& value) {
  Bytes data = value.data;
  data.push_back(0);
  const std::size_t span = 1 + entries_for(data.size());
  // ESP-IDF's tool never fills a page's last entry with a string, though firmware does.
  if (span >= pages.room() && !(pages.untouched() && span == pages.room()) && !pages.next()) return false;
  pages.add(make_entry(space, static_cast<std::uint8_t>(NvsType::kString), span, nvs::kNoChunk, value.key),
            data);
  return true;
}

bool write_blob(Pages& pages, unsigned space, const NvsEntry& value) {
  ByteView rest = value.data;
  unsigned chunks = 0;
  do {
    // A piece takes an entry and what its bytes need.
    if (pages.room() < (rest.empty() ? 1 : 2) && !pages.next()) return false;
    const ByteView piece = rest.first(std::min(rest.size(), (pages.room() - 1) * nvs::kEntrySize));
    rest = rest.subspan(piece.size());
    pages.add(make_entry(space, nvs::kBlobPiece, 1 + entries_for(piece.size()),
                         static_cast<std::uint8_t>(chunks), value.key),
              piece);
    ++chunks;
  } while (!rest.empty());
  if (pages.room() == 0 && !pages.next()) return false;
  Entry index = make_entry(space, nvs::kBlobIndex, 1, nvs::kNoChunk, value.key);
  put(index, nvs::kDataAt, value.data.size(), 4);
  index[nvs::kDataAt + 4] = static_cast<std::uint8_t>(chunks);
  index[nvs::kDataAt + 5] = 0;
  pages.add(index);
  return true;
}

std::expected<void, std::string> check_name(std::string_view what, std::string_view name) {
  if (name.empty()) return Wrong(fmt::format("a {}'s name is empty", what));
  if (name.size() > kNvsLongestName)
    return Wrong(fmt::format("the {} '{}' is longer than {} characters", what, name, kNvsLongestName));
  if (!std::ranges::all_of(name, [](char c) { return c >= 0x20 && c < 0x7f; }))
    return Wrong(fmt::format("a {}'s name has other characters than printable ASCII", what));
  return {};
}

std::expected<void, std::string> check_value(const NvsEntry& entry) {
  if (entry.type == NvsType::kString) {
    if (entry.data.size() > kNvsLongestString)
      return Wrong(fmt::format("a string of {} bytes; NVS takes {}", entry.data.size(), kNvsLongestString));
    if (std::ranges::find(entry.data, 0) != entry.data.end()) return Wrong("a string with a NUL in it");
  }
  constexpr std::size_t kLongestBlob = nvs::kMostChunks * (nvs::kEntries - 1) * nvs::kEntrySize;
  if (entry.type == NvsType::kBlob && entry.data.size() > kLongestBlob)
    return Wrong(fmt::format("a blob of {} bytes; NVS takes {}", entry.data.size(), kLongestBlob));
  return {};
}

}  // namespace

std::string_view name_of(NvsType type) {
  return std::ranges::find(kTypeNames, type, &std::pair<NvsType, std::string_view>::first)->second;
}

std::string_view name_of(NvsPage::State state) {
  constexpr std::array<std::string_view, 5> kNames = {"empty", "active", "full", "erasing", "damaged"};
  return kNames[static_cast<std::size_t>(state)];
}

std::expected<Bytes, std::string> nvs_partition(const std::vector<NvsEntry>& entries, std::size_t size) {
  if (size % kNvsPageSize != 0 || size / kNvsPageSize < kNvsSmallestPages)
    return Wrong(fmt::format("NVS needs whole pages of {} bytes, at least {}; {} bytes are none",
                             kNvsPageSize, kNvsSmallestPages, size));
  Pages pages(size);
  std::map<std::string, unsigned> spaces;
  std::set<std::pair<std::string_view, std::string_view>> keys;
  for (const NvsEntry& entry : entries) {
    const auto wrong = [&](std::string_view what) {
      return Wrong(entry.key.empty() ? std::string(what)
                                     : fmt::format("{}.{}: {}", entry.space, entry.key, what));
    };
    const auto full = [&] { return wrong(fmt::format("there is no room for it in {} bytes of NVS", size)); };
    if (auto ok = check_name("namespace", entry.space); !ok) return Wrong(ok.error());
    const auto [space, fresh] = spaces.try_emplace(entry.space, static_cast<unsigned>(spaces.size()) + 1);
    if (fresh) {
      if (spaces.size() > kNvsMostSpaces)
        return Wrong(fmt::format("more than {} namespaces", kNvsMostSpaces));
      if (!write_number(pages, 0, entry.space, NvsType::kU8, space->second)) return full();
    }
    if (entry.key.empty()) continue;
    if (auto ok = check_name("key", entry.key); !ok) return wrong(ok.error());
    if (auto ok = check_value(entry); !ok) return wrong(ok.error());
    if (!keys.emplace(entry.space, entry.key).second) return wrong("the key is there twice");
    const bool done = entry.type == NvsType::kString ? write_string(pages, space->second, entry)
                      : entry.type == NvsType::kBlob
                          ? write_blob(pages, space->second, entry)
                          : write_number(pages, space->second, entry.key, entry.type, entry.number);
    if (!done) return full();
  }
  return pages.take();
}

}  // namespace espalier::image
