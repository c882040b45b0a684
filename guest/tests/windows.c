/* Register windows: overflow and underflow of every size, MOVSP, interrupts in the middle of it. */
#include "check.h"

uint32_t recurse4(uint32_t depth), recurse8(uint32_t depth), recurse12(uint32_t depth),
    recurse_mixed(uint32_t depth);
uint32_t movsp_after_call4(void), movsp_after_call8(void), movsp_after_call12(void);
void read_windows(uint32_t* windowbase, uint32_t* windowstart);
uint32_t rotate(void);

static void test_recursion_by_call4(void) {
  for (uint32_t depth = 0; depth < 100; depth += 7) CHECK_EQ(recurse4(depth), depth);
}
static void test_recursion_by_call8(void) {
  for (uint32_t depth = 0; depth < 100; depth += 7) CHECK_EQ(recurse8(depth), depth);
}
static void test_recursion_by_call12(void) {
  for (uint32_t depth = 0; depth < 100; depth += 7) CHECK_EQ(recurse12(depth), depth);
}
static void test_recursion_by_calls_of_all_sizes(void) {
  for (uint32_t depth = 0; depth < 120; ++depth) CHECK_EQ(recurse_mixed(depth), depth);
}

static void test_saved_windows_lie_in_the_stack(void) {
  uint32_t base, start;
  spill_windows();
  read_windows(&base, &start);
  CHECK_EQ(start & ~(1u << base | 1u << ((base + 14) & 15)), 0); /* read_windows()'s own and ours */
  /* Our caller's a0 and a1 below our stack pointer. */
  uint32_t sp;
  __asm__ volatile("mov %0, a1" : "=a"(sp));
  const uint32_t* saved = (const uint32_t*)(sp - 16);
  CHECK_EQ(saved[0] & 0xc0000000,
           0x80000000); /* main_pro() was called by CALL4, and called its helper by CALL8 */
  CHECK(saved[1] > sp && saved[1] < sp + 512);
}

static void test_movsp_with_the_caller_in_memory(void) {
  CHECK_EQ(movsp_after_call4(), 0);
  CHECK_EQ(movsp_after_call8(), 0);
  CHECK_EQ(movsp_after_call12(), 0);
}

static uint32_t __attribute__((noinline)) fill_and_sum(uint32_t depth, uint32_t size) {
  uint8_t* room = __builtin_alloca(size);
  for (uint32_t i = 0; i < size; ++i) room[i] = (uint8_t)(depth + i);
  uint32_t sum = depth ? fill_and_sum(depth - 1, size * 5 % 97 + 1) : 0;
  for (uint32_t i = 0; i < size; ++i) sum += room[i] != (uint8_t)(depth + i);
  return sum;
}
static void test_alloca_in_recursion(void) {
  CHECK_EQ(fill_and_sum(40, 50), 0);
}

static void test_rotw(void) {
  CHECK_EQ(rotate(), 0);
}

static volatile uint32_t ticks;
static void on_tick(void* period) {
  ++ticks;
  if (ticks % 3 == 0) spill_windows();
  WRITE_SR("ccompare0", ccount() + (uint32_t)period + ticks % 64);
}
static void on_urgent_tick(void* period) {
  ++ticks;
  WRITE_SR("ccompare1", ccount() + (uint32_t)period + ticks % 32);
}
static void test_interrupts_during_recursion(void) {
  ticks = 0;
  WRITE_SR("ccompare0", ccount() + 1000);
  irq_attach(kInterruptTimer0, on_tick, (void*)900);
  WRITE_SR("ccompare1", ccount() + 1000);
  irq_attach(kInterruptTimer1, on_urgent_tick, (void*)500);
  for (uint32_t round = 0; round < 40; ++round) {
    CHECK_EQ(recurse4(60), 60);
    CHECK_EQ(recurse8(60), 60);
    CHECK_EQ(recurse12(60), 60);
    CHECK_EQ(recurse_mixed(60), 60);
    CHECK_EQ(fill_and_sum(10, 20), 0);
  }
  irq_disable(BIT(kInterruptTimer0) | BIT(kInterruptTimer1));
  CHECK(ticks > 200);
}

const Test tests[] = {TEST(recursion_by_call4),
                      TEST(recursion_by_call8),
                      TEST(recursion_by_call12),
                      TEST(recursion_by_calls_of_all_sizes),
                      TEST(saved_windows_lie_in_the_stack),
                      TEST(movsp_with_the_caller_in_memory),
                      TEST(alloca_in_recursion),
                      TEST(rotw),
                      TEST(interrupts_during_recursion),
                      {0, 0}};
