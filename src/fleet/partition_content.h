// What a device's partitions hold when it is first powered up.
#pragma once

#include <cstddef>
#include <expected>
#include <string>

#include "fleet/identity.h"
#include "fleet/spec.h"
#include "image/bytes.h"

namespace espalier::fleet {

// `size` bytes, a whole partition: NVS of the rows, or the file's content and 0xff. An error is one line
// without the partition's name.
std::expected<image::Bytes, std::string> partition_content(const PartitionSpec& partition,
                                                           const Identity& identity, std::size_t size);

}  // namespace espalier::fleet
