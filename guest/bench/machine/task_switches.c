/* Two contexts that take turns, each some calls deep. */
#include "cpu.h"
#include "machine.h"

void context_switch(void** save, void* other);
void* context_make(void* stack_end, void (*begin)(void));

enum { kEach = 16 };

static uint8_t stack[4096] __attribute__((aligned(16)));
static void *main_context, *other_context;
static volatile uint32_t turns;

static __attribute__((noinline)) uint32_t yield_deep(uint32_t depth, void** save, void** to) {
  if (depth == 0) {
    turns = turns + 1;
    context_switch(save, *to);
    return 1;
  }
  return yield_deep(depth - 1, save, to) + depth;
}

static void other(void) {
  for (;;) yield_deep(3, &other_context, &main_context);
}

uint32_t kernel_task_switches(uint32_t iterations) {
  uint32_t sum = 0;
  turns = 0;
  other_context = context_make(stack + sizeof stack, other);
  for (uint32_t i = 0; i < iterations * kEach; ++i) sum += yield_deep(3, &main_context, &other_context);
  return mixed_in(sum, turns);
}
