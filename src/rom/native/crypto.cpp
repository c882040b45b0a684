// The ROM's cryptography beyond MD5: what wpa_supplicant's SHA-1, SHA-256, HMAC, AES and RC4 interfaces
// promise (its src/crypto/{sha1,sha256,md5,aes_wrap,crypto}.h of 2013). OpenSSL does the rounds. The chip
// uses its SHA and AES accelerators here; nothing of them is visible afterwards but their clock gates, which
// end as they do here: untouched.
#define OPENSSL_SUPPRESS_DEPRECATED  // single AES blocks
#include <openssl/aes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "rom/native/guest_bytes.h"
#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using Bytes = std::vector<u8>;

constexpr u32 kFailed = ~0u;  // -1

// One hash: OpenSSL's name, its size, and what the chip needs for a block of 64 bytes and for the rest of a
// call.
struct Hash {
  const EVP_MD* (*md)();
  u32 size;
  u64 block_cost, call_cost;
};
constexpr Hash kMd5 = {EVP_md5, 16, 900, 1100};
constexpr Hash kSha1 = {EVP_sha1, 20, 750, 1300};
constexpr Hash kSha256 = {EVP_sha256, 32, 750, 1500};
constexpr u64 kAesBlock = 250, kAesCall = 150;

void charge_hash(Call& c, const Hash& hash, std::size_t bytes) {
  c.charge(hash.call_cost + bytes / 64 * hash.block_cost);
}
void charge_hmac(Call& c, const Hash& hash, std::size_t bytes) {
  charge_hash(c, hash, 64 + bytes);
  charge_hash(c, hash, 64 + hash.size);
}

Bytes digest(const Hash& hash, const Bytes& message) {
  Bytes result(hash.size);
  EVP_Digest(message.data(), message.size(), result.data(), nullptr, hash.md(), nullptr);
  return result;
}

Bytes hmac(const Hash& hash, const Bytes& key, const Bytes& message) {
  Bytes result(hash.size);
  static constexpr u8 kNothing = 0;  // OpenSSL takes a null key for "the one of before"
  HMAC(hash.md(), key.empty() ? &kNothing : key.data(), static_cast<int>(key.size()), message.data(),
       message.size(), result.data(), nullptr);
  return result;
}

