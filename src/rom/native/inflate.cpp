#include "rom/native/inflate.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using Table = InflateState::Table;

// Where decompression goes on. Each step either does all of its work or leaves everything but the bit buffer
// as it was, so that it can be begun again in the next call.
enum Step : u32 {
  kStart = 0,
  kZlibCmf,
  kZlibFlags,
  kBlockHeader,
  kStoredHeader,
  kStoredBuffered,  // bytes that have already gone into the bit buffer
  kStoredByte,
  kStoredOutput,
  kStoredInput,
  kTableSizes,
  kCodeLengthLengths,
  kCodeLength,
  kCodeLengthRepeat,
  kSymbol,
  kLiteral,
  kLengthExtra,
  kDistance,
  kDistanceExtra,
  kMatch,
  kBlockEnd,
  kZlibAdler,
  kDone,
  kFailed,
};

// RFC 1951, 3.2.5 and 3.2.7. The symbols that it does not use count nothing.
constexpr std::array<u16, 29> kLengthBase = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                             31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::array<u8, 29> kLengthExtraBits = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr std::array<u16, 32> kDistanceBase = {
    1,   2,   3,   4,   5,    7,    9,    13,   17,   25,   33,   49,    65,    97,    129, 193,
    257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577, 0,   0};
constexpr std::array<u8, 32> kDistanceExtraBits = {0, 0, 0, 0, 1, 1, 2,  2,  3,  3,  4,  4,  5,  5,  6, 6,
                                                   7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 0, 0};
constexpr std::array<u8, 19> kCodeLengthOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                 11, 4,  12, 3, 13, 2, 14, 1, 15};
constexpr u32 kEndOfBlock = 256, kLookUpBits = 10, kMaxCodeBits = 15, kSymbolBits = 9;

struct Code {
  u32 symbol, length;
};

// The code that `bits` begin with. Bits that no code has stand for symbol 0 and take none.
Code look_up(const Table& table, u32 bits) {
  if (const u32 entry = static_cast<u16>(table.by_ten_bits[bits & ((1u << kLookUpBits) - 1)]))
    return {entry & ((1u << kSymbolBits) - 1), entry >> kSymbolBits};
  u32 code = 0, first = 0, index = 0;
  for (u32 length = 1; length <= kMaxCodeBits; ++length) {
    code = code << 1 | (bits >> (length - 1) & 1);
    const u32 count = static_cast<u32>(table.count[length]);
    first <<= 1;
    if (code - first < count) return {static_cast<u32>(table.in_code_order[index + code - first]), length};
    first += count;
    index += count;
  }
  return {0, 0};
}

// From the lengths of `size` symbols. Codes have to use up all bit patterns, unless there is but one or none.
bool build(Table& table, u32 size) {
  table.count = {};
  table.by_ten_bits.fill(0);
  for (u32 i = 0; i < size; ++i) ++table.count[table.lengths[i]];
  table.count[0] = 0;
  std::array<u32, 17> first{}, index{};
  u32 used = 0;
  for (u32 length = 1; length <= kMaxCodeBits; ++length) {
    first[length + 1] = (first[length] + static_cast<u32>(table.count[length])) << 1;
    index[length + 1] = index[length] + static_cast<u32>(table.count[length]);
    used += static_cast<u32>(table.count[length]);
  }
  if (first[kMaxCodeBits + 1] != 1u << (kMaxCodeBits + 1) && used > 1) return false;

  for (u32 symbol = 0; symbol < size; ++symbol) {
    const u32 length = table.lengths[symbol];
    if (length == 0) continue;
    table.in_code_order[index[length]++] = static_cast<std::int16_t>(symbol);
    const u32 code = first[length]++;
    if (length > kLookUpBits) continue;
    u32 reversed = 0;  // codes are sent with their highest bit first
    for (u32 bit = 0; bit < length; ++bit) reversed |= (code >> bit & 1) << (length - 1 - bit);
    for (; reversed < table.by_ten_bits.size(); reversed += 1u << length)
      table.by_ten_bits[reversed] = static_cast<std::int16_t>(symbol | length << kSymbolBits);
  }
  return true;
}

