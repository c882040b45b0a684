#include "devices/spi_flash_sfdp.h"

#include <algorithm>
#include <bit>
#include <initializer_list>

namespace espalier::devices {

namespace {

constexpr std::uint32_t kBasicTable = 0x30;
constexpr std::uint32_t kVendorTable = 0x60;
constexpr std::uint32_t kEnd = 0x6c;

// A fast read mode in the table: clocks without data after the address, split into dummy and mode clocks.
constexpr std::uint32_t read_mode(std::uint32_t dummy, std::uint32_t mode, std::uint32_t opcode) {
  return dummy | mode << 5 | opcode << 8;
}
// An erase command: the size as a power of two.
constexpr std::uint32_t erase_type(std::uint32_t size, std::uint32_t opcode) {
  return static_cast<std::uint32_t>(std::countr_zero(size)) | opcode << 8;
}
constexpr std::uint32_t kNoMode = 0xff00;

void put(std::vector<std::uint8_t>& to, std::uint32_t at, std::initializer_list<std::uint32_t> words) {
  for (const std::uint32_t word : words) {
    for (unsigned shift = 0; shift < 32; shift += 8) to[at++] = static_cast<std::uint8_t>(word >> shift);
  }
}

}  // namespace

std::vector<std::uint8_t> sfdp_table(std::uint32_t size, std::uint8_t manufacturer) {
  std::vector<std::uint8_t> table(kEnd, 0xff);
  const auto ascii = [](char a, char b, char c, char d) {
    return static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b) << 8 |
           static_cast<std::uint32_t>(c) << 16 | static_cast<std::uint32_t>(d) << 24;
  };
  constexpr std::uint32_t kRevision10 = 0x0100;
  put(table, 0,
      {
          ascii('S', 'F', 'D', 'P'),
          kRevision10 | 1u << 16 | 0xffu << 24,  // two parameter headers
          0x00u | kRevision10 << 8 | 9u << 24,
          kBasicTable | 0xffu << 24,  // JEDEC's table, nine words
          manufacturer | kRevision10 << 8 | 3u << 24,
          kVendorTable | 0xffu << 24,
      });
  constexpr std::uint32_t kErase4K = 1, kWriteUnit64 = 1u << 2, kReserved = 7u << 5 | 1u << 23 | 0xffu << 24;
  constexpr std::uint32_t kReads112 = 1u << 16, kReads122 = 1u << 20, kReads144 = 1u << 21,
                          kReads114 = 1u << 22;
  put(table, kBasicTable,
      {
          kErase4K | kWriteUnit64 | kReserved | 0x20u << 8 | kReads112 | kReads122 | kReads144 | kReads114,
          size * 8 - 1,  // the last bit's number
          read_mode(4, 2, 0xeb) | read_mode(8, 0, 0x6b) << 16,
          read_mode(8, 0, 0x3b) | read_mode(0, 4, 0xbb) << 16,
          0xffffffeeu,  // no commands on two or four lines
          0xffffu | kNoMode << 16,
          0xffffu | kNoMode << 16,
          erase_type(4 << 10, 0x20) | erase_type(32 << 10, 0x52) << 16,
          erase_type(64 << 10, 0xd8) | kNoMode << 16,
      });
  // Supply from 2.7 V to 3.6 V, as the vendor's tables begin; the rest says nothing.
  put(table, kVendorTable, {0x27003600u, 0xffffffffu, 0xffffffffu});
  return table;
}

}  // namespace espalier::devices
