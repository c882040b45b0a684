#include "xtensa/testing/random_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "xtensa/testing/assembler.h"
#include "xtensa/testing/random_program.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa::testing {
namespace {

constexpr std::uint32_t kPage = 0x1000;

// Moves the address in a2 behind the instruction there; a3 is used up. SAR survives at a0 + 8.
std::string skip_instruction(const std::string& name) {
  return fmt::format(R"(
    rsr.sar a3
    s32i a3, a0, 8
    ssa8l a2
    srli a3, a2, 2
    slli a3, a3, 2
    l32i a3, a3, 0
    srl a3, a3
    bbsi a3, 3, {0}_narrow
    addi a2, a2, 1
  {0}_narrow:
    addi a2, a2, 2
    l32i a3, a0, 8
    wsr.sar a3
)",
                     name);
}

// Software interrupts are cleared, external lines go low, timers are set to later.
std::string acknowledge(unsigned level) {
  std::string text = fmt::format(R"(
    rsr.interrupt a2
    rsr.intenable a3
    and a2, a2, a3
    wsr.intclear a2
    l32r a3, device
    s32i a2, a3, {:#x}
)",
                                 static_cast<std::uint32_t>(kLowerAllLines));
  const unsigned timers[] = {6, 15, 16};
  for (unsigned n = 0; n < 3; ++n) {
    text += fmt::format(R"(
    bbci a2, {0}, level{1}_timer{2}
    rsr.ccount a3
    addmi a3, a3, 512
    wsr.ccompare{2} a3
  level{1}_timer{2}:
)",
                        timers[n], level, n);
  }
  return text;
}

// The interrupts of a level of their own.
std::string high_level(unsigned level) {
  return fmt::format(R"(
  level{0}:
    l32r a0, save{0}
    s32i a2, a0, 0
    s32i a3, a0, 4
    {1}
    l32i a3, a0, 4
    l32i a2, a0, 0
    rsr.excsave{0} a0
    rfi {0}
    .align 4
)",
                     level, acknowledge(level));
}

std::string handlers(std::uint32_t base) {
  std::string text;
  const std::pair<std::uint32_t, unsigned> levels[] = {{0x180, 2}, {0x1c0, 3}, {0x200, 4}, {0x240, 5}};
  for (const auto& [offset, level] : levels)
    text += fmt::format(".org {:#x}\n wsr.excsave{} a0\n j level{}\n", base + offset, level, level);
  text += fmt::format(R"(
    .org {0:#x}
    wsr.excsave6 a0
    j debug
    .org {1:#x}
    wsr.excsave7 a0
    j level7
    .org {2:#x}
    wsr.excsave1 a0
    j exception
    .org {3:#x}
    wsr.excsave1 a0
    j exception
    .org {4:#x}
    wsr.excsave7 a0
    j double
    .org {5:#x}  # where a reset ends up
    j recover
    .align 4
  recovery: .word 0
  finish: .word 0
  stack: .word {6:#x}
  data: .word {7:#x}
  device: .word {8:#x}
  ps: .word {9:#x}
)",
                      base + 0x280, base + 0x2c0, base + 0x300, base + 0x340, base + 0x3c0, base + 0x400,
                      kRandomStack, kRandomData, kDevice, kPsWoe | kPsUm | kPsExcm);
  for (unsigned level = 1; level <= 8; ++level)
    text += fmt::format("  save{}: .word {:#x}\n", level, kHandlerData + 0x40 * level);
  return text;
}

}  // namespace

std::vector<std::uint8_t> random_vectors_page(std::uint32_t base) {
  const Program windows = assemble(kVectorProgram, kVectors);
  std::string text = handlers(base);
  for (unsigned level = 2; level <= 5; ++level) text += high_level(level);
  text += high_level(7);

  // Level 1: exceptions and interrupts.
  text += R"(
  exception:
    l32r a0, save1
    s32i a2, a0, 0
    s32i a3, a0, 4
    rsr.exccause a2
    beqi a2, 4, level1
    l32i a3, a0, 16
    addi a3, a3, 1
    s32i a3, a0, 16
    bbsi a3, 5, exception_lost  # 32 of every 64: it may have lost its way
    movi a3, 20
    beq a2, a3, exception_lost
    movi a3, 32
    beq a2, a3, switch_on
    rsr.epc1 a2
)" + skip_instruction("exception") +
          R"(
    wsr.epc1 a2
    j return
  exception_lost:
    j recover
  switch_on:
    movi a3, 1
    wsr.cpenable a3
    j return
  level1:
)" + acknowledge(1) +
          R"(
  return:
    l32i a3, a0, 4
    l32i a2, a0, 0
    rsr.excsave1 a0
    rfe
)";

  // Everything is lost: a new stack, and on somewhere else.
  text += fmt::format(R"(
    .align 4
  recover:
    movi a0, 0
    wsr.windowbase a0
    rsync
    movi a0, 1
    wsr.windowstart a0
    wsr.cpenable a0
    l32r a0, ps
    wsr.ps a0
    rsync
    l32r a1, save1
    l32i a0, a1, 20
    addi a0, a0, 1
    s32i a0, a1, 20
    bgeui a0, 4, give_up
    l32r a0, recovery
    j go_on
  give_up:
    l32r a0, finish
  go_on:
    wsr.epc1 a0
    movi a0, 0
    l32r a1, stack
    l32r a2, data
    rfe
)");

  text += R"(
  double:
    l32r a0, save8
    s32i a2, a0, 0
    s32i a3, a0, 4
    rsr.exccause a2
    movi a3, 20
    beq a2, a3, double_lost
    l32i a3, a0, 16
    addi a3, a3, 1
    s32i a3, a0, 16
    bbsi a3, 4, double_lost  # 16 of every 32
    rsr.depc a2
)" + skip_instruction("double") +
          R"(
    wsr.depc a2
    l32i a3, a0, 4
    l32i a2, a0, 0
    rsr.excsave7 a0
    rfde
  double_lost:
    j recover
)";

  // Breakpoints and ICOUNT are turned off, BREAK is skipped.
  text += R"(
    .align 4
  debug:
    l32r a0, save6
    s32i a2, a0, 0
    s32i a3, a0, 4
    movi a2, 0
    wsr.ibreakenable a2
    wsr.dbreakc0 a2
    wsr.dbreakc1 a2
    wsr.icountlevel a2
    rsr.debugcause a3
    rsr.epc6 a2
    bbci a3, 3, not_break
    addi a2, a2, 3
  not_break:
    bbci a3, 4, not_break_n
    addi a2, a2, 2
  not_break_n:
    wsr.epc6 a2
    l32i a3, a0, 4
    l32i a2, a0, 0
    rsr.excsave6 a0
    rfi 6
)";
  std::vector<std::uint8_t> bytes = assemble(text, base).bytes;
  std::copy_n(windows.bytes.begin(), 0x180, bytes.begin());
  bytes.resize(kPage);
  return bytes;
}

const std::vector<std::uint8_t>& random_vectors() {
  static const std::vector<std::uint8_t> bytes = [] {
    std::vector<std::uint8_t> both = random_vectors_page(kVectors);
    const std::vector<std::uint8_t> second = random_vectors_page(kVectors + kPage);
    both.insert(both.end(), second.begin(), second.end());
    return both;
  }();
  return bytes;
}

}  // namespace espalier::xtensa::testing
