// Random numbers that are the same with every standard library: a program is named by its seed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>

namespace espalier::xtensa::testing {

// Steele, Lea and Flood's SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next64() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  std::uint32_t next() { return static_cast<std::uint32_t>(next64() >> 32); }
  // 0 to n - 1.
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(std::uint64_t{next()} * n >> 32); }
  // Both ends included.
  std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(high - low + 1); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <typename Container>
  auto pick(const Container& from) {
    return from[below(static_cast<std::uint32_t>(std::size(from)))];
  }
  template <typename T>
  T pick(std::initializer_list<T> from) {
    return from.begin()[below(static_cast<std::uint32_t>(from.size()))];
  }
  // An index into `weights`, as often as its weight says.
  template <typename Container>
  std::size_t weighted(const Container& weights) {
    std::uint32_t total = 0;
    for (const auto weight : weights) total += static_cast<std::uint32_t>(weight);
    std::uint32_t at = below(total);
    std::size_t index = 0;
    for (const auto weight : weights) {
      if (at < static_cast<std::uint32_t>(weight)) break;
      at -= static_cast<std::uint32_t>(weight);
      ++index;
    }
    return index;
  }

 private:
  std::uint64_t state_;
};

}  // namespace espalier::xtensa::testing
