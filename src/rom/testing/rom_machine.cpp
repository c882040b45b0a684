#include "rom/testing/rom_machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace espalier::rom::testing {
namespace {

using namespace xtensa;

constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 32;
constexpr std::uint8_t kRead = kPageLoad32 | kPageLoadNarrow, kWrite = kPageStore32 | kPageStoreNarrow;
constexpr std::uint32_t kReturn = kProgram;  // where calls come back to: CALLX8 and a loop

// Registers that the functions under test wait for or act through.
constexpr std::uint32_t UART0_FIFO = 0x3ff40000, UART0_INT_ENA = 0x3ff4000c, UART0_STATUS = 0x3ff4001c;
constexpr unsigned kUartInterrupt = 5;  // of the CPU, where the ROM sends it
constexpr std::uint32_t PRO_CACHE_CTRL = 0x3ff00040, APP_CACHE_CTRL = 0x3ff00058;
constexpr std::uint32_t GPIO_STRAP = 0x3ff44038, RTC_CNTL_RESET_STATE = 0x3ff48034;
constexpr std::uint32_t EFUSE_CMD = 0x3ff5a104, RTC_MEM_CONF = 0x3ff48100;
constexpr std::uint32_t SPI1 = 0x3ff42000;

bool is_device(std::uint32_t address) {
  return address - 0x3ff00000 < 0x80000;
}

}  // namespace

RomMachine::RomMachine(const Rom& rom, std::uint32_t prid)
    : flash(4 << 20, 0xff), rom_(rom), attributes_(1 << 20) {
  void* reserved =
      mmap(nullptr, kAddressSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) throw std::runtime_error("cannot reserve 4 GiB of address space");
  memory_ = static_cast<std::uint8_t*>(reserved);
  const auto map = [this](std::uint32_t address, std::uint32_t size, std::uint8_t attributes) {
    mprotect(memory_ + address, size, PROT_READ | PROT_WRITE);
    std::fill_n(attributes_.begin() + (address >> 12), size >> 12, attributes);
  };
  const unsigned cpu = prid == kApp;
  map(kCodeBase, kCodeSize, kPageLoad32 | kPageFetch);
  std::ranges::copy(rom.code(cpu), memory_ + kCodeBase);
  map(kDataBase, kDataSize, kRead);
  std::ranges::copy(rom.data(), memory_ + kDataBase);
  map(0x3ffae000, 0x32000, kRead | kWrite);
  map(0x3ffe0000, 0x20000, kRead | kWrite);
  map(0x40070000, 0x30000, kPageLoad32 | kPageStore32 | kPageFetch);
  map(0x50000000, 0x2000, kRead | kWrite | kPageFetch);
  registers[GPIO_STRAP] = 0x13;
  registers[RTC_CNTL_RESET_STATE] = 1 | 1 << 6;
  core_ = std::make_unique<Core>(cpu, prid, MemoryView{memory_, attributes_.data()}, *this);
  core_->reset();
  const auto stub = xtensa::testing::assemble("callx8 a8; loop: j loop", kReturn);
  std::ranges::copy(stub.bytes, memory_ + kReturn);
}

RomMachine::~RomMachine() {
  munmap(memory_, kAddressSpace);
}

void RomMachine::initialise() {
  core_->reset();
  // Far enough that all is set, and stopped there: the reset cause is one that the ROM refuses.
  const auto cause = registers[RTC_CNTL_RESET_STATE];
  registers[RTC_CNTL_RESET_STATE] = 0;
  const std::string shown = console;
  boot("ets_main.c");
  registers[RTC_CNTL_RESET_STATE] = cause;
  console = shown;
}

std::string RomMachine::boot(std::string_view text, std::uint64_t limit) {
  core_->reset();
  while (limit > 0 && missing.empty() && console.find(text) == std::string::npos) {
    const std::uint64_t turn = std::min<std::uint64_t>(limit, 1000);
    core_->run(turn);
    limit -= turn;
  }
  return console;
}

