// The host's floating-point environment, set up as the guest's FCR asks for.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace espalier::xtensa {

// FSR's exception flags (the enable bits of FCR lie five lower).
inline constexpr std::uint32_t kFsrInexact = 1u << 7, kFsrUnderflow = 1u << 8, kFsrOverflow = 1u << 9;
inline constexpr std::uint32_t kFsrDivideByZero = 1u << 10, kFsrInvalid = 1u << 11;

// Between use() and leave() the host rounds as the guest does and collects the guest's exception flags.
// Changing the host's environment costs more than an operation: it is done at the first one of a stretch of
// guest code, and undone only before host code runs that has nothing to do with the guest.
class HostFp {
 public:
  void use(std::uint32_t fcr) {
    if (!in_use_) enter(fcr);
  }
  // Restores the host's own environment and adds the flags raised since to `fsr`.
  void leave(std::uint32_t& fsr) {
    if (in_use_) restore(fsr);
  }

 private:
#if defined(__SSE2__)
  void enter(std::uint32_t fcr) {
    static constexpr unsigned kModes[] = {_MM_ROUND_NEAREST, _MM_ROUND_TOWARD_ZERO, _MM_ROUND_UP,
                                          _MM_ROUND_DOWN};
    host_ = _mm_getcsr();
    _mm_setcsr(_MM_MASK_MASK | kModes[fcr & 3]);
    in_use_ = true;
  }
  void restore(std::uint32_t& fsr) {
    const unsigned raised = _mm_getcsr();
    fsr |= ((raised & _MM_EXCEPT_INEXACT) != 0 ? kFsrInexact : 0) |
           ((raised & _MM_EXCEPT_UNDERFLOW) != 0 ? kFsrUnderflow : 0) |
           ((raised & _MM_EXCEPT_OVERFLOW) != 0 ? kFsrOverflow : 0) |
           ((raised & _MM_EXCEPT_DIV_ZERO) != 0 ? kFsrDivideByZero : 0) |
           ((raised & _MM_EXCEPT_INVALID) != 0 ? kFsrInvalid : 0);
    _mm_setcsr(host_);
    in_use_ = false;
  }
  unsigned host_ = 0;
#else
  void enter(std::uint32_t fcr) {
    static constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_UPWARD, FE_DOWNWARD};
    std::feholdexcept(&host_);
    std::fesetround(kModes[fcr & 3]);
    in_use_ = true;
  }
  void restore(std::uint32_t& fsr) {
    const int raised = std::fetestexcept(FE_ALL_EXCEPT);
    fsr |= ((raised & FE_INEXACT) != 0 ? kFsrInexact : 0) |
           ((raised & FE_UNDERFLOW) != 0 ? kFsrUnderflow : 0) |
           ((raised & FE_OVERFLOW) != 0 ? kFsrOverflow : 0) |
           ((raised & FE_DIVBYZERO) != 0 ? kFsrDivideByZero : 0) |
           ((raised & FE_INVALID) != 0 ? kFsrInvalid : 0);
    std::fesetenv(&host_);
    in_use_ = false;
  }
  std::fenv_t host_{};
#endif
  bool in_use_ = false;
};

}  // namespace espalier::xtensa
