#include "fleet/partition_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "image/file.h"
#include "image/nvs_partition.h"

namespace espalier::fleet {
namespace {

using Wrong = std::unexpected<std::string>;
using image::Bytes;

std::string_view text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The file whose name is a template.
std::expected<std::pair<std::string, Bytes>, std::string> read(const std::string& name,
                                                               const Identity& identity) {
  auto file = fill_template(name, identity);
  if (!file) return Wrong(file.error());
  auto bytes = image::read_file(*file);
  if (!bytes) return Wrong(bytes.error());
  return std::pair(std::move(*file), std::move(*bytes));
}

std::expected<Bytes, std::string> file_content(const PartitionSpec& partition, const Identity& identity,
                                               std::size_t size) {
  auto found = read(partition.file, identity);
  if (!found) return Wrong(found.error());
  auto& [file, bytes] = *found;
  if (partition.is_template) {
    const auto filled = fill_text(text_of(bytes), identity);
    if (!filled) return Wrong(fmt::format("{}:{}", file, filled.error()));
    bytes.assign(filled->begin(), filled->end());
  }
  if (bytes.size() > size)
    return Wrong(fmt::format("{} has {} bytes and the partition {}", file, bytes.size(), size));
  bytes.resize(size, 0xff);
  return std::move(bytes);
}

std::expected<Bytes, std::string> nvs_content(const PartitionSpec& partition, const Identity& identity,
                                              std::size_t size) {
  std::vector<image::NvsEntry> entries;
  for (const image::NvsRow& row : partition.nvs) {
    const auto wrong = [&](std::string_view what) {
      return Wrong(fmt::format("{}.{}: {}", row.space, row.key, what));
    };
    std::string value;
    if (row.file) {
      const auto found = read(row.value, identity);
      if (!found) return wrong(found.error());
      value = text_of(found->second);
    } else {
      auto filled = fill_template(row.value, identity);
      if (!filled) return wrong(filled.error());
      value = std::move(*filled);
    }
    auto entry = image::nvs_entry(row, value);
    if (!entry) return Wrong(entry.error());
    entries.push_back(std::move(*entry));
  }
  return image::nvs_partition(entries, size);
}

}  // namespace

std::expected<Bytes, std::string> partition_content(const PartitionSpec& partition, const Identity& identity,
                                                    std::size_t size) {
  return partition.file.empty() ? nvs_content(partition, identity, size)
                                : file_content(partition, identity, size);
}

}  // namespace espalier::fleet
