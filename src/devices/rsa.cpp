#include "devices/rsa.h"

#include <openssl/bn.h>

#include <algorithm>
#include <bit>
#include <memory>

namespace espalier::devices {

namespace {

constexpr std::uint32_t kMemories = 0x800;  // M, Z, Y, X: 0x200 bytes each
constexpr std::uint32_t RSA_M_PRIME_REG = 0x800;
constexpr std::uint32_t RSA_MODEXP_MODE_REG = 0x804;
constexpr std::uint32_t RSA_MODEXP_START_REG = 0x808;
constexpr std::uint32_t RSA_MULT_MODE_REG = 0x80c;
constexpr std::uint32_t RSA_MULT_START_REG = 0x810;
constexpr std::uint32_t RSA_INTERRUPT_REG = 0x814;
constexpr std::uint32_t RSA_CLEAN_REG = 0x818;

constexpr std::size_t kBlockWords = 16;     // lengths are counted in 512 bits
constexpr std::uint32_t kPlainProduct = 8;  // in RSA_MULT_MODE_REG

struct Free {
  void operator()(BIGNUM* n) const { BN_free(n); }
  void operator()(BN_CTX* context) const { BN_CTX_free(context); }
};
using BigNumber = std::unique_ptr<BIGNUM, Free>;

static_assert(std::endian::native == std::endian::little, "numbers are handed to libcrypto as bytes");

BigNumber number(std::span<const std::uint32_t> words) {
  return BigNumber(BN_lebin2bn(reinterpret_cast<const unsigned char*>(words.data()),
                               static_cast<int>(words.size_bytes()), nullptr));
}

// The lowest words of `n`; a number that does not fit is cut off, as the memory does.
void store(const BIGNUM* n, std::span<std::uint32_t> words) {
  if (BN_bn2lebinpad(n, reinterpret_cast<unsigned char*>(words.data()),
                     static_cast<int>(words.size_bytes())) < 0) {
    std::ranges::fill(words, 0);
  }
}

// *sum += a * b + carry; returns the new carry.
std::uint32_t add_product(std::uint32_t& sum, std::uint32_t a, std::uint32_t b, std::uint32_t carry) {
  const std::uint64_t t = std::uint64_t{a} * b + sum + carry;
  sum = static_cast<std::uint32_t>(t);
  return static_cast<std::uint32_t>(t >> 32);
}

}  // namespace

Rsa::Rsa(Context context) : log_(context.log), tracer_(context.tracer) {}

void Rsa::reset(ResetKind) {
  m_ = z_ = y_ = x_ = {};
  m_prime_ = exponent_mode_ = multiply_mode_ = 0;
  done_ = false;
  interrupt.set(false);
}

void Rsa::archive(base::Archive& ar) {
  ar.section("rsa");
  ar(m_, z_, y_, x_, m_prime_, exponent_mode_, multiply_mode_, done_);
  interrupt.set(done_);
}

std::uint32_t Rsa::peek(std::uint32_t offset) {
  if (offset < kMemories) {
    const Number* const memories[] = {&m_, &z_, &y_, &x_};
    return (*memories[offset / sizeof(Number)])[offset % sizeof(Number) / 4];
  }
  switch (offset) {
    case RSA_M_PRIME_REG:
      return m_prime_;
    case RSA_MODEXP_MODE_REG:
      return exponent_mode_;
    case RSA_MULT_MODE_REG:
      return multiply_mode_;
    case RSA_INTERRUPT_REG:
      return done_;
    case RSA_CLEAN_REG:
      return 1;
    default:
      return 0;
  }
}

void Rsa::write(std::uint32_t offset, std::uint32_t value) {
  if (offset < kMemories) {
    Number* const memories[] = {&m_, &z_, &y_, &x_};
    (*memories[offset / sizeof(Number)])[offset % sizeof(Number) / 4] = value;
    return;
  }
  switch (offset) {
    case RSA_M_PRIME_REG:
      m_prime_ = value;
      break;
    case RSA_MODEXP_MODE_REG:
      exponent_mode_ = value & 7;
      break;
    case RSA_MODEXP_START_REG:
      if (value & 1) exponentiate();
      break;
    case RSA_MULT_MODE_REG:
      multiply_mode_ = value & 15;
      break;
    case RSA_MULT_START_REG:
      if (value & 1) multiply();
      break;
    case RSA_INTERRUPT_REG:
      if (value & 1) {
        done_ = false;
        interrupt.set(false);
      }
      break;
    default:
      break;
  }
}

void Rsa::finish() {
  done_ = true;
  interrupt.set(true);
}

// The accelerator works on Montgomery's representation, for which software hands it R^2 mod M and M'; from
// right ones the result is the plain power, which libcrypto finds sooner.
void Rsa::exponentiate() {
  const std::size_t words = (exponent_mode_ + 1) * kBlockWords;
  tracer_.trace<base::TraceEvent::rsa_exponentiate>(words * 32);
  const BigNumber x = number(std::span(x_).first(words));
  const BigNumber y = number(std::span(y_).first(words));
  const BigNumber m = number(std::span(m_).first(words));
  const BigNumber z(BN_new());
  const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
  const auto result = std::span(z_).first(words);
  if (!BN_is_zero(m.get()) && BN_mod_exp(z.get(), x.get(), y.get(), m.get(), context.get()) == 1) {
    store(z.get(), result);
  } else {
    log_.debug(base::LogArea::kGuestError, "rsa: exponentiation with a modulus of zero");
    std::ranges::fill(result, 0);
  }
  finish();
}

void Rsa::multiply() {
  const std::size_t words = ((multiply_mode_ & 7) + 1) * kBlockWords;
  tracer_.trace<base::TraceEvent::rsa_multiply>(words * 32, multiply_mode_ < kPlainProduct);
  if (multiply_mode_ < kPlainProduct) {
    montgomery_multiply(words);
  } else {
    // The factors have half the result's length; one of them is the upper half of Z.
    const std::size_t half = words / 2;
    const BigNumber x = number(std::span(x_).first(half));
    const BigNumber y = number(std::span(z_).subspan(half, half));
    const BigNumber z(BN_new());
    const std::unique_ptr<BN_CTX, Free> context(BN_CTX_new());
    BN_mul(z.get(), x.get(), y.get(), context.get());
    store(z.get(), std::span(z_).first(words));
  }
  finish();
}

// Montgomery's product, a word of X at a time (Handbook of Applied Cryptography, algorithm 14.36), with the
// M' that software has given: whatever that is, the result is what the algorithm makes of it.
void Rsa::montgomery_multiply(std::size_t words) {
  std::array<std::uint32_t, kWords + 2> a{};
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint32_t u = (a[0] + x_[i] * z_[0]) * m_prime_;
    std::uint32_t carry_product = 0;
    std::uint32_t carry_modulus = 0;
    for (std::size_t j = 0; j < words; ++j) {
      carry_product = add_product(a[j], x_[i], z_[j], carry_product);
      carry_modulus = add_product(a[j], u, m_[j], carry_modulus);
    }
    const std::uint64_t top = std::uint64_t{a[words]} + carry_product + carry_modulus;
    a[words] = static_cast<std::uint32_t>(top);
    a[words + 1] += static_cast<std::uint32_t>(top >> 32);
    std::copy(a.begin() + 1, a.end(), a.begin());  // divide by 2^32
    a.back() = 0;
  }
  const auto low = std::span(a).first(words);
  const auto m = std::span(m_).first(words);
  const bool too_large =
      a[words] != 0 || !std::lexicographical_compare(low.rbegin(), low.rend(), m.rbegin(), m.rend());
  if (too_large) {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t difference = std::uint64_t{a[i]} - m_[i] - borrow;
      a[i] = static_cast<std::uint32_t>(difference);
      borrow = difference >> 63;
    }
  }
  std::copy(low.begin(), low.end(), z_.begin());
}

}  // namespace espalier::devices
