// A program that a generator made, in a form from which parts can be taken away: instructions and data in a
// row, with labels between them; what surrounds it when it runs; and its text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "xtensa/core.h"
#include "xtensa/instruction.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa::testing {

// The memory of random programs: the beginnings of TestMachine's, as much as can be compared in no time.
inline constexpr std::uint32_t kRandomVectorsSize = 0x2000;
inline constexpr std::uint32_t kRandomCodeSize = 0x4000;   // from kCode
inline constexpr std::uint32_t kRandomDataSize = 0x4000;   // from kData
inline constexpr std::uint32_t kRandomMixedSize = 0x4000;  // from kMixed
// What lies in data memory: a2 points here; the stack ends here; the handlers' own.
inline constexpr std::uint32_t kRandomData = kData + 0x400;
inline constexpr std::uint32_t kRandomStack = kData + 0x3000;
inline constexpr std::uint32_t kHandlerData = kData + 0x3c00;

// Registers of the device page (offsets from kDevice); all others answer loads with numbers that never repeat
// and only remember stores. Every access is logged.
enum DeviceRegister : std::uint32_t {
  kRaiseLine = 0x100,       // store n: interrupt line n % 32 goes high
  kLowerLine = 0x104,       // store n: and low
  kLowerAllLines = 0x108,   // store
  kRequestStop = 0x10c,     // load, store
  kChangeMemory = 0x110,    // store an address: the word there changes, as if by DMA
  kRaiseException = 0x114,  // load, store: Core::raise() in the middle of the access
  kForgetCode = 0x118,      // load, store: Core::invalidate_all_code()
  kResetCore = 0x11c,       // store
};

// A label is a number; labels[label] says where it is: before that item.
using Label = std::uint32_t;

struct Item {
  enum class Kind : std::uint8_t {
    kInstruction,    // `length` bytes of `word`
    kTargeted,       // an instruction with a label among its operands
    kWord,           // `word`, aligned
    kAddress,        // the address of `label` plus `offset`
    kToggleAddress,  // that of the word that holds `label`, or with `part` 1 of the next
    kToggle,         // what turns the instruction at `label` into `word` and back if XORed to that word
    kAlign,          // up to the next word
    kNextPage,       // up to `offset` bytes before the next 4 KiB page
  };
  Kind kind = Kind::kInstruction;
  bool dropped = false;  // takes no room
  Op op = Op::kInvalid;
  std::uint8_t length = 0;
  std::uint8_t part = 0;
  std::array<std::int32_t, 5> operands{};
  std::uint32_t word = 0;
  Label label = 0;
  std::int32_t offset = 0;
};

// What happens from outside at a point in time, counted in instructions executed (or slept) since the start.
struct Event {
  enum class Kind : std::uint8_t {
    kRaiseLine,
    kLowerLine,
    kChangeCode,  // the word at `label` is XORed with `value`, as another core or DMA would
    kForgetCode,
  };
  std::uint64_t time = 0;
  Kind kind = Kind::kRaiseLine;
  std::uint32_t value = 0;
  Label label = 0;
};

struct RandomProgram {
  std::uint64_t seed = 0;
  std::uint32_t base = kCode;
  std::vector<Item> items;
  std::vector<std::uint32_t> labels;  // index of an item, or items.size()
  Label entry = 0;
  Label recovery = 0;              // where the handlers go on after what cannot be skipped...
  Label finish = 0;                // ...and after the fourth time
  std::vector<Label> natives;      // of native functions; what each does goes by its place
  State state;                     // at the start; pc is `entry`'s
  std::uint64_t memory_seed = 0;   // of the contents of data memory
  std::vector<Event> events;       // by time
  std::uint64_t instructions = 0;  // how long it runs
  unsigned debugger = 0;  // 0: there is none; 1: it says yes to everything; 2: and stops now and then

  Label new_label() {
    labels.push_back(0);
    return static_cast<Label>(labels.size() - 1);
  }
};

// Where everything lies, and the bytes.
struct Image {
  std::uint32_t base = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> items;  // addresses; one more than there are items
  std::vector<std::uint32_t> labels;
};

// An instruction whose target is out of reach becomes a NOP.
Image layout(const RandomProgram& program);

// As assembler text that testing::assemble() understands (at `program.base`), what is not the default of its
// surroundings as comments.
std::string to_text(const RandomProgram& program);

}  // namespace espalier::xtensa::testing
