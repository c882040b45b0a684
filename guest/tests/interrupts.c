/* Interrupts: every level, kind and source of the core, the interrupt matrix, priorities, WAITI. */
#include "check.h"

/* CPU interrupts by level and kind (core-isa.h). */
enum {
  kLevel1External = 0,
  kLevel1Edge = 10,
  kLevel2External = 19,
  kLevel3External = 23,
  kLevel3Edge = 22,
  kLevel4External = 24,
  kLevel4Edge = 30,
  kLevel5External = 26
};

volatile uint32_t high_level_counts[8]; /* high_levels.S */
static volatile uint32_t served, order[8], level_seen;

static void note(void* argument) {
  if (served < 8) order[served] = (uint32_t)argument;
  level_seen = READ_SR("ps") & 15;
  ++served;
}
static void note_and_clear(void* argument) {
  for (unsigned n = 0; n < 4; ++n) cross_core_clear(n);
  note(argument);
}

static void reset_notes(void) {
  served = 0;
  level_seen = 99;
  for (unsigned i = 0; i < 8; ++i) high_level_counts[i] = order[i] = 0;
}
static void raise_software(uint32_t mask) {
  WRITE_SR("intset", mask);
}
static void done(uint32_t mask) {
  irq_disable(mask);
  irq_unroute_all();
  for (unsigned n = 0; n < 4; ++n) cross_core_clear(n);
  WRITE_SR("intclear", ~0u);
}

static void test_software_interrupts(void) {
  reset_notes();
  irq_attach(kInterruptSoftware1, note, (void*)1);
  irq_attach(kInterruptSoftware3, note, (void*)3);
  raise_software(BIT(kInterruptSoftware1));
  CHECK_EQ(served, 1);
  CHECK_EQ(level_seen, 1);
  raise_software(BIT(kInterruptSoftware3));
  CHECK_EQ(served, 2);
  CHECK_EQ(level_seen, 3);
  CHECK_EQ(READ_SR("interrupt") & (BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3)), 0);
  done(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
}

static void test_only_software_interrupts_can_be_set(void) {
  raise_software(~(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3)));
  const uint32_t others = BIT(kLevel1External) | BIT(kLevel2External) | BIT(kLevel5External) | BIT(14);
  CHECK_EQ(READ_SR("interrupt") & others, 0);
}

static void test_disabled_ones_stay_pending(void) {
  reset_notes();
  irq_attach(kInterruptSoftware1, note, 0);
  irq_disable(BIT(kInterruptSoftware1));
  raise_software(BIT(kInterruptSoftware1));
  CHECK_EQ(served, 0);
  CHECK(READ_SR("interrupt") & BIT(kInterruptSoftware1));
  irq_enable(BIT(kInterruptSoftware1));
  CHECK_EQ(served, 1);
  irq_disable(BIT(kInterruptSoftware1));
  raise_software(BIT(kInterruptSoftware1));
  WRITE_SR("intclear", BIT(kInterruptSoftware1));
  irq_enable(BIT(kInterruptSoftware1));
  CHECK_EQ(served, 1);
  done(BIT(kInterruptSoftware1));
}

