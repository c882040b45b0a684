// The groups of ROM functions that are native: pure computation on the guest's registers and memory.
// Names as in ESP-IDF's components/esp_rom/esp32/ld/esp32.rom*.ld; behaviour as the C standard, the libgcc
// internals manual or the header named in each file says. Functions that wait on hardware or call back into
// the guest are guest code (rom/guest/).
#pragma once

#include <span>

#include "rom/call.h"

namespace espalier::rom {

std::span<const NativeFunction> string_natives();   // mem*, str*, ctype
std::span<const NativeFunction> integer_natives();  // libgcc's integer half, div, abs
std::span<const NativeFunction> float_natives();    // libgcc's soft float and double
std::span<const NativeFunction> stdlib_natives();   // strtol and kin, itoa
std::span<const NativeFunction> crc_natives();      // CRC 8, 16, 32, adler
std::span<const NativeFunction> md5_natives();      // MD5
std::span<const NativeFunction> crypto_natives();   // SHA, HMAC, AES, RC4
std::span<const NativeFunction> inflate_natives();  // miniz's tinfl
std::span<const NativeFunction> radio_natives();    // what of the radio's needs no radio

}  // namespace espalier::rom
