// Whole buffers of guest memory at once, for functions that hand them to a library.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rom/call.h"

namespace espalier::rom {

// [address, address + size) as it is now; throws GuestFault at the first byte that may not be read.
std::vector<std::uint8_t> load_bytes(Call& call, std::uint32_t address, std::uint32_t size);
// Writes `bytes` to `address` on; a fault comes at the first byte that may not be written, with all before it
// done.
void store_bytes(Call& call, std::uint32_t address, std::span<const std::uint8_t> bytes);

// A guest buffer that is read a byte at a time, front to back or not, without touching more than is asked
// for.
class GuestReader {
 public:
  GuestReader(Call& call, std::uint32_t address, std::uint32_t size)
      : call_(call), address_(address), host_(call.readable(address, size)) {}
  std::uint8_t operator[](std::uint32_t offset) const {
    return host_ ? host_[offset] : call_.load8(address_ + offset);
  }

 private:
  Call& call_;
  std::uint32_t address_;
  const std::uint8_t* host_;
};

// The same for a buffer that is written, and read back.
class GuestWriter {
 public:
  GuestWriter(Call& call, std::uint32_t address, std::uint32_t size)
      : call_(call),
        address_(address),
        host_(call.readable(address, size) ? call.writable(address, size) : nullptr) {}
  std::uint8_t load(std::uint32_t offset) const {
    return host_ ? host_[offset] : call_.load8(address_ + offset);
  }
  void store(std::uint32_t offset, std::uint8_t value) {
    if (host_)
      host_[offset] = value;
    else
      call_.store8(address_ + offset, value);
  }

 private:
  Call& call_;
  std::uint32_t address_;
  std::uint8_t* host_;
};

}  // namespace espalier::rom
