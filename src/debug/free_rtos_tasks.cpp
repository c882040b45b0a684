#include "debug/free_rtos_tasks.h"

#include <algorithm>
#include <cstring>

#include "debug/free_rtos.h"

namespace espalier::debug {
namespace {

// TCB_t, ListItem_t and List_t.
constexpr std::uint32_t kTopOfStack = 0, kNameSize = 16;
// The name, behind uxPriority and pxStack; with portUSING_MPU_WRAPPERS (ESP-IDF 4 and 5.0) a word more is
// before them.
constexpr std::uint32_t kNames[] = {52, 56}, kStack = 4, kPriority = 8;
constexpr std::uint32_t kItemNext = 4, kItemOwner = 12;
constexpr std::uint32_t kListCount = 0, kListEnd = 8;
// With the full list item at its end (configUSE_MINI_LIST_ITEM is 0) a List_t has 28 bytes.
constexpr std::uint32_t kListSize = 20, kLongListSize = 28;
constexpr std::uint32_t kMostTasks = 1000;  // of a list: more are a list that goes round elsewhere

// XtExcFrame and XtSolFrame: words.
constexpr std::uint32_t kExit = 0, kPc = 1, kPs = 2, kFrameA0 = 3, kSar = 19, kLbeg = 22, kLend = 23,
                        kLcount = 24;
constexpr std::uint32_t kThreadptr = 3, kSolicitedSize = 32;
// GDB's numbers.
constexpr unsigned kGdbPc = 0, kGdbAr0 = 1, kGdbLbeg = 65, kGdbLend = 66, kGdbLcount = 67, kGdbSar = 68;
constexpr unsigned kGdbWindowbase = 69, kGdbWindowstart = 70, kGdbPs = 73, kGdbThreadptr = 74, kGdbA0 = 157;

constexpr std::uint32_t kPsExcm = 1u << 4, kPsUm = 1u << 5;

std::optional<std::uint32_t> read_word(const FreeRtos::Read& read, std::uint32_t address) {
  std::array<std::uint8_t, 4> bytes;
  if (address == 0 || !read(address, bytes)) return std::nullopt;
  std::uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// Where the name is: the word before it is the begin of the stack, whose top lies above that.
std::optional<std::uint32_t> name_address(const FreeRtos::Read& read, std::uint32_t tcb) {
  const auto top = read_word(read, tcb + kTopOfStack);
  if (!top || *top % 4 != 0) return std::nullopt;
  for (const std::uint32_t offset : kNames) {
    constexpr std::uint32_t kLargestStack = 4 << 20;
    const auto stack = read_word(read, tcb + offset - kStack);
    if (stack && *top - *stack < kLargestStack && read_word(read, *stack)) return tcb + offset;
  }
  return std::nullopt;
}

std::string read_name(const FreeRtos::Read& read, std::uint32_t address) {
  std::array<std::uint8_t, kNameSize> bytes{};
  if (!read(address, bytes)) return {};
  std::string name;
  for (const std::uint8_t byte : bytes) {
    if (byte == 0) break;
    name.push_back(byte >= ' ' && byte < 0x7f ? static_cast<char>(byte) : '?');
  }
  return name;
}

}  // namespace

std::optional<FreeRtos> FreeRtos::find(const image::ElfFile& elf) {
  Symbols symbols;
  const auto kernel = FreeRtosSymbols::find(elf);
  const image::ElfSymbol* ready = elf.find("pxReadyTasksLists");
  if (!kernel || ready == nullptr) return std::nullopt;
  for (unsigned cpu = 0; cpu < kernel->cores; ++cpu) symbols.current[cpu] = kernel->current_tcbs + 4 * cpu;
  if (const image::ElfSymbol* running = elf.find("xSchedulerRunning")) symbols.running = running->address;
  const image::ElfSymbol* one = elf.find("xPendingReadyList");
  if (one == nullptr) one = elf.find("xSuspendedTaskList");
  if (one == nullptr) one = elf.find("xDelayedTaskList1");
  std::uint32_t size = kListSize;
  if (one != nullptr && one->size % kLongListSize == 0 && one->size % kListSize != 0) size = kLongListSize;
  for (std::uint32_t at = 0; at + size <= ready->size; at += size)
    symbols.lists.push_back({ready->address + at, "ready"});
  struct Other {
    const char* name;
    const char* state;
  };
  constexpr Other kLists[] = {{"xPendingReadyList", "ready"},
                              {"xDelayedTaskList1", "blocked"},
                              {"xDelayedTaskList2", "blocked"},
                              {"xSuspendedTaskList", "suspended"},
                              {"xTasksWaitingTermination", "deleted"}};
  for (const Other& other : kLists) {
    const image::ElfSymbol* symbol = elf.find(other.name);
    if (symbol == nullptr) continue;
    // xPendingReadyList is one for each core.
    for (std::uint32_t at = 0; at == 0 || at + size <= symbol->size; at += size)
      symbols.lists.push_back({symbol->address + at, other.state});
  }
  return FreeRtos(std::move(symbols));
}

std::vector<FreeRtosTask> FreeRtos::tasks(const Read& read) const {
  std::vector<FreeRtosTask> all;
  if (symbols_.running != 0 && read_word(read, symbols_.running).value_or(0) == 0) return all;
  const auto add = [&](std::uint32_t tcb, const char* state, std::optional<unsigned> cpu) {
    if (tcb % 4 != 0 || std::ranges::any_of(all, [tcb](const FreeRtosTask& task) { return task.tcb == tcb; }))
      return;
    const auto name = name_address(read, tcb);
    const auto priority = name ? read_word(read, *name - kPriority) : std::nullopt;
    if (!priority || *priority > 0xff) return;
    all.push_back({tcb, read_name(read, *name), state, *priority, cpu});
  };
  for (unsigned cpu = 0; cpu < symbols_.current.size(); ++cpu)
    if (symbols_.current[cpu] != 0)
      if (const auto tcb = read_word(read, symbols_.current[cpu]); tcb && *tcb != 0)
        add(*tcb, "running", cpu);
  for (const List& list : symbols_.lists) {
    std::uint32_t left = std::min(read_word(read, list.address + kListCount).value_or(0), kMostTasks);
    std::uint32_t item = list.address + kListEnd;
    while (left-- != 0) {
      item = read_word(read, item + kItemNext).value_or(0);
      if (item == list.address + kListEnd) break;
      const auto owner = read_word(read, item + kItemOwner);
      if (!owner || *owner == 0) break;
      add(*owner, list.state, {});
    }
  }
  return all;
}

std::map<unsigned, std::uint32_t> FreeRtos::registers(const Read& read, std::uint32_t tcb) const {
  std::map<unsigned, std::uint32_t> values;
  const auto top = read_word(read, tcb + kTopOfStack);
  if (!top) return values;
  const auto word = [&](std::uint32_t n) { return read_word(read, *top + 4 * n).value_or(0); };
  const auto set_a = [&values](unsigned n, std::uint32_t value) {
    values[kGdbAr0 + n] = value;
    values[kGdbA0 + n] = value;
  };
  std::uint32_t ps = word(kPs);
  const std::uint32_t pc = word(kPc);
  if (word(kExit) != 0) {
    for (unsigned n = 0; n < 16; ++n) set_a(n, word(kFrameA0 + n));
    values[kGdbSar] = word(kSar);
    values[kGdbLbeg] = word(kLbeg);
    values[kGdbLend] = word(kLend);
    values[kGdbLcount] = word(kLcount);
    values[kGdbPc] = pc;
    // Of the handler that has saved it, not of the task: GDB would take it for code without windows.
    if ((ps & kPsUm) != 0) ps &= ~kPsExcm;
  } else {
    // vPortYield() has been called, and has had all windows written to the stack: a0 to a3 of its caller lie
    // below its own stack pointer.
    for (unsigned n = 0; n < 4; ++n) set_a(n, read_word(read, *top - 16 + 4 * n).value_or(0));
    set_a(1, *top + kSolicitedSize);
    values[kGdbThreadptr] = word(kThreadptr);
    values[kGdbPc] = (pc & 0x3fffffff) | 0x40000000;  // a return address: its top bits are the window's
  }
  values[kGdbPs] = ps;
  values[kGdbWindowbase] = 0;
  values[kGdbWindowstart] = 1;
  return values;
}

}  // namespace espalier::debug
