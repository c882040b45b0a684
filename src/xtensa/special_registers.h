// What is true of each special register: where it lives, which of its bits can be written, what a write
// disturbs. Core::read_special(), Core::write_special() and the engines all go by this table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "xtensa/core.h"
#include "xtensa/registers.h"

namespace espalier::xtensa {

struct SpecialRegister {
  // Bits of `access`.
  static constexpr std::uint8_t kRead = 1;   // RSR is legal
  static constexpr std::uint8_t kWrite = 2;  // WSR is legal; XSR needs both
  // A read is the word at `offset` in State, with no side effects.
  static constexpr std::uint8_t kPlainRead = 4;
  // A write stores `value & write_mask` there and disturbs nothing that an engine derives from the state.
  static constexpr std::uint8_t kPlainWrite = 8;
  // Accessible from every ring.
  static constexpr std::uint8_t kUser = 16;

  Sr number;
  std::uint8_t access;
  std::uint16_t offset;  // of the word in State
  std::uint32_t write_mask;
};

// The row of a special register; null if the LX6 has none of that number (RSR then raises
// IllegalInstruction).
const SpecialRegister* find_special_register(std::uint32_t number);

// The same for user registers: null if there is no such one. All of them are plain; FCR and FSR need
// CPENABLE.
struct UserRegister {
  Ur number;
  bool fp;
  std::uint16_t offset;
  std::uint32_t write_mask;
};
const UserRegister* find_user_register(std::uint32_t number);

// The word of `state` at a row's offset.
inline std::uint32_t& state_word(State& state, std::uint16_t offset) {
  return *reinterpret_cast<std::uint32_t*>(reinterpret_cast<std::byte*>(&state) + offset);
}

}  // namespace espalier::xtensa
