/* Two cores: starting the second one, S32C1I between them, interrupts across, stalling, resetting. */
#include "check.h"

enum { kRounds = 20000, kInterruptA = 0 };

static volatile uint32_t app_prid, app_counter, shared, app_served;

static void note_prid(void) {
  app_prid = READ_SR("prid");
}
static void test_the_app_cpu_starts(void) {
  CHECK_EQ(READ_SR("prid"), 0xcdcd);
  CHECK_EQ(core_id(), 0);
  app_run(note_prid);
  app_wait();
  CHECK_EQ(app_prid, 0xabab);
  CHECK_EQ(rtc_get_reset_reason(1), 14); /* EXT_CPU_RESET: by the PRO CPU */
}

static void app_add(void) {
  for (uint32_t i = 0; i < kRounds; ++i) atomic_add(&shared, 1);
}
static void test_atomic_add_from_both(void) {
  shared = 0;
  app_run(app_add);
  for (uint32_t i = 0; i < kRounds; ++i) atomic_add(&shared, 1);
  app_wait();
  CHECK_EQ(shared, 2 * kRounds);
}

static Lock lock;
static volatile uint32_t first_half, second_half, torn;
static void locked_work(void) {
  for (uint32_t i = 0; i < kRounds / 4; ++i) {
    const uint32_t ps = lock_take(&lock);
    if (first_half != second_half) ++torn;
    ++first_half;
    for (volatile uint32_t wait = 0; wait < i % 7; ++wait) continue;
    ++second_half;
    lock_release(&lock, ps);
  }
}
static void test_lock(void) {
  first_half = second_half = torn = 0;
  app_run(locked_work);
  locked_work();
  app_wait();
  CHECK_EQ(torn, 0);
  CHECK_EQ(first_half, kRounds / 2);
  CHECK_EQ(second_half, kRounds / 2);
}

static void test_compare_and_swap_says_what_was_there(void) {
  volatile uint32_t word = 5;
  CHECK_EQ(compare_and_swap(&word, 5, 6), 5);
  CHECK_EQ(word, 6);
  CHECK_EQ(compare_and_swap(&word, 5, 7), 6);
  CHECK_EQ(word, 6);
  CHECK_EQ(atomic_or(&word, 9), 6);
  CHECK_EQ(atomic_take(&word), 15);
  CHECK_EQ(word, 0);
}

/* A stack that both cores push to and pop from. */
enum { kNodes = 64 };
static volatile uint32_t bitmap[2];
static void claim(void) { /* takes single bits out of two words until none is left */
  for (unsigned word = 0; word < 2; ++word)
    for (;;) {
      const uint32_t seen = bitmap[word];
      if (seen == 0) break;
      const uint32_t bit = seen & -seen;
      if (compare_and_swap(&bitmap[word], seen, seen & ~bit) == seen) atomic_add(&shared, 1);
    }
}
static void test_each_bit_is_claimed_once(void) {
  for (unsigned round = 0; round < 50; ++round) {
    shared = 0;
    bitmap[0] = bitmap[1] = ~0u;
    app_run(claim);
    claim();
    app_wait();
    CHECK_EQ(shared, kNodes);
  }
}

/* --- interrupts across --- */
static volatile uint32_t pings, pongs;
static void on_ping(void* argument) {
  (void)argument;
  cross_core_clear(1);
  ++pings;
  cross_core_raise(0);
}
static void on_pong(void* argument) {
  (void)argument;
  cross_core_clear(0);
  ++pongs;
}
static void serve_pings(void) {
  irq_attach(kInterruptA, on_ping, 0);
  irq_route(SOURCE_FROM_CPU(1), kInterruptA);
  while (pings < 500) wait_for_interrupt();
  irq_disable(BIT(kInterruptA));
}
static void test_cross_core_interrupts(void) {
  pings = pongs = 0;
  irq_attach(kInterruptA, on_pong, 0);
  irq_route(SOURCE_FROM_CPU(0), kInterruptA);
  app_run(serve_pings);
  for (uint32_t i = 0; i < 500; ++i) {
    cross_core_raise(1);
    irq_lock();
    while (pongs == i) {
      wait_for_interrupt();
      irq_lock();
    }
    irq_restore(READ_SR("ps") & ~15u);
    CHECK_EQ(pongs, i + 1);
  }
  app_wait();
  CHECK_EQ(pings, 500);
  irq_disable(BIT(kInterruptA));
  irq_unroute_all();
}

