// What translated code keeps of a core besides xtensa::State. It lies right behind State, so that one host
// register reaches both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace espalier::xtensa::jit {

class Translator;

// Why translated code came back.
enum class Exit : std::uint32_t {
  kContinue,   // at State::pc
  kInterpret,  // the interpreter has to go on from State::pc, for a block at least
  kBudget,     // what remains of the budget does not pay for the block at State::pc
};

// Where a call comes back to: kept for each window that a call may open, beside its registers.
struct ReturnLink {
  std::uint32_t a0 = 0;  // what RETW must find in a0 for `host` to be right
  std::uint32_t unused = 0;
  const void* host = nullptr;
};

// Where indirect jumps go, by a hash of the guest address.
struct JumpEntry {
  std::uint32_t pc = 0;
  std::uint32_t unused = 0;
  const void* host = nullptr;
};
inline constexpr unsigned kJumpBits = 12;
// The same for returns, by a hash of a0.
inline constexpr unsigned kReturnBits = 12;

struct JitRegisters {
  // WINDOWSTART rotated so that the present window's bit comes first.
  std::uint32_t windowstart = 0;
  Exit exit = Exit::kContinue;
  std::int64_t left = 0;             // of the budget, the running block already taken off
  std::uint32_t* window = nullptr;   // the present window's a0
  std::uint8_t* memory = nullptr;    // the core's reservation
  const void* link = nullptr;        // the jump that led out of translated code and could be made to lead on
  const JumpEntry* jumps = nullptr;  // 1 << kJumpBits of them; translations of ordinary code only
  const ReturnLink* returns = nullptr;  // 1 << kReturnBits of them
  Translator* translator = nullptr;
  bool synced = false;        // pc, windows and the budget are in State and the core already
  std::uint8_t fp_ready = 0;  // coprocessor 0 is enabled and the host's FP environment is the guest's
  // By window; three more for calls whose window lies behind the 16th.
  std::array<ReturnLink, 16 + 3> links{};
};

}  // namespace espalier::xtensa::jit
