// The accelerator hands out its state after any block, which only OpenSSL's low-level functions can do.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "devices/sha.h"

#include <openssl/sha.h>

#include <algorithm>
#include <span>

namespace espalier::devices {

namespace {

// Four registers for each algorithm, from here on: START, CONTINUE, LOAD, BUSY.
constexpr std::uint32_t SHA_SHA1_START_REG = 0x80;
constexpr std::uint32_t kTextBytes = 0x80;

enum Algorithm : unsigned { kSha1, kSha256, kSha384, kSha512 };
enum Action : unsigned { kStart, kContinue, kLoad, kBusy };

// What each algorithm begins with (FIPS 180-4, 5.3).
constexpr std::array<std::uint32_t, 5> kInitialSha1 = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                                       0xc3d2e1f0};
constexpr std::array<std::uint32_t, 8> kInitialSha256 = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::array<std::uint64_t, 8> kInitialSha384 = {
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};
constexpr std::array<std::uint64_t, 8> kInitialSha512 = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// The message's bytes: each register holds four, the first the highest.
template <std::size_t N>
std::array<std::uint8_t, N> bytes_of(std::span<const std::uint32_t> words) {
  std::array<std::uint8_t, N> bytes;
  for (std::size_t i = 0; i < N; ++i) bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (24 - i % 4 * 8));
  return bytes;
}

}  // namespace

Sha::Sha(Context context) : tracer_(context.tracer) {}

void Sha::reset(ResetKind) {
  text_ = {};
  sha1_ = {};
  sha256_ = {};
  sha512_ = {};
}

void Sha::archive(base::Archive& ar) {
  ar.section("sha");
  ar(text_, sha1_, sha256_, sha512_);
}

std::uint32_t Sha::peek(std::uint32_t offset) {
  return offset < kTextBytes ? text_[offset / 4] : 0;
}

void Sha::write(std::uint32_t offset, std::uint32_t value) {
  if (offset < kTextBytes) {
    text_[offset / 4] = value;
  } else if (value & 1) {
    const std::uint32_t index = (offset - SHA_SHA1_START_REG) / 4;
    command(index / 4, index % 4);
  }
}

void Sha::command(unsigned algorithm, unsigned action) {
  if (action < kBusy) {
    constexpr std::string_view kAlgorithms[] = {"sha1", "sha256", "sha384", "sha512"};
    constexpr std::string_view kActions[] = {"start", "continue", "load"};
    tracer_.trace<base::TraceEvent::sha_block>(kAlgorithms[algorithm], kActions[action]);
  }
  switch (action) {
    case kStart:
      if (algorithm == kSha1) sha1_ = kInitialSha1;
      if (algorithm == kSha256) sha256_ = kInitialSha256;
      if (algorithm == kSha384) sha512_ = kInitialSha384;
      if (algorithm == kSha512) sha512_ = kInitialSha512;
      hash_block(algorithm);
      break;
    case kContinue:
      hash_block(algorithm);
      break;
    case kLoad:
      load(algorithm);
      break;
    default:
      break;  // BUSY cannot be written
  }
}

void Sha::hash_block(unsigned algorithm) {
  if (algorithm == kSha1) {
    const auto bytes = bytes_of<SHA_CBLOCK>(text_);
    SHA_CTX context{};
    context.h0 = sha1_[0];
    context.h1 = sha1_[1];
    context.h2 = sha1_[2];
    context.h3 = sha1_[3];
    context.h4 = sha1_[4];
    SHA1_Transform(&context, bytes.data());
    sha1_ = {context.h0, context.h1, context.h2, context.h3, context.h4};
  } else if (algorithm == kSha256) {
    const auto bytes = bytes_of<SHA256_CBLOCK>(text_);
    SHA256_CTX context{};
    std::ranges::copy(sha256_, context.h);
    SHA256_Transform(&context, bytes.data());
    std::ranges::copy(context.h, sha256_.begin());
  } else {
    const auto bytes = bytes_of<SHA512_CBLOCK>(text_);
    SHA512_CTX context{};
    std::ranges::copy(sha512_, context.h);
    SHA512_Transform(&context, bytes.data());
    std::ranges::copy(context.h, sha512_.begin());
  }
}

// Puts the state into the memory, words of 64 bits with their upper half first.
void Sha::load(unsigned algorithm) {
  if (algorithm == kSha1) {
    std::ranges::copy(sha1_, text_.begin());
  } else if (algorithm == kSha256) {
    std::ranges::copy(sha256_, text_.begin());
  } else {
    for (std::size_t i = 0; i < sha512_.size(); ++i) {
      text_[i * 2] = static_cast<std::uint32_t>(sha512_[i] >> 32);
      text_[i * 2 + 1] = static_cast<std::uint32_t>(sha512_[i]);
    }
  }
}

}  // namespace espalier::devices
