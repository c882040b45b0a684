// The reading side of NVS partitions. As firmware does it, but that nothing is erased or repaired: what
// firmware would do so with is a problem that is told.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "image/nvs_format.h"
#include "image/nvs_partition.h"
#include "image/text.h"

namespace espalier::image {
namespace {

// An entry with what belongs to it, its checksums verified.
struct Item {
  unsigned space;
  std::uint8_t type;
  std::uint8_t chunk;
  std::string key;
  ByteView data;     // the entry's own eight bytes
  ByteView payload;  // of a string or a piece of a blob
  std::string where;
};

bool has_payload(std::uint8_t type) {
  return type == static_cast<std::uint8_t>(NvsType::kString) || type == nvs::kOldBlob ||
         type == nvs::kBlobPiece;
}

bool is_number(std::uint8_t type) {
  constexpr std::array kNumbers = {NvsType::kU8,    NvsType::kU16,   NvsType::kU32, NvsType::kU64,
                                   NvsType::kI8,    NvsType::kI16,   NvsType::kI32, NvsType::kI64,
                                   NvsType::kFloat, NvsType::kDouble};
  return std::ranges::find(kNumbers, static_cast<NvsType>(type)) != kNumbers.end();
}

std::uint64_t number_of(std::uint8_t type, ByteView data) {
  const unsigned size = type & 0xf;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= std::uint64_t{data[i]} << 8 * i;
  const bool is_signed = (type & 0xf0) == 0x10;
  if (is_signed && size < 8 && (value >> (8 * size - 1)) != 0) value |= ~std::uint64_t{0} << 8 * size;
  return value;
}

unsigned state_of(ByteView page, unsigned entry) {
  return page[nvs::kBitmapOffset + entry / 4] >> entry % 4 * 2 & 3;
}

// What is wrong with an entry that is there; nothing: it is an item.
std::optional<std::string> problem_of(ByteView page, unsigned index) {
  const ByteView entry = page.subspan(nvs::kEntriesOffset + index * nvs::kEntrySize, nvs::kEntrySize);
  if (load32(entry, nvs::kCrcAt) != nvs::entry_crc(entry)) return "its checksum is wrong";
  const std::uint8_t type = entry[nvs::kTypeAt];
  const unsigned span = entry[nvs::kSpanAt];
  if (is_number(type) || type == nvs::kBlobIndex) {
    if (span != 1) return fmt::format("it takes {} entries, which its type does not", span);
    return {};
  }
  if (!has_payload(type)) return fmt::format("there is no type {:#04x}", type);
  const std::size_t size = load16(entry, nvs::kDataAt);
  if (span != 1 + (size + nvs::kEntrySize - 1) / nvs::kEntrySize)
    return fmt::format("its {} bytes do not take {} entries", size, span);
  if (index + span > nvs::kEntries) return "it goes past the end of its page";
  for (unsigned i = 1; i < span; ++i)
    if (state_of(page, index + i) != nvs::kEntryWritten) return "it has not been written to its end";
  const ByteView payload = page.subspan(nvs::kEntriesOffset + (index + 1) * nvs::kEntrySize, size);
  if (load32(entry, nvs::kDataAt + 4) != nvs::crc(payload)) return "the checksum of its value is wrong";
  return {};
}

class Reader {
 public:
  explicit Reader(ByteView partition) : partition_(partition) {}