class Inflater {
 public:
  Inflater(InflateState& state, InflateBuffers& buffers, u32 flags) : s_(state), b_(buffers), flags_(flags) {}

  InflateStatus run() {
    while (!status_) step();
    return *status_;
  }

 private:
  void go(Step next) { s_.state = next; }
  bool stop(InflateStatus status) {
    status_ = status;
    return false;
  }
  void fail() {
    go(kFailed);
    stop(InflateStatus::kFailed);
  }

  u32 input_left() const { return b_.input_end - b_.input_position; }
  bool output_full() const { return b_.output_position >= b_.output_end; }
  void put(u8 byte) { b_.output.store(b_.output_position++, byte); }

  bool fetch_byte() {
    u32 byte = 0;
    if (input_left() > 0)
      byte = b_.input[b_.input_position++];
    else if (flags_ & kInflateHasMoreInput)
      return stop(InflateStatus::kNeedsMoreInput);
    s_.bits |= byte << s_.bit_count;
    s_.bit_count += 8;
    return true;
  }
  bool need(u32 count) {
    while (s_.bit_count < count)
      if (!fetch_byte()) return false;
    return true;
  }
  u32 take(u32 count) {
    const u32 value = s_.bits & ((1u << count) - 1);
    s_.bits >>= count;
    s_.bit_count -= count;
    return value;
  }
  // Reads `count` bits into `value`; false if they are not there yet.
  bool read(u32 count, u32& value) {
    if (!need(count)) return false;
    value = take(count);
    return true;
  }
  // How far ahead the input is read shows in the sizes that the caller gets back: two bytes at a time while
  // there are two, and at the end no more than the code takes.
  bool read_symbol(const Table& table, u32& symbol) {
    if (s_.bit_count < kMaxCodeBits) {
      if (!s_.in_symbol && input_left() >= 2) {
        fetch_byte();
        fetch_byte();
      } else {
        do {
          const Code code = look_up(table, s_.bits);
          if (code.length > 0 && code.length <= s_.bit_count) break;
          s_.in_symbol = !fetch_byte();
          if (s_.in_symbol) return false;
        } while (s_.bit_count < kMaxCodeBits);
      }
    }
    s_.in_symbol = false;
    const Code code = look_up(table, s_.bits);
    take(code.length);
    symbol = code.symbol;
    return true;
  }

  void step();
  void start();
  void check_zlib_header();
  void begin_block(u32 header);
  void code_lengths_done();
  void code_length(u32 symbol);
  void match();

  InflateState& s_;
  InflateBuffers& b_;
  u32 flags_;
  std::optional<InflateStatus> status_;
};

void Inflater::start() {
  s_.bits = s_.bit_count = s_.distance = s_.counter = s_.extra_bits = s_.zlib_cmf = s_.zlib_flags = 0;
  s_.zlib_adler32 = s_.check_adler32 = 1;
  s_.in_symbol = false;
  go(flags_ & kInflateZlibHeader ? kZlibCmf : kBlockHeader);
}

void Inflater::check_zlib_header() {
  constexpr u32 kDeflate = 8, kPresetDictionary = 0x20, kLargestWindow = 32768;
  bool bad = (s_.zlib_cmf * 256 + s_.zlib_flags) % 31 != 0 || (s_.zlib_flags & kPresetDictionary) != 0 ||
             (s_.zlib_cmf & 15) != kDeflate;
  if (!(flags_ & kInflateNonWrapping)) {
    const u32 window = 1u << (8 + (s_.zlib_cmf >> 4));
    bad |= window > kLargestWindow || b_.output_mask + 1 < window;
  }
  if (bad) return fail();
  go(kBlockHeader);
}

