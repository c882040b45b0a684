#include "rom/native/guest_bytes.h"

#include <algorithm>

namespace espalier::rom {

std::vector<std::uint8_t> load_bytes(Call& call, std::uint32_t address, std::uint32_t size) {
  std::vector<std::uint8_t> bytes;
  if (const std::uint8_t* host = call.readable(address, size))
    bytes.assign(host, host + size);
  else
    for (std::uint32_t i = 0; i < size; ++i) bytes.push_back(call.load8(address + i));
  return bytes;
}

void store_bytes(Call& call, std::uint32_t address, std::span<const std::uint8_t> bytes) {
  if (std::uint8_t* host = call.writable(address, static_cast<std::uint32_t>(bytes.size()))) {
    std::ranges::copy(bytes, host);
    return;
  }
  for (const std::uint8_t byte : bytes) call.store8(address++, byte);
}

}  // namespace espalier::rom
