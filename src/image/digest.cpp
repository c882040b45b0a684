#define OPENSSL_SUPPRESS_DEPRECATED
#include "image/digest.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

namespace espalier::image {

// OpenSSL's older interface: EVP's first use reads a configuration file and looks for providers, some
// milliseconds and 2 MiB that a machine's start has no need of.

Sha256 sha256(ByteView bytes) {
  Sha256 result{};
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(result.data(), &context);
  return result;
}

Md5 md5(ByteView bytes) {
  Md5 result{};
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, bytes.data(), bytes.size());
  MD5_Final(result.data(), &context);
  return result;
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