void append(Bytes& to, const Bytes& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// `count` pieces, their addresses at `addresses` and their sizes at `lengths`, in a row.
Bytes gather(Call& c, u32 count, u32 addresses, u32 lengths) {
  Bytes all;
  for (u32 i = 0; i < count; ++i)
    append(all, load_bytes(c, c.load32(addresses + 4 * i), c.load32(lengths + 4 * i)));
  return all;
}

// int sha1_vector(size_t num_elem, const u8* addr[], const size_t* len, u8* mac)
template <const Hash& H>
void hash_vector(Call& c) {
  const Bytes message = gather(c, c.arg(0), c.arg(1), c.arg(2));
  charge_hash(c, H, message.size());
  store_bytes(c, c.arg(3), digest(H, message));
  c.ret(0);
}

// int hmac_sha1_vector(const u8* key, size_t key_len, size_t num_elem, const u8* addr[], const size_t* len,
// u8* mac): at most five pieces. The SHA-256 one returns nothing.
template <const Hash& H, bool Returns>
void hmac_vector(Call& c) {
  constexpr u32 kMost = 5;
  if (c.arg(2) > kMost) {
    if (Returns) c.ret(kFailed);
    return;
  }
  const Bytes key = load_bytes(c, c.arg(0), c.arg(1));
  const Bytes message = gather(c, c.arg(2), c.arg(3), c.arg(4));
  charge_hmac(c, H, message.size());
  store_bytes(c, c.arg(5), hmac(H, key, message));
  if (Returns) c.ret(0);
}

// int hmac_sha1(const u8* key, size_t key_len, const u8* data, size_t data_len, u8* mac)
template <const Hash& H, bool Returns>
void hmac_one(Call& c) {
  const Bytes key = load_bytes(c, c.arg(0), c.arg(1)), message = load_bytes(c, c.arg(2), c.arg(3));
  charge_hmac(c, H, message.size());
  store_bytes(c, c.arg(4), hmac(H, key, message));
  if (Returns) c.ret(0);
}

Bytes bytes_of(const std::string& text, bool with_nul) {
  Bytes bytes(text.begin(), text.end());
  if (with_nul) bytes.push_back(0);
  return bytes;
}

// int sha1_prf(const u8* key, size_t key_len, const char* label, const u8* data, size_t data_len, u8* buf,
// size_t buf_len): IEEE 802.11i-2004, 8.5.1.1: HMAC(label, 0, data, counter from 0) after each other.
void sha1_prf(Call& c) {
  const Bytes key = load_bytes(c, c.arg(0), c.arg(1));
  Bytes message = bytes_of(c.string(c.arg(2)), true);
  append(message, load_bytes(c, c.arg(3), c.arg(4)));
  message.push_back(0);
  const u32 size = c.arg(6);
  Bytes result;
  for (; result.size() < size; ++message.back()) {
    charge_hmac(c, kSha1, message.size());
    append(result, hmac(kSha1, key, message));
  }
  result.resize(size);
  store_bytes(c, c.arg(5), result);
  c.ret(0);
}

// void sha256_prf(...), the same arguments: IEEE 802.11r-2008, 8.5.1.5.2: HMAC(counter from 1, label, data,
// length in bits), the two numbers in 16 bits, lower byte first.
void sha256_prf(Call& c) {
  const Bytes key = load_bytes(c, c.arg(0), c.arg(1));
  const u32 size = c.arg(6);
  Bytes fixed = bytes_of(c.string(c.arg(2)), false);
  append(fixed, load_bytes(c, c.arg(3), c.arg(4)));
  fixed.push_back(static_cast<u8>(size << 3));
  fixed.push_back(static_cast<u8>(size >> 5));
  Bytes result;
  for (u16 counter = 1; result.size() < size; ++counter) {
    Bytes message = {static_cast<u8>(counter), static_cast<u8>(counter >> 8)};
    append(message, fixed);
    charge_hmac(c, kSha256, message.size());
    append(result, hmac(kSha256, key, message));
  }
  result.resize(size);
  store_bytes(c, c.arg(5), result);
}

constexpr u32 kAesSize = 16, kAes128 = 128;

// int aes_128_cbc_encrypt(const u8* key, const u8* iv, u8* data, size_t data_len): in place; bytes beyond the
// last whole block stay as they are.
template <bool Encrypt>
void aes_128_cbc(Call& c) {
  const Bytes key = load_bytes(c, c.arg(0), kAesSize);
  Bytes iv = load_bytes(c, c.arg(1), kAesSize);
  const u32 size = c.arg(3) & ~(kAesSize - 1);
  Bytes data = load_bytes(c, c.arg(2), size);
  AES_KEY schedule;
  if (Encrypt)
    AES_set_encrypt_key(key.data(), kAes128, &schedule);
  else
    AES_set_decrypt_key(key.data(), kAes128, &schedule);
  AES_cbc_encrypt(data.data(), data.data(), size, &schedule, iv.data(), Encrypt ? AES_ENCRYPT : AES_DECRYPT);
  c.charge(kAesCall + size / kAesSize * kAesBlock);
  store_bytes(c, c.arg(2), data);
  c.ret(0);
}

// int aes_unwrap(const u8* kek, int n, const u8* cipher, u8* plain): RFC 3394, `n` blocks of 8 bytes. What
// was decrypted is stored even where the check fails.
void aes_unwrap(Call& c) {
  constexpr u32 kHalf = 8, kRounds = 6;
  const Bytes kek = load_bytes(c, c.arg(0), kAesSize);
  const u32 n = c.arg(1);
  const Bytes cipher = load_bytes(c, c.arg(2), kHalf * (n + 1));
  Bytes plain(cipher.begin() + kHalf, cipher.end());
  AES_KEY schedule;
  AES_set_decrypt_key(kek.data(), kAes128, &schedule);
  std::array<u8, kAesSize> block;
  std::copy_n(cipher.begin(), kHalf, block.begin());
  for (u32 step = kRounds * n; step > 0; --step) {
    u8* const half = &plain[(step - 1) % n * kHalf];
    block[kHalf - 1] ^= static_cast<u8>(step);
    std::copy_n(half, kHalf, block.begin() + kHalf);
    AES_decrypt(block.data(), block.data(), &schedule);
    std::copy_n(block.begin() + kHalf, kHalf, half);
  }
  c.charge(kAesCall + u64{kRounds} * n * (kAesBlock + 100));
  store_bytes(c, c.arg(3), plain);
  c.ret(std::all_of(block.begin(), block.begin() + kHalf, [](u8 b) { return b == 0xa6; }) ? 0 : kFailed);
}

// int rc4_skip(const u8* key, size_t keylen, size_t skip, u8* data, size_t data_len): in place, after `skip`
// bytes of the key stream have been thrown away.
void rc4_skip(Call& c) {
  const Bytes key = load_bytes(c, c.arg(0), c.arg(1));
  Bytes data = load_bytes(c, c.arg(3), c.arg(4));
  c.charge(256 * 25 + 15 * u64{c.arg(2)} + 18 * u64{data.size()});
  std::array<u8, 256> s;
  for (u32 i = 0; i < s.size(); ++i) s[i] = static_cast<u8>(i);
  u8 j = 0;
  for (u32 i = 0; i < s.size() && !key.empty(); ++i) {
    j = static_cast<u8>(j + s[i] + key[i % key.size()]);
    std::swap(s[i], s[j]);
  }
  u8 i = 0;
  j = 0;
  const auto next = [&] {
    j = static_cast<u8>(j + s[++i]);
    std::swap(s[i], s[j]);
    return s[static_cast<u8>(s[i] + s[j])];
  };
  for (u32 n = c.arg(2); n > 0; --n) next();
  for (u8& byte : data) byte ^= next();
  store_bytes(c, c.arg(3), data);
  c.ret(0);
}

constexpr NativeFunction kFunctions[] = {
    {"sha1_vector", hash_vector<kSha1>},
    {"sha256_vector", hash_vector<kSha256>},
    {"hmac_md5_vector", hmac_vector<kMd5, true>},
    {"hmac_md5", hmac_one<kMd5, true>},
    {"hmac_sha1_vector", hmac_vector<kSha1, true>},
    {"hmac_sha1", hmac_one<kSha1, true>},
    {"hmac_sha256_vector", hmac_vector<kSha256, false>},
    {"hmac_sha256", hmac_one<kSha256, false>},
    {"sha1_prf", sha1_prf},
    {"sha256_prf", sha256_prf},
    {"aes_128_cbc_encrypt", aes_128_cbc<true>},
    {"aes_128_cbc_decrypt", aes_128_cbc<false>},
    {"aes_unwrap", aes_unwrap},
    {"rc4_skip", rc4_skip},
};

}  // namespace

std::span<const NativeFunction> crypto_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
