// Random numbers that repeat: what is done to a machine on purpose follows from a seed.
#pragma once

#include <cstdint>
#include <string_view>

namespace espalier::base {

// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): the same
// sequence for the same seed on every host.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  // From 0 up to 1, without it.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // From 0 up to `limit`, without it; `limit` is not 0.
  std::uint64_t below(std::uint64_t limit) {
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(next()) * limit >> 64);
  }
  bool chance(double probability) { return unit() < probability; }

 private:
  std::uint64_t state_;
};

// A seed that follows from a name (FNV-1a), and from another seed.
constexpr std::uint64_t seed_of(std::string_view name, std::uint64_t seed = 0) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

// Seeds that people see are no greater: what a JSON number holds exactly.
inline constexpr std::uint64_t kMostSeed = (std::uint64_t{1} << 53) - 1;

}  // namespace espalier::base
