// libFuzzer target: an NVS partition of any bytes. Pages are filled up with 0xff, so that small inputs get
// far. What is understood without a problem can be written down and is understood again. The same bytes are a
// CSV file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "image/nvs_format.h"
#include "image/nvs_partition.h"
#include "image/nvs_rows.h"

using namespace espalier::image;

namespace {

void one_line(const std::string& text) {
  CHECK(!text.empty() && text.find('\n') == std::string::npos);
}

// Checksums that hold, where the first byte asks for it: what lies behind them is reached so.
void repair(Bytes& bytes) {
  for (std::size_t page = 0; page + kNvsPageSize <= bytes.size(); page += kNvsPageSize) {
    const auto put = [&](std::size_t offset, std::uint32_t value) {
      for (int i = 0; i < 4; ++i) bytes[page + offset + i] = static_cast<std::uint8_t>(value >> 8 * i);
    };
    const ByteView view = ByteView(bytes).subspan(page, kNvsPageSize);
    put(nvs::kHeaderCrcOffset, nvs::crc(view.subspan(4, 24)));
    for (unsigned i = 0; i < nvs::kEntries; ++i) {
      const std::size_t at = nvs::kEntriesOffset + i * nvs::kEntrySize;
      put(at + nvs::kCrcAt, nvs::entry_crc(view.subspan(at, nvs::kEntrySize)));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes(data + 1, data + size);
  if (const auto rows = parse_nvs_csv({reinterpret_cast<const char*>(data + 1), size - 1})) {
    for (const NvsRow& row : *rows)
      if (const auto entry = nvs_entry(row, row.value); !entry) CHECK(!entry.error().empty());
  } else {
    one_line(rows.error());
  }
  bytes.resize((bytes.size() + kNvsPageSize - 1) / kNvsPageSize * kNvsPageSize, 0xff);
  if ((data[0] & 1) != 0) repair(bytes);
  const auto contents = read_nvs(bytes);
  if (!contents) {
    one_line(contents.error());
    return 0;
  }
  for (const std::string& problem : contents->problems) one_line(problem);
  if (!contents->problems.empty()) return 0;
  const auto written = nvs_partition(contents->entries, bytes.size() + 4 * kNvsPageSize);
  if (!written) return 0;  // keys without a name, which the reader takes
  const auto again = read_nvs(*written);
  CHECK(again && again->problems.empty() && again->entries == contents->entries);
  return 0;
}
