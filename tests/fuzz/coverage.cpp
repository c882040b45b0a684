// GCC instruments code with -fsanitize-coverage=trace-pc, a call at each basic block, which libFuzzer takes
// no notice of. It does look at bytes in this section, though: so each block gets one of them.
#include <cstdint>

namespace {
constexpr std::uintptr_t kCounters = 1 << 16;
__attribute__((section("__libfuzzer_extra_counters"))) std::uint8_t counters[kCounters];
}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  auto block = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  ++counters[(block ^ block >> 16) % kCounters];
}

// Comparisons of floating-point numbers, which GCC reports and libFuzzer has no use for.
extern "C" void __sanitizer_cov_trace_cmpf(float, float) {}
extern "C" void __sanitizer_cov_trace_cmpd(double, double) {}
