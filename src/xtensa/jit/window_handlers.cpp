#include "xtensa/jit/window_handlers.h"

#include <span>

#include "xtensa/decoder.h"

namespace espalier::xtensa::jit {
namespace {

struct Access {
  Op op;
  std::uint8_t t, s;
  std::int32_t offset;
};
constexpr Op kSave = Op::S32E, kLoad = Op::L32E;

// What stands before RFWO or RFWU. Source: Xtensa ISA Reference Manual, 4.7.1 "Windowed Register Option",
// Window Overflow and Underflow.
constexpr Access kOverflow4[] = {
    {kSave, 0, 5, -16}, {kSave, 1, 5, -12}, {kSave, 2, 5, -8}, {kSave, 3, 5, -4}};
constexpr Access kUnderflow4[] = {
    {kLoad, 0, 5, -16}, {kLoad, 1, 5, -12}, {kLoad, 2, 5, -8}, {kLoad, 3, 5, -4}};
constexpr Access kOverflow8[] = {{kSave, 0, 9, -16}, {kLoad, 0, 1, -12}, {kSave, 1, 9, -12},
                                 {kSave, 2, 9, -8},  {kSave, 3, 9, -4},  {kSave, 4, 0, -32},
                                 {kSave, 5, 0, -28}, {kSave, 6, 0, -24}, {kSave, 7, 0, -20}};
constexpr Access kUnderflow8[] = {{kLoad, 0, 9, -16}, {kLoad, 1, 9, -12}, {kLoad, 2, 9, -8},
                                  {kLoad, 7, 1, -12}, {kLoad, 3, 9, -4},  {kLoad, 4, 7, -32},
                                  {kLoad, 5, 7, -28}, {kLoad, 6, 7, -24}, {kLoad, 7, 7, -20}};
constexpr Access kOverflow12[] = {
    {kSave, 0, 13, -16}, {kLoad, 0, 1, -12},  {kSave, 1, 13, -12}, {kSave, 2, 13, -8}, {kSave, 3, 13, -4},
    {kSave, 4, 0, -48},  {kSave, 5, 0, -44},  {kSave, 6, 0, -40},  {kSave, 7, 0, -36}, {kSave, 8, 0, -32},
    {kSave, 9, 0, -28},  {kSave, 10, 0, -24}, {kSave, 11, 0, -20}};
constexpr Access kUnderflow12[] = {
    {kLoad, 0, 13, -16}, {kLoad, 1, 13, -12},  {kLoad, 2, 13, -8},  {kLoad, 11, 1, -12}, {kLoad, 3, 13, -4},
    {kLoad, 4, 11, -48}, {kLoad, 5, 11, -44},  {kLoad, 6, 11, -40}, {kLoad, 7, 11, -36}, {kLoad, 8, 11, -32},
    {kLoad, 9, 11, -28}, {kLoad, 10, 11, -24}, {kLoad, 11, 11, -20}};
constexpr std::array<std::span<const Access>, kWindowHandlers> kHandlers = {
    kOverflow4, kUnderflow4, kOverflow8, kUnderflow8, kOverflow12, kUnderflow12};
static_assert(kHandlers[0].size() + 1 == kWindowHandlerSteps[0] &&
              kHandlers[3].size() + 1 == kWindowHandlerSteps[1] &&
              kHandlers[5].size() + 1 == kWindowHandlerSteps[2]);

bool is_usual(const CodeSource& source, std::uint32_t pc, unsigned number) {
  const auto next = [&](Instruction& in) {
    std::uint32_t word = 0;
    if (source.is_native(pc) || source.is_breakpoint(pc) || !source.fetch(pc, word)) return false;
    in = decode(pc, word);
    pc += in.length;
    return true;
  };
  Instruction in;
  for (const Access& wanted : kHandlers[number])
    if (!next(in) || in.op != wanted.op || in.t != wanted.t || in.s != wanted.s || in.imm != wanted.offset)
      return false;
  return next(in) && in.op == (number % 2 == 0 ? Op::RFWO : Op::RFWU);
}

}  // namespace

unsigned usual_window_handlers(const CodeSource& source, std::uint32_t vecbase) {
  unsigned usual = 0;
  for (unsigned number = 0; number < kWindowHandlers; ++number)
    if (is_usual(source, vecbase + number * kWindowHandlerDistance, number)) usual |= 1u << number;
  return usual;
}

}  // namespace espalier::xtensa::jit
