// libFuzzer target: a partition table of any bytes, for a flash of 1 to 16 MiB.
#include <cstddef>
#include <cstdint>

#include "fuzz/check.h"
#include "image/partition_table.h"

using namespace espalier::image;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::uint64_t flash_size = (std::uint64_t{1} << 20) << data[0] % 5;
  ByteView bytes(data + 1, size - 1);
  find_partition_table(bytes);
  auto table = parse_partition_table(bytes, flash_size);
  if (!table) {
    CHECK(!table.error().empty() && table.error().find('\n') == std::string::npos);
    return 0;
  }
  for (const Partition& partition : table->partitions) {
    CHECK(partition.end() <= flash_size);
    CHECK(partition.label.size() <= 16);
    CHECK(!partition.type_name().empty() && !partition.subtype_name().empty());
  }
  partition_table_oddities(*table, kPartitionTableOffset);

  // What was understood can be written down and understood again.
  Bytes written = partition_table_bytes(*table);
  if (written.size() > kPartitionTableSize) return 0;  // a full table of which the MD5 row was not the last
  auto again = parse_partition_table(written, flash_size);
  CHECK(again && again->partitions.size() == table->partitions.size() && again->has_md5 == table->has_md5);
  return 0;
}
