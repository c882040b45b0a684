// What a small loop may be waiting for: whether it goes round for another core's sake.
#pragma once

#include <cstdint>
#include <span>

#include "base/archive.h"
#include "xtensa/instruction.h"

namespace espalier::xtensa {

class Core;

enum class Awaits : std::uint8_t {
  kNothing,  // it looks at no place twice: it gets on by itself, or an interrupt alone ends it
  kLock,    // S32C1I alone looks at the same place each round: who comes late finds it as good as who is soon
  kMemory,  // a load does, or the loop is more than is understood: a flag may be up for a moment only
};

// A loop's code: from its lowest instruction to its highest, the one that leads back.
struct SmallLoop {
  std::uint32_t first = 0, last = 0;
  Awaits awaits = Awaits::kMemory;
  bool innermost = false;  // no other loop is in it
  bool has(std::uint32_t pc) const { return pc >= first && pc <= last; }
  void archive(base::Archive& ar) { ar(first, last, awaits, innermost); }
};

// The longest that is found, in bytes.
inline constexpr std::uint32_t kSmallLoopBytes = 96;

// The innermost loop around the core's pc: made by a branch or jump behind pc that leads to pc or before it,
// or by LBEG, LEND and LCOUNT. Where none is found, and where the code cannot be read, it is pc alone and
// kMemory.
SmallLoop loop_around(const Core& core);

// Of a loop's instructions in the order of their addresses, whichever of them a round executes. A load looks
// at the same place each round if no register of its address depends on what that register was a round
// before. One of a word that the loop also does S32C1I on belongs to that, and one of a word that is then
// written in the same straight run, a variable of the loop's own, does not count if the loop is `innermost`:
// a loop within might wait for it.
Awaits awaited_by(std::span<const Instruction> loop, bool innermost);

// Whether S32C1I alone looks at memory in a round of a core that spins: the addresses of the instructions that
// it has executed. ESP-IDF's locks are such rounds, with a call of esp_cpu_compare_and_set() in each, which no
// loop as above holds.
bool awaits_lock(const Core& core, std::span<const std::uint32_t> round);

}  // namespace espalier::xtensa
