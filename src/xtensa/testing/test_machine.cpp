#include "xtensa/testing/test_machine.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace espalier::xtensa::testing {
namespace {

constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 32;
constexpr unsigned kPageBits = 12;
// An access beside the address space hits a page that nobody may touch.
constexpr std::uint8_t kWords = kPageLoad32 | kPageStore32;
constexpr std::uint8_t kAnySize = kWords | kPageLoadNarrow | kPageStoreNarrow;

std::uint8_t* reserve() {
  void* at = mmap(nullptr, kAddressSpace + 2 * kGuardSize, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::runtime_error("cannot reserve 4 GiB of address space");
  return static_cast<std::uint8_t*>(at) + kGuardSize;
}

bool is_device(std::uint32_t address) {
  return address >> kPageBits == kDevice >> kPageBits;
}

}  // namespace

TestMachine::TestMachine(std::uint32_t prid) : attributes_(1 << 20), plain_(1 << 20), prid_(prid) {
  memory_ = reserve();
  alias_ = reserve();
  const int file = memfd_create("test-machine", MFD_CLOEXEC);
  off_t used = 0;
  const auto map = [&](std::uint32_t address, std::uint32_t size, std::uint8_t attributes) {
    if (ftruncate(file, used + size) != 0) throw std::runtime_error("no memory for a test machine");
    for (std::uint8_t* view : {memory_, alias_}) {
      if (mmap(view + address, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, used) ==
          MAP_FAILED)
        throw std::runtime_error("cannot map the memory of a test machine");
    }
    used += size;
    set_attributes(address, size, attributes);
  };
  map(kVectors, 0x2000, kWords | kPageFetch);
  map(kCode, 0x40000, kWords | kPageFetch);
  map(kData, 0x40000, kAnySize);
  map(kMixed, 0x10000, kAnySize);
  close(file);
  renew_core();
}

TestMachine::~TestMachine() {
  for (std::uint8_t* view : {memory_, alias_}) munmap(view - kGuardSize, kAddressSpace + 2 * kGuardSize);
}

void TestMachine::renew_core() {
  core_ = std::make_unique<Core>(0, prid_, MemoryView{memory_, attributes_.data()}, *this);
}

void TestMachine::set_attributes(std::uint32_t address, std::uint32_t size, std::uint8_t attributes) {
  for (std::uint32_t page = address >> kPageBits; page <= (address + size - 1) >> kPageBits; ++page) {
    attributes_[page] = plain_[page] = attributes;
    protect(page);
  }
}

void TestMachine::protect(std::uint32_t page) const {
  mprotect(memory_ + (std::size_t{page} << kPageBits), std::size_t{1} << kPageBits,
           host_protection(attributes_[page]));
}

Program TestMachine::load_program(std::string_view text, std::uint32_t base) {
  Program program = assemble(text, base);
  write(base, program.bytes);
  state().pc = base;
  return program;
}

void TestMachine::write(std::uint32_t address, const std::vector<std::uint8_t>& bytes) {
  std::copy(bytes.begin(), bytes.end(), alias_ + address);
  core_->invalidate_code(address, static_cast<std::uint32_t>(bytes.size()));
}

void TestMachine::write32(std::uint32_t address, std::uint32_t value) {
  std::memcpy(alias_ + address, &value, 4);
  core_->invalidate_code(address, 4);
}

std::uint32_t TestMachine::read32(std::uint32_t address) const {
  std::uint32_t value = 0;
  std::memcpy(&value, alias_ + address, 4);
  return value;
}

bool TestMachine::run_to(std::uint32_t address, std::uint64_t limit) {
  for (; limit != 0 && state().pc != address; --limit) {
    const Stop stop = core_->run(1);
    if (stop == Stop::kWaiti || stop == Stop::kHalted) return false;
  }
  return state().pc == address;
}

bool TestMachine::is_memory(std::uint32_t address) const {
  return plain_[address >> kPageBits] != 0;
}

Access TestMachine::load(Core&, std::uint32_t address, unsigned size, std::uint32_t& value) {
  ++slow_loads;
  const std::uint32_t last = address + size - 1;
  if (is_device(address)) {
    value = on_device_load ? on_device_load(address, size) : 0;
    return {};
  }
  if (!is_memory(address) || !is_memory(last)) return {false, Cause::kLoadProhibited};
  if ((size != 4 || address % 4 != 0) &&
      (plain_[address >> kPageBits] & plain_[last >> kPageBits] & kPageLoadNarrow) == 0) {
    return {false, Cause::kLoadStoreError};
  }
  std::memcpy(&value, alias_ + address, size);
  return {};
}

Access TestMachine::store(Core& core, std::uint32_t address, unsigned size, std::uint32_t value) {
  ++slow_stores;
  const std::uint32_t last = address + size - 1;
  if (is_device(address)) {
    if (on_device_store) on_device_store(address, size, value);
    return {};
  }
  if (!is_memory(address) || !is_memory(last)) return {false, Cause::kStoreProhibited};
  if ((size != 4 || address % 4 != 0) &&
      (plain_[address >> kPageBits] & plain_[last >> kPageBits] & kPageStoreNarrow) == 0) {
    return {false, Cause::kLoadStoreError};
  }
  std::memcpy(alias_ + address, &value, size);
  core.invalidate_code(address, size);
  return {};
}

Access TestMachine::fetch(Core&, std::uint32_t address, std::uint8_t (&bytes)[4]) {
  ++slow_fetches;
  if (address >> 16 != kMixed >> 16) return {false, Cause::kInstFetchProhibited};
  std::memcpy(bytes, alias_ + address, std::min<std::uint32_t>(4, kMixed + 0x10000 - address));
  return {};
}

void TestMachine::code_decoded(Core&, std::uint32_t address, std::uint32_t size) {
  for (std::uint32_t page = address >> kPageBits; page <= (address + size - 1) >> kPageBits; ++page) {
    const auto without = static_cast<std::uint8_t>(attributes_[page] & ~(kPageStore32 | kPageStoreNarrow));
    if (without == attributes_[page]) continue;
    attributes_[page] = without;
    protect(page);
  }
}

bool TestMachine::is_native(std::uint32_t pc) const {
  return std::find(native_pcs.begin(), native_pcs.end(), pc) != native_pcs.end();
}

void TestMachine::call_native(Core& core, std::uint32_t pc) {
  native(core, pc);
}

void TestMachine::compare_changed(Core&, unsigned n) {
  compares_changed.push_back(n);
  if (on_compare_changed) on_compare_changed(n);
}

bool TestMachine::debug_break(Core& core, std::uint32_t debug_cause) {
  return on_debug_break && on_debug_break(core, debug_cause);
}

void TestMachine::debugger_stop(Core& core, DebuggerEvent event) {
  ++debugger_stops;
  if (on_debugger_stop) on_debugger_stop(core, event);
}

std::uint32_t TestMachine::read_external(Core&, std::uint32_t address) {
  return ~address;
}

void TestMachine::write_external(Core&, std::uint32_t address, std::uint32_t value) {
  external_writes.emplace_back(address, value);
  if (on_write_external) on_write_external(address, value);
}

void TestMachine::region_changed(Core&, unsigned region) {
  regions_changed.push_back(region);
}

}  // namespace espalier::xtensa::testing
