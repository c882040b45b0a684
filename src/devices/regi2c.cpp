#include "devices/regi2c.h"

#include <utility>
#include <vector>

namespace espalier::devices {
namespace {

constexpr unsigned kHosts = 16;
constexpr std::uint32_t ANA_CONFIG_REG = 0x44;
constexpr std::uint8_t kRfpll = 0x62;  // host 1
constexpr std::uint32_t WRITE = 1u << 24, BUSY = 1u << 25;

constexpr Reg kRegisters[] = {{0, 0, 0xffffffff, kHosts}, {ANA_CONFIG_REG}};

// Radio registers outside the bus that the PHY library polls for completion; it is done with all bits set.
constexpr std::uint32_t kRadioDone[] = {0x4c, 0xc4};

// Status bits: `set` always reads as 1 (calibration ended, PLL locked). regi2c_bbpll.h, regi2c_apll.h.
struct Status {
  std::uint8_t block, reg, set;
};
constexpr Status kStatus[] = {
    {RegI2c::kBbpll, 6, 0x03},  // OR_LOCK1, OR_LOCK2
    {RegI2c::kBbpll, 7, 0x40},  // OR_CAL_END
    {RegI2c::kApll, 3, 0x80},   // OR_CAL_END
    {kRfpll, 7, 0x80},          // polled by the PHY library of ESP-IDF v5.1.3 ("pll_cal exceeds 2ms")
};

// Reset values that ESP-IDF's clk_tree_ll.h states for the PLL (BBPLL_*_VAL).
struct Initial {
  std::uint8_t reg, value;
};
constexpr Initial kBbpllReset[] = {{0, 0x18}, {1, 0x20}, {4, 0x9a}, {10, 0x00}};

constexpr std::uint32_t key(unsigned host, std::uint8_t block, std::uint8_t reg) {
  return static_cast<std::uint32_t>(host << 16) | static_cast<std::uint32_t>(block) << 8 | reg;
}

}  // namespace

RegI2c::RegI2c(Context context) : RegisterBlock("regi2c", kSize, kRegisters, context, Domain::kRtc) {}

std::uint8_t RegI2c::read_byte(unsigned host, std::uint8_t block, std::uint8_t reg) const {
  const auto written = bytes_.find(key(host, block, reg));
  const bool pll = block == kBbpll || block == kApll;
  std::uint8_t value = pll ? 0 : 0xff;
  if (written != bytes_.end())
    value = written->second;
  else if (block == kBbpll)
    for (const Initial& initial : kBbpllReset)
      if (initial.reg == reg) value = initial.value;
  for (const Status& status : kStatus)
    if (status.block == block && status.reg == reg) value |= status.set;
  return value;
}

void RegI2c::write_byte(unsigned host, std::uint8_t block, std::uint8_t reg, std::uint8_t data) {
  bytes_[key(host, block, reg)] = data;
  if (on_write) on_write(host, block, reg, data);
}

std::uint32_t RegI2c::peek(std::uint32_t offset) {
  for (const std::uint32_t done : kRadioDone)
    if (offset == done) return 0xffffffff;
  return get(offset);
}

std::uint32_t RegI2c::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void RegI2c::write(std::uint32_t offset, std::uint32_t value) {
  const unsigned host = offset / 4;
  if (host >= kHosts) return RegisterBlock::write(offset, value);
  const auto block = static_cast<std::uint8_t>(value), reg = static_cast<std::uint8_t>(value >> 8);
  value &= ~BUSY;
  if (value & WRITE)
    write_byte(host, block, reg, static_cast<std::uint8_t>(value >> 16));
  else
    value = (value & 0xff00ffff) | static_cast<std::uint32_t>(read_byte(host, block, reg)) << 16;
  set(offset, value);
}

void RegI2c::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  if (reached_by(kind)) bytes_.clear();
}

void RegI2c::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  std::vector<std::pair<std::uint32_t, std::uint8_t>> bytes(bytes_.begin(), bytes_.end());
  ar(bytes);
  if (!ar.is_saving()) bytes_ = {bytes.begin(), bytes.end()};
}

}  // namespace espalier::devices
