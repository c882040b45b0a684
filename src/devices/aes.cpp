#include "devices/aes.h"

#include <algorithm>

namespace espalier::devices {

namespace {

constexpr std::uint32_t AES_START_REG = 0x00;
constexpr std::uint32_t AES_IDLE_REG = 0x04;
constexpr std::uint32_t AES_MODE_REG = 0x08;
constexpr std::uint32_t AES_KEY_0_REG = 0x10;
constexpr std::uint32_t AES_KEY_7_REG = 0x2c;
constexpr std::uint32_t AES_TEXT_0_REG = 0x30;
constexpr std::uint32_t AES_ENDIAN_REG = 0x40;

constexpr std::uint32_t kModeDecrypt = 4;  // the lower bits: key of 128, 192 or 256 bits

// AES_ENDIAN_REG: for key, text in and text out two bits each, how bytes lie in a word and words in the
// block. Set, as after reset, means the first byte is the lowest.
constexpr std::uint32_t kEndianAfterReset = 0x3f;
constexpr unsigned kEndianKey = 0, kEndianIn = 2, kEndianOut = 4;

// Where byte `i` of a block of `words` words lies, as a byte number in the registers.
std::size_t place(std::size_t i, std::size_t words, std::uint32_t order) {
  const std::size_t word = order & 2 ? i / 4 : words - 1 - i / 4;
  const std::size_t byte = order & 1 ? i % 4 : 3 - i % 4;
  return word * 4 + byte;
}

}  // namespace

Aes::Aes(Context context)
    : registers_("aes", kSize, context.log), tracer_(context.tracer), cipher_(EVP_CIPHER_CTX_new()) {
  reset(ResetKind::kSystem);
}

void Aes::reset(ResetKind) {
  registers_.clear();
  registers_.set(AES_ENDIAN_REG, kEndianAfterReset);
  prepared_ = false;
}

void Aes::archive(base::Archive& ar) {
  ar.section("aes");
  registers_.archive(ar);
  if (!ar.is_saving()) prepared_ = false;
}

std::uint32_t Aes::peek(std::uint32_t offset) {
  if (offset == AES_IDLE_REG) return 1;
  if (offset == AES_START_REG) return 0;
  return registers_.get(offset);
}

void Aes::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == AES_START_REG) {
    if (value & 1) start();
    return;
  }
  const bool of_the_key = offset == AES_MODE_REG || offset == AES_ENDIAN_REG ||
                          (offset >= AES_KEY_0_REG && offset <= AES_KEY_7_REG);
  if (of_the_key && registers_.get(offset) != value) prepared_ = false;
  registers_.set(offset, value);
}

// Expands the key, which drivers write anew for each block but seldom change.
bool Aes::prepare() {
  if (prepared_) return true;
  const std::uint32_t mode = registers_.get(AES_MODE_REG);
  const std::size_t words = 4 + std::min<std::size_t>(mode & 3, 2) * 2;
  const std::uint32_t order = registers_.get(AES_ENDIAN_REG) >> kEndianKey;
  std::array<std::uint8_t, 32> key{};
  for (std::size_t i = 0; i < words * 4; ++i) {
    const std::size_t at = place(i, words, order);
    const auto offset = AES_KEY_0_REG + static_cast<std::uint32_t>(at & ~std::size_t{3});
    key[i] = static_cast<std::uint8_t>(registers_.get(offset) >> at % 4 * 8);
  }
  const EVP_CIPHER* cipher = words == 4   ? EVP_aes_128_ecb()
                             : words == 6 ? EVP_aes_192_ecb()
                                          : EVP_aes_256_ecb();
  const int encrypt = mode & kModeDecrypt ? 0 : 1;
  prepared_ = EVP_CipherInit_ex(cipher_.get(), cipher, nullptr, key.data(), nullptr, encrypt) == 1 &&
              EVP_CIPHER_CTX_set_padding(cipher_.get(), 0) == 1;
  return prepared_;
}

void Aes::start() {
  if (!prepare()) return;
  const std::uint32_t mode = registers_.get(AES_MODE_REG);
  tracer_.trace<base::TraceEvent::aes_block>(128 + std::min(mode & 3, 2u) * 64, (mode & kModeDecrypt) != 0);
  const std::uint32_t orders = registers_.get(AES_ENDIAN_REG);
  std::array<std::uint8_t, 16> in;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t at = place(i, 4, orders >> kEndianIn);
    const auto offset = AES_TEXT_0_REG + static_cast<std::uint32_t>(at & ~std::size_t{3});
    in[i] = static_cast<std::uint8_t>(registers_.get(offset) >> at % 4 * 8);
  }
  std::array<std::uint8_t, 32> out{};
  int length = 0;
  if (EVP_CipherUpdate(cipher_.get(), out.data(), &length, in.data(), static_cast<int>(in.size())) != 1)
    return;
  std::array<std::uint32_t, 4> text{};
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t at = place(i, 4, orders >> kEndianOut);
    text[at / 4] |= std::uint32_t{out[i]} << at % 4 * 8;
  }
  for (std::uint32_t i = 0; i < text.size(); ++i) registers_.set(AES_TEXT_0_REG + i * 4, text[i]);
}

}  // namespace espalier::devices
