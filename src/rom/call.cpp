#include "rom/call.h"

#include <cstring>

namespace espalier::rom {
namespace {

bool all_pages(const xtensa::MemoryView& memory, std::uint32_t address, std::uint32_t size,
               std::uint8_t wanted) {
  if (size == 0) return true;
  const std::uint32_t last = address + size - 1;
  if (last < address) return false;
  for (std::uint32_t page = address >> 12; page <= last >> 12; ++page)
    if ((memory.attributes[page] & wanted) != wanted) return false;
  return true;
}

}  // namespace

const std::uint8_t* Call::readable(std::uint32_t address, std::uint32_t size) {
  const auto& memory = core_.memory();
  return all_pages(memory, address, size, xtensa::kPageLoadNarrow) ? memory.base + address : nullptr;
}

std::uint8_t* Call::writable(std::uint32_t address, std::uint32_t size) {
  const auto& memory = core_.memory();
  return all_pages(memory, address, size, xtensa::kPageStoreNarrow) ? memory.base + address : nullptr;
}

std::uint32_t Call::load_elsewhere(std::uint32_t address, unsigned size) {
  std::uint32_t value = 0;
  if (const std::uint8_t* host = readable(address, size)) {
    std::memcpy(&value, host, size);
    return value;
  }
  const xtensa::Access access = core_.environment().load(core_, address, size, value);
  if (!access.ok) throw GuestFault{access.cause, address};
  return value;
}

void Call::store_elsewhere(std::uint32_t address, unsigned size, std::uint32_t value) {
  if (std::uint8_t* host = writable(address, size)) {
    std::memcpy(host, &value, size);
    return;
  }
  const xtensa::Access access = core_.environment().store(core_, address, size, value);
  if (!access.ok) throw GuestFault{access.cause, address};
}

std::string Call::string(std::uint32_t address) {
  std::string text;
  while (true) {
    const auto run = readable_run(address, kPage);
    const auto end = std::ranges::find(run, 0);
    text.append(run.begin(), end);
    if (end != run.end()) return text;
    address += static_cast<std::uint32_t>(run.size());
    if (!run.empty()) continue;
    const std::uint8_t c = load8(address++);
    if (c == 0) return text;
    text.push_back(static_cast<char>(c));
  }
}

}  // namespace espalier::rom