std::uint32_t RomMachine::call_address(std::uint32_t address, const std::vector<std::uint32_t>& arguments) {
  State& state = core_->state();
  state.windowstart = 1;
  core_->rotate_to(0);
  state.ps = kPsWoe | kPsUm;
  write32(kStack - 12,
          kStack + 0x100);  // the stack pointer of a caller's caller, for when the window overflows
  core_->set_a(1, kStack);
  core_->set_a(8, address);
  for (unsigned i = 0; i < arguments.size(); ++i) {
    if (i < 6)
      core_->set_a(10 + i, arguments[i]);
    else
      write32(kStack + 4 * (i - 6), arguments[i]);
  }
  state.pc = kReturn;
  constexpr std::uint32_t kDone = kReturn + 3;
  const std::uint64_t end = core_->instructions() + call_limit;
  while (core_->instructions() < end && missing.empty() && core_->run(1000) != Stop::kWaiti) {
    if (state.pc == kDone) return core_->a(10);
  }
  throw std::runtime_error(missing.empty() ? "the function does not return: it is at " + describe(state.pc)
                                           : missing);
}
std::uint32_t RomMachine::call(std::string_view name, const std::vector<std::uint32_t>& arguments) {
  const std::uint32_t address = symbol_address(name);
  if (address == 0) throw std::invalid_argument("no ROM function " + std::string(name));
  return call_address(address, arguments);
}
std::uint64_t RomMachine::call64(std::string_view name, const std::vector<std::uint32_t>& arguments) {
  const std::uint32_t low = call(name, arguments);
  return low | std::uint64_t{core_->a(11)} << 32;
}

xtensa::testing::Program RomMachine::program(std::string_view text) {
  auto program = xtensa::testing::assemble(text, kProgram + 0x1000);
  std::ranges::copy(program.bytes, memory_ + program.base);
  core_->invalidate_all_code();
  return program;
}

std::uint32_t RomMachine::reserve(std::uint32_t size) {
  const std::uint32_t address = next_scratch_;
  next_scratch_ += (size + 15) & ~15u;
  return address;
}
std::uint32_t RomMachine::put(std::string_view data, std::uint32_t address) {
  if (address == 0) address = reserve(static_cast<std::uint32_t>(data.size()) + 1);
  std::ranges::copy(data, memory_ + address);
  memory_[address + data.size()] = 0;
  return address;
}
std::uint32_t RomMachine::put_words(const std::vector<std::uint32_t>& words, std::uint32_t address) {
  if (address == 0) address = reserve(static_cast<std::uint32_t>(4 * words.size()));
  std::memcpy(memory_ + address, words.data(), 4 * words.size());
  return address;
}
std::uint32_t RomMachine::read32(std::uint32_t address) const {
  std::uint32_t value;
  std::memcpy(&value, memory_ + address, 4);
  return value;
}
void RomMachine::write32(std::uint32_t address, std::uint32_t value) {
  std::memcpy(memory_ + address, &value, 4);
}
std::string RomMachine::string(std::uint32_t address) const {
  return reinterpret_cast<const char*>(memory_ + address);
}
std::string RomMachine::bytes(std::uint32_t address, std::uint32_t size) const {
  return {reinterpret_cast<const char*>(memory_ + address), size};
}

std::uint32_t RomMachine::read_register(std::uint32_t address) {
  std::uint32_t value = 0;
  if (on_read && on_read(address, value)) return value;
  if (address == UART0_STATUS)
    return static_cast<std::uint32_t>(std::min<std::size_t>(uart_input.size(), 127));
  if (address == UART0_FIFO) {
    if (uart_input.empty()) return 0;
    const char c = uart_input.front();
    uart_input.erase(0, 1);
    return static_cast<std::uint8_t>(c);
  }
  if (address == EFUSE_CMD) return std::exchange(registers[EFUSE_CMD], 0);  // busy for one look
  const auto found = registers.find(address);
  return found == registers.end() ? 0 : found->second;
}

void RomMachine::type(std::string_view bytes) {
  uart_input += bytes;
  update_uart_interrupt();
}
void RomMachine::update_uart_interrupt() {
  core_->set_interrupt(kUartInterrupt, registers[UART0_INT_ENA] & 1 && !uart_input.empty());
}