static void test_interrupt_level_masks(void) {
  reset_notes();
  irq_attach(kInterruptSoftware1, note, (void*)1);
  irq_attach(kInterruptSoftware3, note, (void*)3);
  uint32_t ps;
  __asm__ volatile("rsil %0, 1" : "=a"(ps)::"memory");
  raise_software(BIT(kInterruptSoftware1));
  CHECK_EQ(served, 0);
  raise_software(BIT(kInterruptSoftware3));
  CHECK_EQ(served, 1);
  CHECK_EQ(order[0], 3);
  irq_restore(ps);
  CHECK_EQ(served, 2);
  CHECK_EQ(order[1], 1);
  done(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
}

/* An interrupt of a higher level comes in between. */
static void interrupt_oneself(void* argument) {
  raise_software(BIT(kInterruptSoftware3));
  note(argument);
}
static void test_levels_nest(void) {
  reset_notes();
  irq_attach(kInterruptSoftware1, interrupt_oneself, (void*)1);
  irq_attach(kInterruptSoftware3, note, (void*)3);
  raise_software(BIT(kInterruptSoftware1));
  CHECK_EQ(served, 2);
  CHECK_EQ(order[0], 3);
  CHECK_EQ(order[1], 1);
  CHECK_EQ(level_seen, 1);
  done(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
}

static void test_highest_level_first(void) {
  reset_notes();
  irq_attach(kLevel2External, note_and_clear, (void*)2);
  irq_route(SOURCE_FROM_CPU(0), kLevel2External);
  irq_attach(kInterruptSoftware1, note, (void*)1);
  irq_attach(kInterruptSoftware3, note, (void*)3);
  const uint32_t ps = irq_lock();
  raise_software(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
  cross_core_raise(0);
  CHECK_EQ(served, 0);
  irq_restore(ps);
  CHECK_EQ(served, 3);
  CHECK_EQ(order[0], 3);
  CHECK_EQ(order[1], 2);
  CHECK_EQ(order[2], 1);
  done(BIT(kLevel2External) | BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
}

static void check_level(unsigned interrupt, unsigned level) {
  reset_notes();
  irq_attach(interrupt, note_and_clear, 0);
  irq_route(SOURCE_FROM_CPU(1), interrupt);
  cross_core_raise(1);
  if (level <= 3) {
    CHECK_EQ(served, 1);
    CHECK_EQ(level_seen, level);
  } else {
    CHECK_EQ(high_level_counts[level], 1);
  }
  CHECK_EQ(REG(DPORT_CPU_INTR_FROM_CPU_REG(1)), 0);
  done(BIT(interrupt));
}
static void test_every_level_through_the_matrix(void) {
  check_level(kLevel1External, 1);
  check_level(kLevel1Edge, 1);
  check_level(kLevel2External, 2);
  check_level(kLevel3External, 3);
  check_level(kLevel3Edge, 3);
  check_level(kLevel4External, 4);
  check_level(kLevel4Edge, 4);
  check_level(kLevel5External, 5);
}

/* Neither INTENABLE nor the level holds it back. */
static void test_nmi(void) {
  reset_notes();
  uint32_t ps;
  __asm__ volatile("rsil %0, 5" : "=a"(ps)::"memory");
  irq_route(SOURCE_FROM_CPU(2), kInterruptNmi);
  cross_core_raise(2);
  CHECK_EQ(high_level_counts[7], 1);
  irq_restore(ps);
  done(0);
}

/* A level-triggered line interrupts for as long as its source lasts; an edge once. */
static void note_three_times(void* argument) {
  note(argument);
  if (served == 3) cross_core_clear(3);
}
static void test_level_and_edge(void) {
  reset_notes();
  irq_attach(kLevel1External, note_three_times, 0);
  irq_route(SOURCE_FROM_CPU(3), kLevel1External);
  cross_core_raise(3);
  CHECK_EQ(served, 3);
  done(BIT(kLevel1External));

  reset_notes();
  irq_attach(kLevel1Edge, note, 0);
  irq_route(SOURCE_FROM_CPU(3), kLevel1Edge);
  cross_core_raise(3);
  CHECK_EQ(served, 1);
  cross_core_raise(3); /* it has been high all the time */
  CHECK_EQ(served, 1);
  cross_core_clear(3);
  CHECK_EQ(served, 1);
  cross_core_raise(3);
  CHECK_EQ(served, 2);
  /* What has gone again still counts. */
  const uint32_t ps = irq_lock();
  cross_core_clear(3);
  cross_core_raise(3);
  cross_core_clear(3);
  irq_restore(ps);
  CHECK_EQ(served, 3);
  done(BIT(kLevel1Edge));

  /* A level that has gone before it was served does not. */
  reset_notes();
  irq_attach(kLevel1External, note, 0);
  irq_route(SOURCE_FROM_CPU(3), kLevel1External);
  const uint32_t before = irq_lock();
  cross_core_raise(3);
  cross_core_clear(3);
  irq_restore(before);
  CHECK_EQ(served, 0);
  done(BIT(kLevel1External));
}

static void test_sources_share_an_interrupt(void) {
  reset_notes();
  irq_route(SOURCE_FROM_CPU(0), kLevel1External);
  irq_route(SOURCE_FROM_CPU(1), kLevel1External);
  cross_core_raise(0);
  cross_core_raise(1);
  cross_core_clear(0);
  CHECK(READ_SR("interrupt") & BIT(kLevel1External));
  cross_core_clear(1);
  CHECK_EQ(READ_SR("interrupt") & BIT(kLevel1External), 0);
  done(0);
}

static void test_matrix_registers(void) {
  reset_notes();
  irq_route(SOURCE_FROM_CPU(2), kLevel1External);
  CHECK_EQ(REG(DPORT_PRO_INTR_MAP_REG(SOURCE_FROM_CPU(2))), kLevel1External);
  CHECK_EQ(REG(DPORT_PRO_INTR_STATUS_REG(0)) & BIT(26), 0);
  cross_core_raise(2);
  CHECK(REG(DPORT_PRO_INTR_STATUS_REG(0)) & BIT(26));
  CHECK(READ_SR("interrupt") & BIT(kLevel1External));
  /* A source that moves takes its level with it. */
  irq_route(SOURCE_FROM_CPU(2), kLevel2External);
  CHECK_EQ(READ_SR("interrupt") & BIT(kLevel1External), 0);
  CHECK(READ_SR("interrupt") & BIT(kLevel2External));
  irq_route(SOURCE_FROM_CPU(2), INTERRUPT_NOT_CONNECTED);
  CHECK_EQ(READ_SR("interrupt") & BIT(kLevel2External), 0);
  done(0);
}

static void note_timer0(void* argument) {
  WRITE_SR("ccompare0", ccount() - 1); /* acknowledges */
  note(argument);
}
static void note_timer1(void* argument) {
  WRITE_SR("ccompare1", ccount() - 1);
  note(argument);
}
static void test_waiti(void) {
  reset_notes();
  irq_attach(kInterruptTimer0, note_timer0, 0);
  WRITE_SR("ccompare0", ccount() + 24000);
  const uint32_t begun = ccount();
  wait_for_interrupt();
  CHECK_EQ(served, 1);
  CHECK_NEAR(ccount() - begun, 24000, 500);
  /* One that is masked does not wake it; a higher one does. */
  irq_attach(kInterruptTimer1, note_timer1, 0);
  WRITE_SR("ccompare0", ccount() + 12000);
  WRITE_SR("ccompare1", ccount() + 36000);
  const uint32_t then = ccount();
  __asm__ volatile("waiti 1" ::: "memory");
  CHECK(ccount() - then >= 35000);
  CHECK_EQ(served, 2);
  CHECK_EQ(READ_SR("ps") & 15, 1);
  irq_restore(READ_SR("ps") & ~15u);
  CHECK_EQ(served, 3);
  done(BIT(kInterruptTimer0) | BIT(kInterruptTimer1));
}

/* Registers and loops come through whatever interrupts them: timers on levels 1, 3 and 5 out of step. */
static void again1(void* argument) {
  note(argument);
  WRITE_SR("ccompare0", ccount() + 701);
}
static void again3(void* argument) {
  note(argument);
  WRITE_SR("ccompare1", ccount() + 463);
}
static uint32_t __attribute__((noinline)) mix(uint32_t seed, uint32_t rounds) {
  uint32_t a = seed, b = ~seed, c = seed * 3, d = seed ^ 0x5a5a5a5a;
  __asm__ volatile(
      "loop %4, 1f\n"
      "ssl %0\n sll %1, %1\n xor %1, %1, %2\n"
      "add %0, %0, %3\n addx4 %2, %2, %0\n"
      "ssai 7\n src %3, %3, %1\n sub %3, %3, %2\n"
      "mull %2, %2, %0\n addi %0, %0, 13\n1:"
      : "+a"(a), "+a"(b), "+a"(c), "+a"(d)
      : "a"(rounds));
  return a ^ b ^ c ^ d;
}
static void test_interrupted_code_does_not_notice(void) {
  const uint32_t quiet = mix(12345, 20000);
  reset_notes();
  irq_attach(kInterruptTimer0, again1, 0);
  irq_attach(kInterruptTimer1, again3, 0);
  irq_enable(BIT(kInterruptTimer2));
  WRITE_SR("ccompare0", ccount() + 500);
  WRITE_SR("ccompare1", ccount() + 700);
  for (unsigned i = 0; i < 10; ++i) {
    WRITE_SR("ccompare2", ccount() + 3000);
    CHECK_EQ(mix(12345, 20000), quiet);
  }
  irq_disable(BIT(kInterruptTimer0) | BIT(kInterruptTimer1) | BIT(kInterruptTimer2));
  CHECK(served > 1000);
  CHECK_EQ(high_level_counts[5], 10);
  done(0);
}

const Test tests[] = {TEST(software_interrupts),
                      TEST(only_software_interrupts_can_be_set),
                      TEST(disabled_ones_stay_pending),
                      TEST(interrupt_level_masks),
                      TEST(levels_nest),
                      TEST(highest_level_first),
                      TEST(every_level_through_the_matrix),
                      TEST(nmi),
                      TEST(level_and_edge),
                      TEST(sources_share_an_interrupt),
                      TEST(matrix_registers),
                      TEST(waiti),
                      TEST(interrupted_code_does_not_notice),
                      {0, 0}};
