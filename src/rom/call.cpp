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

// An aligned word needs less of a page than bytes do: the instruction bus takes nothing else.
std::uint32_t Call::load(std::uint32_t address, unsigned size) {
  std::uint32_t value = 0;
  const auto& memory = core_.memory();
  const bool word = size == 4 && (address & 3) == 0;
  if (all_pages(memory, address, size, word ? xtensa::kPageLoad32 : xtensa::kPageLoadNarrow)) {
    std::memcpy(&value, memory.base + address, size);
    return value;
  }
  const xtensa::Access access = core_.environment().load(core_, address, size, value);
  if (!access.ok) throw GuestFault{access.cause, address};
  return value;
}

void Call::store(std::uint32_t address, unsigned size, std::uint32_t value) {
  const auto& memory = core_.memory();
  const bool word = size == 4 && (address & 3) == 0;
  if (all_pages(memory, address, size, word ? xtensa::kPageStore32 : xtensa::kPageStoreNarrow)) {
    std::memcpy(memory.base + address, &value, size);
    return;
  }
  const xtensa::Access access = core_.environment().store(core_, address, size, value);
  if (!access.ok) throw GuestFault{access.cause, address};
}

std::string Call::string(std::uint32_t address) {
  std::string text;
  while (const std::uint8_t c = load8(address++)) text.push_back(static_cast<char>(c));
  return text;
}

}  // namespace espalier::rom
