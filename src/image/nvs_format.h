// What writer and reader of NVS partitions have in common: where things lie in a page.
#pragma once

#include <array>
#include <cstdint>

#include "image/bytes.h"

namespace espalier::image::nvs {

// A page: header (state, sequence number, version, CRC), two bits for each entry, the entries.
inline constexpr std::size_t kEntrySize = 32;
inline constexpr unsigned kEntries = 126;
inline constexpr std::size_t kStateOffset = 0;
inline constexpr std::size_t kSequenceOffset = 4;
inline constexpr std::size_t kVersionOffset = 8;
inline constexpr std::size_t kHeaderCrcOffset = 28;  // of bytes 4 to 27
inline constexpr std::size_t kBitmapOffset = 32;
inline constexpr std::size_t kEntriesOffset = 64;
inline constexpr std::uint8_t kVersion2 = 0xfe;  // counts down: 0xff is version 1

// The states of a page: bits only fall.
inline constexpr std::uint32_t kPageEmpty = 0xffffffff;
inline constexpr std::uint32_t kPageActive = 0xfffffffe;
inline constexpr std::uint32_t kPageFull = 0xfffffffc;
inline constexpr std::uint32_t kPageErasing = 0xfffffff8;

// The states of an entry.
inline constexpr unsigned kEntryEmpty = 3;
inline constexpr unsigned kEntryWritten = 2;
inline constexpr unsigned kEntryErased = 0;

// An entry: namespace, type, span in entries, chunk, CRC of all but itself, key with NULs, eight bytes of
// data. Strings and pieces of blobs: size (2), 0xffff, CRC of what follows in the next entries. A blob's
// index: size (4), how many pieces, the first one's number.
inline constexpr std::size_t kSpaceAt = 0;
inline constexpr std::size_t kTypeAt = 1;
inline constexpr std::size_t kSpanAt = 2;
inline constexpr std::size_t kChunkAt = 3;
inline constexpr std::size_t kCrcAt = 4;
inline constexpr std::size_t kKeyAt = 8;
inline constexpr std::size_t kKeySize = 16;
inline constexpr std::size_t kDataAt = 24;
inline constexpr std::uint8_t kNoChunk = 0xff;
inline constexpr unsigned kMostChunks = 127;

// Types that only entries have.
inline constexpr std::uint8_t kOldBlob = 0x41;  // version 1: whole, in one page
inline constexpr std::uint8_t kBlobPiece = 0x42;
inline constexpr std::uint8_t kBlobIndex = 0x48;

// CRC-32 as the ROM's crc32_le() with 0xffffffff: reflected 0x04c11db7, from 0, inverted at the end.
std::uint32_t crc(ByteView bytes);
// Of an entry: without its own CRC.
std::uint32_t entry_crc(ByteView entry);

}  // namespace espalier::image::nvs