void Inflater::begin_block(u32 header) {
  s_.is_final = header & 1;
  s_.type = header >> 1;
  s_.counter = 0;
  switch (s_.type) {
    case 0:
      take(s_.bit_count & 7);
      return go(kStoredHeader);
    case 1: {
      auto& lengths = s_.tables[0].lengths;
      std::fill(lengths.begin(), lengths.begin() + 144, 8);
      std::fill(lengths.begin() + 144, lengths.begin() + 256, 9);
      std::fill(lengths.begin() + 256, lengths.begin() + 280, 7);
      std::fill(lengths.begin() + 280, lengths.end(), 8);
      std::fill_n(s_.tables[1].lengths.begin(), 32, 5);
      build(s_.tables[0], 288);
      build(s_.tables[1], 32);
      return go(kSymbol);
    }
    case 2:
      return go(kTableSizes);
    default:
      return fail();
  }
}

// What a symbol of the third table says about the next code lengths of the other two.
void Inflater::code_length(u32 symbol) {
  if (symbol < 16) {
    s_.code_lengths[s_.counter++] = static_cast<u8>(symbol);
    return;
  }
  if (symbol == 16 && s_.counter == 0) return fail();
  s_.distance = symbol;
  go(kCodeLengthRepeat);
}

void Inflater::code_lengths_done() {
  const u32 literals = s_.table_sizes[0], distances = s_.table_sizes[1];
  if (s_.counter != literals + distances) return fail();
  std::copy_n(s_.code_lengths.begin(), literals, s_.tables[0].lengths.begin());
  std::copy_n(s_.code_lengths.begin() + literals, distances, s_.tables[1].lengths.begin());
  if (!build(s_.tables[1], distances) || !build(s_.tables[0], literals)) return fail();
  go(kSymbol);
}

void Inflater::match() {
  for (; s_.counter > 0; --s_.counter) {
    if (output_full()) {
      stop(InflateStatus::kHasMoreOutput);
      return;
    }
    put(b_.output.load((s_.match_position++ - s_.distance) & b_.output_mask));
  }
  go(kSymbol);
}

