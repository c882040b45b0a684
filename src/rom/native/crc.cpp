// The ROM's checksums. Parameters from ESP-IDF's components/esp_rom/include/esp_rom_crc.h, which describes
// each: the functions complement the running value on entry and on return; "le" takes bits from the least
// significant end.
#include <array>
#include <cstdint>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;

constexpr u32 reflect(u32 value, unsigned bits) {
  u32 result = 0;
  for (unsigned i = 0; i < bits; ++i) result |= (value >> i & 1) << (bits - 1 - i);
  return result;
}

// One table a polynomial and direction: `Bits` wide, polynomial in the usual (big-endian) notation.
template <unsigned Bits, u32 Polynomial, bool LittleEndian>
struct Crc {
  static constexpr u32 kMask = Bits == 32 ? ~0u : (1u << Bits) - 1;
  static constexpr std::array<u32, 256> make_table() {
    std::array<u32, 256> table{};
    for (u32 byte = 0; byte < 256; ++byte) {
      u32 value = LittleEndian ? byte : byte << (Bits - 8);
      for (int bit = 0; bit < 8; ++bit) {
        if constexpr (LittleEndian)
          value = value & 1 ? value >> 1 ^ reflect(Polynomial, Bits) : value >> 1;
        else
          value = value >> (Bits - 1) & 1 ? value << 1 ^ Polynomial : value << 1;
      }
      table[byte] = value & kMask;
    }
    return table;
  }
  static constexpr std::array<u32, 256> kTable = make_table();

  static u32 step(u32 crc, u8 byte) {
    if constexpr (LittleEndian) return (crc >> 8 ^ kTable[(crc ^ byte) & 0xff]) & kMask;
    return (crc << 8 ^ kTable[(crc >> (Bits - 8) ^ byte) & 0xff]) & kMask;
  }

  // crc(uint initial, const uint8_t* buffer, uint32_t length)
  static void run(Call& c) {
    u32 crc = ~c.arg(0) & kMask;
    const u32 at = c.arg(1), n = c.arg(2);
    c.charge(10 + (Bits == 8 ? 7 : 10) * std::uint64_t{n});
    const u8* host = c.readable(at, n);
    for (u32 i = 0; i < n; ++i) crc = step(crc, host ? host[i] : c.load8(at + i));
    c.ret(~crc & kMask);
  }
};

// esp_crc8(const uint8_t* p, unsigned length): Maxim's CRC-8 (polynomial 0x31, bits reversed, initially 0)
// over the MAC address in eFuse; esp_rom_efuse.h.
void mac_crc8(Call& c) {
  u32 crc = 0;
  const u32 at = c.arg(0), n = c.arg(1);
  c.charge(10 + 60 * std::uint64_t{n});  // bit by bit
  for (u32 i = 0; i < n; ++i) crc = Crc<8, 0x31, true>::step(crc, c.load8(at + i));
  c.ret(crc);
}

// miniz's mz_adler32(adler, data, length) and mz_crc32(crc, data, length): a null pointer asks for the
// initial value.
void adler32(Call& c) {
  u32 a = c.arg(0) & 0xffff, b = c.arg(0) >> 16;
  const u32 at = c.arg(1), n = c.arg(2);
  if (at == 0) return c.ret(1);
  c.charge(10 + 3 * std::uint64_t{n});
  for (u32 i = 0; i < n; ++i) {
    a = (a + c.load8(at + i)) % 65521;
    b = (b + a) % 65521;
  }
  c.ret(b << 16 | a);
}

constexpr NativeFunction kFunctions[] = {
    {"crc32_le", Crc<32, 0x04c11db7, true>::run},
    {"crc32_be", Crc<32, 0x04c11db7, false>::run},
    {"crc16_le", Crc<16, 0x1021, true>::run},
    {"crc16_be", Crc<16, 0x1021, false>::run},
    {"crc8_le", Crc<8, 0x07, true>::run},
    {"crc8_be", Crc<8, 0x07, false>::run},
    {"esp_crc8", mac_crc8},
    {"mz_adler32", adler32},
    {"mz_crc32",
     [](Call& c) {
       if (c.arg(1) == 0) return c.ret(0);
       Crc<32, 0x04c11db7, true>::run(c);
     }},
};

}  // namespace

std::span<const NativeFunction> crc_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