/* A source goes where each core's half of the matrix leads it; cores do not see each other's software
 * interrupts. */
static volatile bool saw_mine, saw_others;
static void look_at_own_interrupts(void) {
  irq_route(SOURCE_FROM_CPU(2), 19);
  WRITE_SR("intset", BIT(kInterruptSoftware1));
  saw_mine =
      (READ_SR("interrupt") & (BIT(kInterruptSoftware1) | BIT(19))) == (BIT(kInterruptSoftware1) | BIT(19));
  saw_others = READ_SR("interrupt") & BIT(20);
  WRITE_SR("intclear", BIT(kInterruptSoftware1));
}
static void test_each_core_has_its_own_interrupts(void) {
  irq_route(SOURCE_FROM_CPU(2), 20);
  cross_core_raise(2);
  app_run(look_at_own_interrupts);
  app_wait();
  CHECK(saw_mine);
  CHECK(!saw_others);
  CHECK_EQ(READ_SR("interrupt") & (BIT(kInterruptSoftware1) | BIT(19)), 0);
  CHECK(READ_SR("interrupt") & BIT(20));
  cross_core_clear(2);
  irq_unroute_all();
}

/* --- stalls --- */
static volatile bool stop_counting;
static void count_on(void) {
  while (!stop_counting) ++app_counter;
}
static uint32_t counted_in(uint32_t us) {
  const uint32_t before = app_counter;
  ets_delay_us(us);
  return app_counter - before;
}
static void test_the_app_cpu_can_be_stalled(void) {
  stop_counting = false;
  app_run(count_on);
  CHECK(counted_in(100) > 0);
  /* By RTC_CNTL, as a panic does it. */
  reg_replace(RTC_CNTL_OPTIONS0_REG, 3, 2);
  reg_replace(RTC_CNTL_SW_CPU_STALL_REG, 0x3fu << 20, 0x21u << 20);
  CHECK_EQ(counted_in(100), 0);
  reg_clear(RTC_CNTL_SW_CPU_STALL_REG, 0x3fu << 20);
  reg_clear(RTC_CNTL_OPTIONS0_REG, 3);
  CHECK(counted_in(100) > 0);
  /* By DPORT: stalled, and without a clock. */
  reg_set(DPORT_APPCPU_CTRL_C_REG, 1);
  CHECK_EQ(counted_in(100), 0);
  reg_clear(DPORT_APPCPU_CTRL_C_REG, 1);
  CHECK(counted_in(100) > 0);
  reg_clear(DPORT_APPCPU_CTRL_B_REG, 1);
  CHECK_EQ(counted_in(100), 0);
  reg_set(DPORT_APPCPU_CTRL_B_REG, 1);
  CHECK(counted_in(100) > 0);
  stop_counting = true;
  app_wait();
}

/* CCOUNT is each core's own, at the same rate. */
static volatile uint32_t app_elapsed;
static void measure(void) {
  WRITE_SR("ccount", 0x12340000);
  ets_delay_us(200);
  app_elapsed = ccount() - 0x12340000;
}
static void test_each_core_has_its_own_ccount(void) {
  const uint32_t begun = ccount();
  app_run(measure);
  app_wait();
  CHECK_NEAR(app_elapsed, 48000, 1000);
  CHECK(ccount() - begun < 240000);
}

static void test_the_app_cpu_starts_again_after_a_reset(void) {
  app_prid = 0;
  app_cpu_again();
  app_run(note_prid);
  app_wait();
  CHECK_EQ(app_prid, 0xabab);
}

const Test tests[] = {TEST(the_app_cpu_starts),
                      TEST(compare_and_swap_says_what_was_there),
                      TEST(atomic_add_from_both),
                      TEST(lock),
                      TEST(each_bit_is_claimed_once),
                      TEST(cross_core_interrupts),
                      TEST(each_core_has_its_own_interrupts),
                      TEST(the_app_cpu_can_be_stalled),
                      TEST(each_core_has_its_own_ccount),
                      TEST(the_app_cpu_starts_again_after_a_reset),
                      {0, 0}};