void Inflater::step() {
  u32 value = 0;
  switch (s_.state) {
    case kStart:
      return start();
    case kZlibCmf:
      if (read(8, s_.zlib_cmf)) go(kZlibFlags);
      return;
    case kZlibFlags:
      if (read(8, s_.zlib_flags)) check_zlib_header();
      return;
    case kBlockHeader:
      if (read(3, value)) begin_block(value);
      return;

    case kStoredHeader: {
      if (!read(8, value)) return;
      auto& header = s_.stored_header;
      header[s_.counter] = static_cast<u8>(value);
      if (++s_.counter < header.size()) return;
      s_.counter = header[0] | header[1] << 8u;
      if (s_.counter != ((header[2] | header[3] << 8u) ^ 0xffffu)) return fail();
      return go(kStoredBuffered);
    }
    case kStoredBuffered:
      if (s_.counter == 0 || s_.bit_count == 0) return go(kStoredOutput);
      if (read(8, s_.distance)) go(kStoredByte);
      return;
    case kStoredByte:
      if (output_full()) {
        stop(InflateStatus::kHasMoreOutput);
        return;
      }
      put(static_cast<u8>(s_.distance));
      --s_.counter;
      return go(kStoredBuffered);
    case kStoredOutput:
      if (s_.counter == 0) return go(kBlockEnd);
      if (output_full()) {
        stop(InflateStatus::kHasMoreOutput);
        return;
      }
      return go(kStoredInput);
    case kStoredInput: {
      if (input_left() == 0) {
        if (!(flags_ & kInflateHasMoreInput)) return fail();
        stop(InflateStatus::kNeedsMoreInput);
        return;
      }
      const u32 count = std::min({s_.counter, input_left(), b_.output_end - b_.output_position});
      for (u32 i = 0; i < count; ++i) put(b_.input[b_.input_position++]);
      s_.counter -= count;
      return go(kStoredOutput);
    }

    case kTableSizes: {
      constexpr std::array<u8, 3> kBits = {5, 5, 4};
      constexpr std::array<u32, 3> kLeast = {257, 1, 4};
      if (!read(kBits[s_.counter], value)) return;
      s_.table_sizes[s_.counter] = value + kLeast[s_.counter];
      if (++s_.counter < s_.table_sizes.size()) return;
      s_.counter = 0;
      s_.tables[2].lengths.fill(0);
      return go(kCodeLengthLengths);
    }
    case kCodeLengthLengths:
      if (!read(3, value)) return;
      s_.tables[2].lengths[kCodeLengthOrder[s_.counter]] = static_cast<u8>(value);
      if (++s_.counter < s_.table_sizes[2]) return;
      s_.counter = 0;
      if (!build(s_.tables[2], kCodeLengthOrder.size())) return fail();
      return go(kCodeLength);
    case kCodeLength:
      if (s_.counter >= s_.table_sizes[0] + s_.table_sizes[1]) return code_lengths_done();
      if (read_symbol(s_.tables[2], value)) code_length(value);
      return;
    case kCodeLengthRepeat: {
      constexpr std::array<u8, 3> kBits = {2, 3, 7}, kLeast = {3, 3, 11};
      const u32 kind = s_.distance - 16;
      if (!read(kBits[kind], value)) return;
      const u8 repeated = kind == 0 ? s_.code_lengths[s_.counter - 1] : u8{0};
      std::fill_n(s_.code_lengths.begin() + s_.counter, kLeast[kind] + value, repeated);
      s_.counter += kLeast[kind] + value;
      return go(kCodeLength);
    }

    case kSymbol:
      if (!read_symbol(s_.tables[0], s_.counter)) return;
      if (s_.counter < kEndOfBlock) return go(kLiteral);
      if (s_.counter == kEndOfBlock) return go(kBlockEnd);
      // 286 and 287 are never sent. Were they taken for matches of no bytes, the zeros that follow the input
      // could go on as such for ever.
      if (s_.counter >= 286) return fail();
      s_.extra_bits = kLengthExtraBits[s_.counter - 257];
      s_.counter = kLengthBase[s_.counter - 257];
      return go(kLengthExtra);
    case kLiteral:
      if (output_full()) {
        stop(InflateStatus::kHasMoreOutput);
        return;
      }
      put(static_cast<u8>(s_.counter));
      return go(kSymbol);
    case kLengthExtra:
      if (!read(s_.extra_bits, value)) return;
      s_.counter += value;
      return go(kDistance);
    case kDistance:
      if (!read_symbol(s_.tables[1], s_.distance)) return;
      s_.extra_bits = kDistanceExtraBits[s_.distance];
      s_.distance = kDistanceBase[s_.distance];
      return go(kDistanceExtra);
    case kDistanceExtra:
      if (!read(s_.extra_bits, value)) return;
      s_.distance += value;
      s_.match_position = b_.output_position;
      if (s_.distance > s_.match_position && (flags_ & kInflateNonWrapping)) return fail();
      return go(kMatch);
    case kMatch:
      return match();

    case kBlockEnd:
      if (!s_.is_final) return go(kBlockHeader);
      if (!(flags_ & kInflateZlibHeader)) return go(kDone);
      take(s_.bit_count & 7);
      s_.counter = 0;
      return go(kZlibAdler);
    case kZlibAdler:
      if (!read(8, value)) return;
      s_.zlib_adler32 = s_.zlib_adler32 << 8 | value;
      if (++s_.counter == 4) go(kDone);
      return;
    case kDone:
      stop(InflateStatus::kDone);
      return;
    default:
      return fail();
  }
}

u32 adler32(u32 adler, const GuestWriter& data, u32 from, u32 to) {
  constexpr u32 kModulus = 65521;
  u32 a = adler & 0xffff, b = adler >> 16;
  for (u32 i = from; i < to; ++i) {
    a = (a + data.load(i)) % kModulus;
    b = (b + a) % kModulus;
  }
  return b << 16 | a;
}

}  // namespace

InflateStatus inflate(InflateState& state, InflateBuffers& buffers, u32 flags) {
  const u32 output_start = buffers.output_position;
  InflateStatus status = Inflater(state, buffers, flags).run();
  if ((flags & (kInflateZlibHeader | kInflateComputeAdler32)) && status >= InflateStatus::kDone) {
    state.check_adler32 = adler32(state.check_adler32, buffers.output, output_start, buffers.output_position);
    if (status == InflateStatus::kDone && (flags & kInflateZlibHeader) &&
        state.check_adler32 != state.zlib_adler32)
      status = InflateStatus::kAdler32Mismatch;
  }
  return status;
}

