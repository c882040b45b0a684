// The RSA accelerator: arithmetic on numbers of up to 4096 bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "devices/device.h"

namespace espalier::devices {

// Registers and memories of TRM ch. "RSA Accelerator" at 0x3ff02000. Numbers are little-endian, lengths
// multiples of 512 bits:
//   modular exponentiation   Z = X^Y mod M (with R^2 mod M in Z, M' in RSA_M_PRIME_REG)
//   Montgomery product       Z = X * Z * R^-1 mod M (two of them make a modular product)
//   product                  Z = X * (upper half of Z)
// Results are there as soon as an operation is started. The memories are cleared by a reset, which is what
// software waits for in RSA_CLEAN_REG when it powers the accelerator up.
class Rsa : public Device {
 public:
  static constexpr std::uint32_t kSize = 0x81c;

  explicit Rsa(Context context);

  std::string_view name() const override { return "rsa"; }
  std::uint32_t read(std::uint32_t offset) override { return peek(offset); }
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

  // RSA_INTR: an operation is done, until software writes to RSA_INTERRUPT_REG.
  base::IrqLine interrupt;

 private:
  static constexpr std::size_t kWords = 128;
  using Number = std::array<std::uint32_t, kWords>;

  void exponentiate();
  void multiply();
  void montgomery_multiply(std::size_t words);
  void finish();

  base::Logger& log_;
  base::Tracer& tracer_;
  // In the order of their addresses.
  Number m_{}, z_{}, y_{}, x_{};
  std::uint32_t m_prime_ = 0;
  std::uint32_t exponent_mode_ = 0;
  std::uint32_t multiply_mode_ = 0;
  bool done_ = false;
};

}  // namespace espalier::devices
