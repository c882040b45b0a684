// The vectors that random programs run with, twice (so that VECBASE can change): handlers that count, put
// right what can be put right, skip what cannot, and go on.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier::xtensa::testing {

// In both pages: where the handlers go on after what cannot be skipped, and after the fourth time.
inline constexpr std::uint32_t kRecoveryWord = 0x404, kFinishWord = 0x408;

// A page of vectors and handlers for VECBASE `base`.
std::vector<std::uint8_t> random_vectors_page(std::uint32_t base);

// kRandomVectorsSize bytes for kVectors.
const std::vector<std::uint8_t>& random_vectors();

}  // namespace espalier::xtensa::testing