  std::expected<NvsContents, std::string> read() {
    if (partition_.empty() || partition_.size() % kNvsPageSize != 0)
      return std::unexpected(fmt::format("{} bytes are no whole pages of {}, which NVS consists of",
                                         partition_.size(), kNvsPageSize));
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < partition_.size() / kNvsPageSize; ++i) {
      contents_.pages.push_back(read_header(i));
      const NvsPage::State state = contents_.pages.back().state;
      if (state != NvsPage::State::kEmpty && state != NvsPage::State::kDamaged) order.push_back(i);
    }
    if (order.empty() && !contents_.problems.empty())
      return std::unexpected("no page has the header of an NVS page");
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return contents_.pages[i].sequence; });
    for (const std::size_t i : order) read_entries(i);
    name_spaces();
    for (const Item& item : items_)
      if (item.space != 0) take(item);
    for (const auto& [name, item] : pieces_)
      if (!used_pieces_.contains(name))
        problem("{}: a piece of the blob {}, which has no index", item->where, item->key);
    return std::move(contents_);
  }

 private:
  template <class... T>
  void problem(fmt::format_string<T...> format, T&&... arguments) {
    contents_.problems.push_back(fmt::format(format, std::forward<T>(arguments)...));
  }

  NvsPage read_header(std::size_t index) {
    const ByteView page = partition_.subspan(index * kNvsPageSize, kNvsPageSize);
    NvsPage found;
    const auto damaged = [&](std::string_view what) {
      problem("page {}: {}", index, what);
      found.state = NvsPage::State::kDamaged;
      return found;
    };
    const std::uint32_t state = load32(page, nvs::kStateOffset);
    if (state == nvs::kPageEmpty) {
      if (std::ranges::any_of(page, [](std::uint8_t byte) { return byte != 0xff; }))
        return damaged("it is not empty, and has no header");
      return found;
    }
    if (load32(page, nvs::kHeaderCrcOffset) !=
        nvs::crc(page.subspan(nvs::kSequenceOffset, nvs::kHeaderCrcOffset - nvs::kSequenceOffset)))
      return damaged("the checksum of its header is wrong");
    found.sequence = load32(page, nvs::kSequenceOffset);
    found.version = 0x100u - page[nvs::kVersionOffset];
    if (page[nvs::kVersionOffset] < nvs::kVersion2)
      return damaged(fmt::format("its format is version {}; known are 1 and 2", found.version));
    if (state == nvs::kPageActive)
      found.state = NvsPage::State::kActive;
    else if (state == nvs::kPageFull)
      found.state = NvsPage::State::kFull;
    else if (state == nvs::kPageErasing)
      found.state = NvsPage::State::kErasing;
    else
      return damaged(fmt::format("there is no state {:#010x}", state));
    return found;
  }

  void read_entries(std::size_t index) {
    const ByteView page = partition_.subspan(index * kNvsPageSize, kNvsPageSize);
    NvsPage& found = contents_.pages[index];
    std::vector<std::string> wrong;
    bool good = false;
    for (unsigned i = 0; i < nvs::kEntries;) {
      const unsigned state = state_of(page, i);
      const std::string where = fmt::format("page {}, entry {}", index, i);
      unsigned span = 1;
      if (state == nvs::kEntryErased) {
        ++found.erased;
      } else if (state == nvs::kEntryWritten) {
        if (const auto what = problem_of(page, i)) {
          wrong.push_back(fmt::format("{}: {}", where, *what));
          ++found.written;
        } else {
          span = add_item(page, i, where);
          found.written += span;
          good = true;
        }
      } else if (state != nvs::kEntryEmpty) {
        wrong.push_back(where + ": its state is none that there is");
      }
      i += span;
    }
    if (!good && wrong.size() > 1)
      problem("page {}: all its entries have wrong checksums; is it encrypted?", index);
    else
      contents_.problems.insert(contents_.problems.end(), wrong.begin(), wrong.end());
  }

  // Returns how many entries it takes.
  unsigned add_item(ByteView page, unsigned index, const std::string& where) {
    const ByteView entry = page.subspan(nvs::kEntriesOffset + index * nvs::kEntrySize, nvs::kEntrySize);
    Item item{.space = entry[nvs::kSpaceAt],
              .type = entry[nvs::kTypeAt],
              .chunk = entry[nvs::kChunkAt],
              .key = printable(entry.subspan(nvs::kKeyAt, nvs::kKeySize)),
              .data = entry.subspan(nvs::kDataAt),
              .payload = {},
              .where = where};
    if (has_payload(item.type))
      item.payload = page.subspan(nvs::kEntriesOffset + (index + 1) * nvs::kEntrySize, load16(item.data, 0));
    items_.push_back(std::move(item));
    return entry[nvs::kSpanAt];
  }

  // Namespaces are numbers in the namespace 0. Pieces of blobs are found by name, too.
  void name_spaces() {
    for (const Item& item : items_) {
      if (item.type == nvs::kBlobPiece) pieces_.emplace(std::tuple(item.space, item.key, item.chunk), &item);
      if (item.space != 0) continue;
      if (item.type != static_cast<std::uint8_t>(NvsType::kU8)) {
        problem("{}: {} is no namespace's name", item.where, item.key);
      } else if (!spaces_.emplace(item.data[0], item.key).second) {
        problem("{}: the namespaces {} and {} have one number", item.where, spaces_[item.data[0]], item.key);
      } else {
        contents_.spaces.push_back(item.key);
      }
    }
  }

  void take(const Item& item) {
    if (item.type == nvs::kBlobPiece) return;
    const auto space = spaces_.find(item.space);
    if (space == spaces_.end())
      return problem("{}: {} is in a namespace that has no name ({})", item.where, item.key, item.space);
    NvsEntry entry{.space = space->second, .key = item.key};
    if (is_number(item.type)) {
      entry.type = static_cast<NvsType>(item.type);
      entry.number = number_of(item.type, item.data);
    } else if (item.type == nvs::kBlobIndex) {
      entry.type = NvsType::kBlob;
      if (!collect(item, entry.data)) return;
    } else {
      entry.type = item.type == nvs::kOldBlob ? NvsType::kBlob : NvsType::kString;
      entry.data.assign(item.payload.begin(), item.payload.end());
      if (entry.type == NvsType::kString) {
        if (entry.data.empty() || entry.data.back() != 0)
          problem("{}: the string {} has no NUL at its end", item.where, item.key);
        else
          entry.data.pop_back();
      }
    }
    if (!keys_.emplace(entry.space, entry.key).second)
      problem("{}: the key {}.{} is there twice", item.where, entry.space, entry.key);
    contents_.entries.push_back(std::move(entry));
  }

  bool collect(const Item& index, Bytes& data) {
    const std::size_t size = load32(index.data, 0);
    const unsigned count = index.data[4];
    const unsigned first = index.data[5];
    for (unsigned i = 0; i < count; ++i) {
      const auto name = std::tuple(index.space, index.key, static_cast<std::uint8_t>(first + i));
      const auto piece = pieces_.find(name);
      if (piece == pieces_.end()) {
        problem("{}: piece {} of the blob {} is missing", index.where, i, index.key);
        return false;
      }
      used_pieces_.insert(name);
      data.insert(data.end(), piece->second->payload.begin(), piece->second->payload.end());
    }
    if (data.size() == size) return true;
    problem("{}: the pieces of the blob {} are {} bytes, not {}", index.where, index.key, data.size(), size);
    return false;
  }

  ByteView partition_;
  NvsContents contents_;
  std::vector<Item> items_;
  std::map<unsigned, std::string> spaces_;
  using PieceName = std::tuple<unsigned, std::string, std::uint8_t>;
  std::map<PieceName, const Item*> pieces_;
  std::set<PieceName> used_pieces_;
  std::set<std::pair<std::string, std::string>> keys_;
};

}  // namespace

std::expected<NvsContents, std::string> read_nvs(ByteView partition) {
  return Reader(partition).read();
}

}  // namespace espalier::image
