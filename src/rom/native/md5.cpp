// The ROM's MD5 (ESP-IDF components/esp_rom/include/esp_rom_md5.h): the bootloader checks the partition table
// with it. The context is the guest's: {uint32_t buf[4]; uint32_t bits[2]; uint8_t in[64];}. OpenSSL does the
// rounds.
#define OPENSSL_SUPPRESS_DEPRECATED  // EVP cannot take up a state that lies in the guest
#include <openssl/md5.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rom/native/guest_bytes.h"
#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u32 = std::uint32_t;

constexpr u32 kBlock = 64;
constexpr u32 kContextSize = 88;
constexpr u32 kCyclesPerBlock = 770;

struct Context {
  std::array<u32, 4> state;
  std::array<u32, 2> bits;  // of the message so far, low word first
  std::array<u8, kBlock> in;
};
static_assert(sizeof(Context) == kContextSize);

Context load(Call& c, u32 at) {
  Context context;
  std::memcpy(&context, load_bytes(c, at, kContextSize).data(), kContextSize);
  return context;
}

void store(Call& c, u32 at, const Context& context) {
  store_bytes(c, at, {reinterpret_cast<const u8*>(&context), kContextSize});
}

void transform(Context& context, const u8* block) {
  MD5_CTX md5{};
  md5.A = context.state[0], md5.B = context.state[1], md5.C = context.state[2], md5.D = context.state[3];
  MD5_Transform(&md5, block);
  context.state = {md5.A, md5.B, md5.C, md5.D};
}

void update(Context& context, std::span<const u8> data) {
  u32 held = context.bits[0] / 8 % kBlock;
  const std::uint64_t total = (context.bits[0] | std::uint64_t{context.bits[1]} << 32) + 8 * data.size();
  context.bits = {static_cast<u32>(total), static_cast<u32>(total >> 32)};
  while (!data.empty()) {
    const std::size_t n = std::min<std::size_t>(kBlock - held, data.size());
    std::copy_n(data.begin(), n, context.in.begin() + held);
    data = data.subspan(n);
    held += static_cast<u32>(n);
    if (held == kBlock) {
      transform(context, context.in.data());
      held = 0;
    }
  }
}

constexpr Context kStart = {{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, {0, 0}, {}};

// MD5Init(struct MD5Context* context): leaves `in` as it is.
void md5_init(Call& c) {
  c.charge(20);
  store_bytes(c, c.arg(0), {reinterpret_cast<const u8*>(&kStart), offsetof(Context, in)});
}

void md5_update(Call& c) {
  const u32 n = c.arg(2);
  c.charge(45 + std::uint64_t{n} / kBlock * kCyclesPerBlock);
  Context context = load(c, c.arg(0));
  update(context, load_bytes(c, c.arg(1), n));
  store(c, c.arg(0), context);
}

std::array<u8, 16> finish(Context& context) {
  const std::array<u32, 2> bits = context.bits;
  static constexpr std::array<u8, kBlock> kPadding = {0x80};
  const u32 held = bits[0] / 8 % kBlock;
  update(context, std::span(kPadding).first(held < 56 ? 56 - held : 120 - held));
  std::array<u8, 8> length;
  std::memcpy(length.data(), bits.data(), length.size());
  update(context, length);
  context.bits = bits;
  std::array<u8, 16> digest;
  std::memcpy(digest.data(), context.state.data(), digest.size());
  return digest;
}

// MD5Final(unsigned char digest[16], struct MD5Context* context): of the context the first word is wiped, no
// more (the chip's source says sizeof of the pointer).
void md5_final(Call& c) {
  c.charge(50 + kCyclesPerBlock);
  Context context = load(c, c.arg(1));
  const auto digest = finish(context);
  store(c, c.arg(1), context);
  store_bytes(c, c.arg(0), digest);
  c.store32(c.arg(1), 0);
}

// int md5_vector(size_t num_elem, const u8* addr[], const size_t* len, u8* mac)
void md5_vector(Call& c) {
  Context context = kStart;
  for (u32 i = 0; i < c.arg(0); ++i) {
    const u32 n = c.load32(c.arg(2) + 4 * i);
    c.charge(45 + std::uint64_t{n} / kBlock * kCyclesPerBlock);
    update(context, load_bytes(c, c.load32(c.arg(1) + 4 * i), n));
  }
  const auto digest = finish(context);
  store_bytes(c, c.arg(3), digest);
  c.ret(0);
}

constexpr NativeFunction kFunctions[] = {
    {"MD5Init", md5_init},
    {"MD5Update", md5_update},
    {"MD5Final", md5_final},
    {"md5_vector", md5_vector},
};

}  // namespace

std::span<const NativeFunction> md5_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
