/* An interpreter of a small stack machine, dispatching by a switch, as script languages do it. */
#include "kernel.h"

enum {
  kPush,  /* operand: the number */
  kLoad,  /* operand: the variable */
  kStore, /* operand: the variable */
  kAdd,
  kMultiply,
  kAnd,
  kShiftRight, /* by 1 */
  kLess,
  kJump,       /* operand: where to */
  kJumpIfZero, /* operand: where to */
  kEnd
};

/* Steps of the 3n+1 sequence from variable 0 to 1, into variable 1. */
/* clang-format off */
static const uint8_t program[] = {
    /* 0 */ kPush, 0, kStore, 1,
    /* 4 */ kPush, 1, kLoad, 0, kLess, kJumpIfZero, 43,   /* while 1 < v0 */
    /* 11 */ kLoad, 1, kPush, 1, kAdd, kStore, 1,         /* v1 += 1 */
    /* 18 */ kLoad, 0, kPush, 1, kAnd, kJumpIfZero, 36,   /* if v0 is odd */
    /* 25 */ kLoad, 0, kPush, 3, kMultiply, kPush, 1, kAdd, kJump, 39,
    /* 35 */ kEnd,
    /* 36 */ kLoad, 0, kShiftRight,
    /* 39 */ kStore, 0, kJump, 4,
    /* 43 */ kLoad, 1, kEnd};
/* clang-format on */

static uint32_t interpret(uint32_t argument) {
  uint32_t variables[4] = {argument, 0, 0, 0}, stack[16], *top = stack;
  const uint8_t* next = program;
  for (;;) {
    switch (*next++) {
      case kPush:
        *top++ = *next++;
        break;
      case kLoad:
        *top++ = variables[*next++];
        break;
      case kStore:
        variables[*next++] = *--top;
        break;
      case kAdd:
        --top;
        top[-1] += top[0];
        break;
      case kMultiply:
        --top;
        top[-1] *= top[0];
        break;
      case kAnd:
        --top;
        top[-1] &= top[0];
        break;
      case kShiftRight:
        top[-1] >>= 1;
        break;
      case kLess:
        --top;
        top[-1] = top[-1] < top[0];
        break;
      case kJump:
        next = program + *next;
        break;
      case kJumpIfZero:
        next = *--top ? next + 1 : program + *next;
        break;
      default:
        return top[-1];
    }
  }
}

uint32_t kernel_bytecode(uint32_t iterations) {
  uint32_t checksum = 0;
  for (uint32_t i = 0; i < iterations; ++i) checksum = mixed_in(checksum, interpret((checksum & 63) + 2));
  return checksum;
}
