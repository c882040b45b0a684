// What a NOR flash holds after its supply has gone in the middle of a program or an erase.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"

namespace espalier::devices {

// An operation that changes [address, address + before.size()) of a flash.
struct FlashOperation {
  enum class Kind : std::uint8_t {
    kProgram,    // within a page
    kErase,      // a sector or a block
    kEraseChip,  // blocks of 64 KiB, one after another
  };
  Kind kind = Kind::kProgram;
  std::uint32_t address = 0;         // where the range begins
  std::vector<std::uint8_t> before;  // what it held
  std::uint32_t first = 0;           // kProgram: the first byte programmed, from the range's beginning
  std::uint32_t count = 0;           // kProgram: how many; they wrap at the range's end
  base::Ticks duration = 0;          // of the whole
};

// Chips differ in what they do first, so a seed chooses among what one could have done:
//  - A program pulls bits from 1 to 0. Either byte after byte, as the first and the next byte's times in data
//    sheets suggest: then some are done, one is under way, the rest is as it was. Or all bytes together: then
//    each bit has got there or not.
//  - An erase pulls all bits of the range down first, so that they are erased evenly (pre-programming), then
//  up.
//    In the first quarter of its time some of the ones are zeros already, and nothing has become one; later
//    some of all the zeros have become ones.
// Source: Infineon, "How Erase Operation Works in NOR Flash" (KBA223960); GD25Q32C data sheet, "AC
// characteristics". Bits that read differently from time to time until they are written again are not
// modelled.
inline constexpr double kPreprogramShare = 0.25;

// What the range holds if the supply goes after `elapsed`; `after` is what it would hold in the end.
std::vector<std::uint8_t> interrupted(const FlashOperation& operation, std::span<const std::uint8_t> after,
                                      base::Ticks elapsed, base::Random& random);

}  // namespace espalier::devices