namespace {

// Instructions of a typical decoder: for a call, for a byte read, for a byte written.
constexpr std::uint64_t kCall = 100, kInputByte = 56, kOutputByte = 6;

void charge(Call& c, u32 read, u32 written) {
  c.charge(kCall + kInputByte * read + kOutputByte * written);
}

// tinfl_status tinfl_decompress(tinfl_decompressor* r, const uint8_t* in_next, size_t* in_size, uint8_t*
// out_start, uint8_t* out_next, size_t* out_size, uint32_t flags): the sizes become what was read and
// written.
void tinfl_decompress(Call& c) {
  const u32 at = c.arg(0), input = c.arg(1), output_start = c.arg(3), output_next = c.arg(4),
            flags = c.arg(6);
  const u32 input_size = c.load32(c.arg(2)), output_size = c.load32(c.arg(5));
  const u32 offset = output_next - output_start;
  const u32 mask = flags & kInflateNonWrapping ? ~0u : offset + output_size - 1;
  if (((mask + 1) & mask) != 0 || output_next < output_start) {
    c.store32(c.arg(2), 0);
    c.store32(c.arg(5), 0);
    return c.ret(static_cast<u32>(InflateStatus::kBadParameter));
  }
  InflateState state;
  std::memcpy(&state, load_bytes(c, at, sizeof state).data(), sizeof state);
  const GuestReader reader(c, input, input_size);
  GuestWriter writer(c, output_start, offset + output_size);
  InflateBuffers buffers = {reader, 0, input_size, writer, offset, offset + output_size, mask};
  const InflateStatus status = inflate(state, buffers, flags);
  charge(c, buffers.input_position, buffers.output_position - offset);
  store_bytes(c, at, {reinterpret_cast<const u8*>(&state), sizeof state});
  c.store32(c.arg(2), buffers.input_position);
  c.store32(c.arg(5), buffers.output_position - offset);
  c.ret(static_cast<u32>(status));
}

// size_t tinfl_decompress_mem_to_mem(void* out, size_t out_size, const void* in, size_t in_size, int flags):
// the size of the whole, or -1.
void tinfl_decompress_mem_to_mem(Call& c) {
  const u32 output_size = c.arg(1), input_size = c.arg(3);
  const GuestReader reader(c, c.arg(2), input_size);
  GuestWriter writer(c, c.arg(0), output_size);
  InflateBuffers buffers = {reader, 0, input_size, writer, 0, output_size, ~0u};
  InflateState state{};
  const InflateStatus status =
      inflate(state, buffers, (c.arg(4) & ~u32{kInflateHasMoreInput}) | kInflateNonWrapping);
  charge(c, buffers.input_position, buffers.output_position);
  c.ret(status == InflateStatus::kDone ? buffers.output_position : ~0u);
}

constexpr NativeFunction kFunctions[] = {
    {"tinfl_decompress", tinfl_decompress},
    {"tinfl_decompress_mem_to_mem", tinfl_decompress_mem_to_mem},
    // The chip's ROM is miniz without malloc(): what would have to allocate says no.
    {"tinfl_decompress_mem_to_callback", [](Call& c) { c.ret(~0u); }},
    {"tdefl_compress_mem_to_output", [](Call& c) { c.ret(0); }},
    {"tdefl_compress_mem_to_mem", [](Call& c) { c.ret(0); }},
    {"tdefl_write_image_to_png_file_in_memory_ex",
     [](Call& c) {
       c.store32(c.arg(4), 0);
       c.ret(0);
     }},
    {"tdefl_write_image_to_png_file_in_memory",
     [](Call& c) {
       c.store32(c.arg(4), 0);
       c.ret(0);
     }},
    {"mz_free", [](Call&) {}},
};

}  // namespace

std::span<const NativeFunction> inflate_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
