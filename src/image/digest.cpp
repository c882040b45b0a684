#include "image/digest.h"

#include <openssl/evp.h>

#include <new>

namespace espalier::image {
namespace {

template <class Digest>
Digest digest(const EVP_MD* algorithm, ByteView bytes) {
  Digest result{};
  unsigned size = 0;
  // The only failures left for a one-shot digest of a compiled-in algorithm are out of memory and a libcrypto
  // configured to forbid it (FIPS and MD5); neither can be answered here.
  if (EVP_Digest(bytes.data(), bytes.size(), result.data(), &size, algorithm, nullptr) != 1 ||
      size != result.size()) {
    throw std::bad_alloc();
  }
  return result;
}

}  // namespace

Sha256 sha256(ByteView bytes) {
  return digest<Sha256>(EVP_sha256(), bytes);
}

Md5 md5(ByteView bytes) {
  return digest<Md5>(EVP_md5(), bytes);
}

std::string hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace espalier::image
