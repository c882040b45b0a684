#include "devices/wdev.h"

#include <utility>

namespace espalier::devices {
namespace {

constexpr std::uint32_t WDEV_RND_REG = Wdev::kRandomRegister - Wdev::kBase;
// Receive DMA: firmware sets bit 0 to have the descriptor list read again, and waits until it is clear.
constexpr std::uint32_t kReceiveControl = 0x84;

// Firmware sets bit 1 to start the MAC, and waits until bit 0 is set (ESP-IDF v5.1.3's hal_init).
constexpr std::uint32_t kStart = 0xd24;

constexpr Reg kRegisters[] = {
    {WDEV_RND_REG, 0, 0}, {kReceiveControl, 0, 0xfffffffe}, {kStart, 1, 0xfffffffe}};

}  // namespace

Wdev::Wdev(std::function<std::uint32_t()> random, Context context)
    : RegisterBlock("wdev", kSize, kRegisters, context), random_(std::move(random)) {}

std::uint32_t Wdev::read(std::uint32_t offset) {
  return offset == WDEV_RND_REG ? random_() : RegisterBlock::read(offset);
}

std::uint32_t SeededRandom::operator()() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return static_cast<std::uint32_t>(z ^ z >> 31);
}

}  // namespace espalier::devices