// The commands that SPI1 knows by a bit of its own, and those it is told in USER2. All are done at once.
void RomMachine::flash_command(std::uint32_t bits) {
  const std::uint32_t address = registers[SPI1 + 4] & 0xffffff, length = registers[SPI1 + 4] >> 24;
  const auto data = [this](std::uint32_t i) -> std::uint32_t& { return registers[SPI1 + 0x80 + 4 * i]; };
  const bool may_write = flash_status & 2;
  if (bits & 1u << 30) flash_status |= 2;
  if (bits & 1u << 27) registers[SPI1 + 0x10] = flash_status;
  if (bits & 1u << 26 && may_write) {
    flash_status = registers[SPI1 + 0x10] & 0xfc;
    if (registers[SPI1 + 8] & 1u << 22) flash_status2 = registers[SPI1 + 0x10] >> 8 & 0xff;
  }
  if (bits & 1u << 25 && may_write) {
    for (std::uint32_t i = 0; i < length; ++i) flash[address + i] &= data(i / 4) >> (8 * (i % 4));
  }
  if (bits & 1u << 24 && may_write) std::fill_n(flash.begin() + (address & ~0xfffu), 0x1000, 0xff);
  if (bits & 1u << 23 && may_write) std::fill_n(flash.begin() + (address & ~0xffffu), 0x10000, 0xff);
  if (bits & 1u << 22 && may_write) std::ranges::fill(flash, 0xff);
  if (bits & (1u << 22 | 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26)) flash_status &= ~2;
  if (bits & 1u << 18) {
    switch (registers[SPI1 + 0x24] & 0xff) {
      case 0x05:
        data(0) = flash_status;
        break;
      case 0x35:
        data(0) = flash_status2;
        break;
      case 0x03:
      case 0x0b:
      case 0x3b:
      case 0x6b:
      case 0xbb:
      case 0xeb: {
        const std::uint32_t from = registers[SPI1 + 4] >> 8;
        const std::uint32_t count = (registers[SPI1 + 0x2c] + 1) / 8;
        for (std::uint32_t i = 0; i < count; i += 4)
          std::memcpy(&data(i / 4), &flash[(from + i) % flash.size()], 4);
        break;
      }
      default:
        break;
    }
  }
}

void RomMachine::write_register(std::uint32_t address, std::uint32_t value) {
  written.push_back(address);
  if (on_write) on_write(address, value);
  registers[address] = value;
  switch (address) {
    case UART0_FIFO:
      console.push_back(static_cast<char>(value));
      break;
    case UART0_INT_ENA:
      update_uart_interrupt();
      break;
    case PRO_CACHE_CTRL:
    case APP_CACHE_CTRL:
      registers[address] |= 0x20;  // the flush is done
      break;
    case RTC_MEM_CONF:
      registers[address] |= 1u << 31;
      break;
    case SPI1:
      flash_command(value);
      registers[address] = 0;
      break;
    default:
      break;
  }
}

Access RomMachine::load(Core&, std::uint32_t address, unsigned size, std::uint32_t& value) {
  if (is_device(address)) {
    value = read_register(address & ~3u) >> (8 * (address & 3));
    return {};
  }
  if (address - kFlashWindow < flash.size()) {
    value = 0;
    std::memcpy(&value, &flash[address - kFlashWindow], size);
    return {};
  }
  return {false, attributes_[address >> 12] ? Cause::kLoadStoreError : Cause::kLoadProhibited};
}

Access RomMachine::store(Core&, std::uint32_t address, unsigned, std::uint32_t value) {
  if (is_device(address)) {
    write_register(address, value);
    return {};
  }
  return {false,
          attributes_[address >> 12] & kPageStore32 ? Cause::kLoadStoreError : Cause::kStoreProhibited};
}

void RomMachine::call_native(Core& core, std::uint32_t pc) {
  if (rom_.call(core, pc)) return;
  missing = Rom::missing(core, pc);
  core.halt();
}

}  // namespace espalier::rom::testing
