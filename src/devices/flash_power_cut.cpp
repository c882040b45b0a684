#include "devices/flash_power_cut.h"

#include <algorithm>

namespace espalier::devices {
namespace {

constexpr std::uint32_t kBlock = 64 * 1024;

// Each bit of `mask` with this probability.
std::uint8_t some_of(std::uint8_t mask, double probability, base::Random& random) {
  std::uint8_t chosen = 0;
  for (unsigned bit = 0; bit < 8; ++bit)
    if ((mask >> bit & 1) && random.chance(probability)) chosen |= static_cast<std::uint8_t>(1u << bit);
  return chosen;
}

void interrupt_program(const FlashOperation& operation, std::span<const std::uint8_t> after, double done,
                       base::Random& random, std::vector<std::uint8_t>& bytes) {
  const bool one_by_one = random.chance(0.5);
  const double reached = done * operation.count;  // bytes, where they go one by one
  for (std::uint32_t i = 0; i < operation.count; ++i) {
    const std::size_t at = (operation.first + i) % bytes.size();
    const double share = one_by_one ? std::clamp(reached - i, 0.0, 1.0) : done;
    const auto falls = static_cast<std::uint8_t>(bytes[at] & ~after[at]);
    bytes[at] = static_cast<std::uint8_t>(bytes[at] & ~some_of(falls, share, random));
  }
}

void interrupt_erase(double done, base::Random& random, std::span<std::uint8_t> bytes) {
  const bool falling = done < kPreprogramShare;
  const double share = falling ? done / kPreprogramShare : (done - kPreprogramShare) / (1 - kPreprogramShare);
  for (std::uint8_t& byte : bytes)
    byte = falling ? static_cast<std::uint8_t>(byte & ~some_of(byte, share, random))
                   : some_of(0xff, share, random);
}

}  // namespace

std::vector<std::uint8_t> interrupted(const FlashOperation& operation, std::span<const std::uint8_t> after,
                                      base::Ticks elapsed, base::Random& random) {
  std::vector<std::uint8_t> bytes = operation.before;
  if (operation.duration == 0 || elapsed >= operation.duration) return {after.begin(), after.end()};
  const double done = static_cast<double>(elapsed) / static_cast<double>(operation.duration);
  switch (operation.kind) {
    case FlashOperation::Kind::kProgram:
      interrupt_program(operation, after, done, random, bytes);
      break;
    case FlashOperation::Kind::kErase:
      interrupt_erase(done, random, bytes);
      break;
    case FlashOperation::Kind::kEraseChip: {
      const double blocks = done * static_cast<double>((bytes.size() + kBlock - 1) / kBlock);
      const auto whole = static_cast<std::size_t>(blocks);
      std::fill_n(bytes.begin(), std::min(whole * kBlock, bytes.size()), std::uint8_t{0xff});
      if (whole * kBlock < bytes.size())
        interrupt_erase(blocks - static_cast<double>(whole), random,
                        std::span(bytes).subspan(
                            whole * kBlock, std::min<std::size_t>(kBlock, bytes.size() - whole * kBlock)));
      break;
    }
  }
  return bytes;
}

}  // namespace espalier::devices
