#include "esp32/device_bus.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace espalier::esp32 {

DeviceBus::DeviceBus(base::Logger& log, base::Tracer& tracer)
    : log_(log), tracer_(tracer), unknown_event_(tracer.add_registers("unmapped")) {
  slots_.fill(kNothing);
}

void DeviceBus::mount(std::uint32_t address, std::uint32_t size, devices::Device& device,
                      std::uint32_t device_offset) {
  assert(address % kSlot == 0 && device_offset % 4 == 0 && mounts_.size() < kNothing);
  mounts_.push_back({&device, address, size, device_offset, tracer_.add_registers(device.name())});
  const auto index = static_cast<std::uint8_t>(mounts_.size() - 1);
  const std::uint32_t first = (address - kPeripheralBase) / kSlot;
  std::fill_n(slots_.begin() + first, (size + kSlot - 1) / kSlot, index);
}

DeviceBus::Target DeviceBus::find(std::uint32_t address) const {
  if (address - kAhbPeripheralBase < kAhbPeripheralSize)
    address = address - kAhbPeripheralBase + kAhbPeripheralOffset;
  address &= ~3u;
  const std::uint8_t index = slots_[(address - kPeripheralBase) / kSlot];
  if (index == kNothing) return {nullptr, address};
  const Mount& mount = mounts_[index];
  if (address - mount.address >= mount.size) return {nullptr, address};
  return {&mount, address - mount.address + mount.device_offset};
}

std::uint32_t& DeviceBus::unknown(std::uint32_t address, bool write) {
  const auto [at, first] = unknown_.try_emplace(address, 0);
  if (first)
    log_.debug(base::LogArea::kUnimp, "no device: first {} of register {:#010x}", write ? "write" : "read",
               address);
  return at->second;
}

std::uint32_t DeviceBus::load(std::uint32_t address, unsigned size) {
  const Target target = find(address);
  const std::uint32_t word =
      target.mount ? target.mount->device->read(target.register_) : unknown(target.register_, false);
  tracer_.trace_register(target.mount ? target.mount->event : unknown_event_, address & ~3u, target.register_,
                         word);
  const std::uint32_t shifted = word >> 8 * (address & 3);
  return size == 4 ? shifted : shifted & ((1u << 8 * size) - 1);
}

std::uint32_t DeviceBus::peek(std::uint32_t address) const {
  const Target target = find(address);
  if (target.mount) return target.mount->device->peek(target.register_);
  const auto at = unknown_.find(target.register_);
  return at == unknown_.end() ? 0 : at->second;
}

void DeviceBus::store(std::uint32_t address, unsigned size, std::uint32_t value) {
  const Target target = find(address);
  const unsigned shift = 8 * (address & 3);
  const std::uint32_t mask = (size == 4 ? ~0u : (1u << 8 * size) - 1) << shift;
  if (const std::uint16_t event = target.mount ? target.mount->event : unknown_event_;
      event != base::Tracer::kNoEvent)
    tracer_.trace_register(event + 1, address & ~3u, target.register_, value << shift & mask);
  if (!target.mount) {
    std::uint32_t& word = unknown(target.register_, true);
    word = (word & ~mask) | (value << shift & mask);
  } else if (mask == ~0u) {
    target.mount->device->write(target.register_, value);
  } else {
    target.mount->device->write_masked(target.register_, value << shift, mask);
  }
}

void DeviceBus::archive(base::Archive& ar) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> words(unknown_.begin(), unknown_.end());
  std::sort(words.begin(), words.end());  // an archive of the same state has the same bytes
  ar(words);
  unknown_.clear();
  unknown_.insert(words.begin(), words.end());
}

}  // namespace espalier::esp32
