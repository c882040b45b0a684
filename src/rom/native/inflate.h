// Decompression of DEFLATE data (RFC 1951, RFC 1950) in pieces: miniz's tinfl interface, as ESP-IDF's
// components/esp_rom/include/miniz.h (version 1.15) publishes it.
#pragma once

#include <array>
#include <cstdint>

#include "rom/native/guest_bytes.h"

namespace espalier::rom {

// tinfl_decompressor as the guest holds it between calls. miniz.h publishes the size and the fields; a caller
// sets `state` to 0 and may look at `check_adler32`, the rest is ours.
struct InflateState {
  struct Table {
    std::array<std::uint8_t, 288> lengths;        // of each symbol's code, 0 for none
    std::array<std::int16_t, 1024> by_ten_bits;   // symbol | length << 9; 0: no code that short
    std::array<std::int16_t, 288> in_code_order;  // symbols, by length of their codes
    std::array<std::int16_t, 16> count;           // of codes, by length
    std::array<std::int16_t, 272> unused;
  };
  std::uint32_t state, bit_count, zlib_cmf, zlib_flags, zlib_adler32, is_final, type, check_adler32;
  std::uint32_t distance;  // of a match; the byte or symbol at hand elsewhere
  std::uint32_t counter;   // bytes left of a match or a stored block; an index elsewhere
  std::uint32_t extra_bits;
  std::array<std::uint32_t, 3> table_sizes;
  std::uint32_t bits;            // `bit_count` bits, the next one lowest
  std::uint32_t match_position;  // offset in the output of a match's next byte
  std::array<Table, 3> tables;   // literals and lengths, distances, code lengths
  std::array<std::uint8_t, 4> stored_header;
  std::array<std::uint8_t, 288 + 32 + 137> code_lengths;
  bool in_symbol;  // the last call ended within a symbol
};
static_assert(sizeof(InflateState) == 10992);

enum class InflateStatus : std::int32_t {
  kBadParameter = -3,
  kAdler32Mismatch = -2,
  kFailed = -1,
  kDone = 0,
  kNeedsMoreInput = 1,
  kHasMoreOutput = 2,
};

enum InflateFlag : std::uint32_t {
  kInflateZlibHeader = 1,
  kInflateHasMoreInput = 2,  // what comes after the input is not there yet; without it zeros follow
  kInflateNonWrapping = 4,   // the output buffer holds everything from its start on
  kInflateComputeAdler32 = 8,
};

// One call's input and output: positions in the two buffers, from their starts.
struct InflateBuffers {
  const GuestReader& input;
  std::uint32_t input_position, input_end;
  GuestWriter& output;
  std::uint32_t output_position, output_end;
  std::uint32_t output_mask;  // the size of a wrapping output buffer - 1; all ones otherwise
};

// Goes on until the end of the data, of the input or of the output; moves the two positions in `buffers`.
InflateStatus inflate(InflateState& state, InflateBuffers& buffers, std::uint32_t flags);

}  // namespace espalier::rom
