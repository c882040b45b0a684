/* Timers: CCOUNT and CCOMPARE, the timer groups with their watchdogs' interrupt and calibration, FRC1 and
   FRC2, the RTC timer; their rates against each other. */
#include "check.h"

enum { kInterruptA = 0, kInterruptB = 1, kEdge = 10 };

static volatile uint32_t rings;
static uint64_t rang_us;
static void ring(void* argument) {
  (void)argument;
  ++rings;
  rang_us = time_us();
}

/* --- the cores' own --- */
static void test_ccount_runs_at_240_mhz(void) {
  const uint64_t us = time_us();
  const uint32_t begun = ccount();
  while (time_us() - us < 1000) {
  }
  CHECK_NEAR(ccount() - begun, 240000, 1000);
}

static void test_ccount_can_be_written(void) {
  const uint32_t ps = irq_lock(), begun = ccount();
  WRITE_SR("ccount", 0xfffffff0);
  uint32_t later = ccount();
  CHECK_NEAR(later, 0, 100); /* it wraps */
  WRITE_SR("ccount", begun);
  CHECK_NEAR(ccount(), begun, 100);
  irq_restore(ps);
}

#define COMPARE_TEST(n, interrupt)                      \
  static void on_compare##n(void* argument) {           \
    WRITE_SR("ccompare" #n, ccount() - 1);              \
    ring(argument);                                     \
  }                                                     \
  static void test_ccompare##n(void) {                  \
    rings = 0;                                          \
    irq_attach(interrupt, on_compare##n, 0);            \
    const uint64_t begun = time_us();                   \
    WRITE_SR("ccompare" #n, ccount() + 240 * 300);      \
    CHECK_EQ(READ_SR("interrupt") & BIT(interrupt), 0); \
    CHECK(WAIT_FOR(rings == 1));                        \
    CHECK_NEAR((uint32_t)(rang_us - begun), 300, 3);    \
    CHECK_EQ(READ_SR("interrupt") & BIT(interrupt), 0); \
    irq_disable(BIT(interrupt));                        \
  }
COMPARE_TEST(0, kInterruptTimer0)
COMPARE_TEST(1, kInterruptTimer1)

/* Of level 5: seen pending. */
static void test_ccompare2(void) {
  WRITE_SR("ccompare2", ccount() + 2400);
  CHECK_EQ(READ_SR("interrupt") & BIT(kInterruptTimer2), 0);
  CHECK(WAIT_FOR(READ_SR("interrupt") & BIT(kInterruptTimer2)));
  WRITE_SR("ccompare2", ccount() - 1);
  CHECK_EQ(READ_SR("interrupt") & BIT(kInterruptTimer2), 0);
}

static void test_delay_us(void) {
  static const uint32_t times[] = {1, 10, 100, 1000, 10000};
  for (unsigned i = 0; i < 5; ++i) {
    const uint64_t begun = time_us();
    ets_delay_us(times[i]);
    CHECK_NEAR((uint32_t)(time_us() - begun), times[i], 2);
  }
}

/* --- timer groups; group 0's timer 0 is time_us() --- */
static uint64_t group_count(unsigned group, unsigned n) {
  REG(TIMG_TxUPDATE_REG(group, n)) = 1;
  return (uint64_t)REG(TIMG_TxHI_REG(group, n)) << 32 | REG(TIMG_TxLO_REG(group, n));
}
static void group_load(unsigned group, unsigned n, uint64_t count) {
  REG(TIMG_TxLOADLO_REG(group, n)) = (uint32_t)count;
  REG(TIMG_TxLOADHI_REG(group, n)) = (uint32_t)(count >> 32);
  REG(TIMG_TxLOAD_REG(group, n)) = 1;
}
static void group_alarm(unsigned group, unsigned n, uint64_t count) {
  REG(TIMG_TxALARMLO_REG(group, n)) = (uint32_t)count;
  REG(TIMG_TxALARMHI_REG(group, n)) = (uint32_t)(count >> 32);
}
static void check_group_timer(unsigned group, unsigned n) {
  const uint32_t divider = 8u << TIMG_Tx_DIVIDER_S; /* 10 MHz */
  /* Up, across 32 bits. */
  REG(TIMG_TxCONFIG_REG(group, n)) = TIMG_Tx_INCREASE | divider;
  group_load(group, n, 0x1fffffff0);
  CHECK(group_count(group, n) == 0x1fffffff0);
  REG(TIMG_TxCONFIG_REG(group, n)) |= TIMG_Tx_EN;
  ets_delay_us(100);
  CHECK_NEAR((uint32_t)(group_count(group, n) - 0x1fffffff0), 1000, 20);
  /* It stops. */
  REG(TIMG_TxCONFIG_REG(group, n)) &= ~TIMG_Tx_EN;
  const uint64_t stopped = group_count(group, n);
  ets_delay_us(10);
  CHECK(group_count(group, n) == stopped);
  /* Down. */
  REG(TIMG_TxCONFIG_REG(group, n)) = divider;
  group_load(group, n, 5000);
  REG(TIMG_TxCONFIG_REG(group, n)) |= TIMG_Tx_EN;
  ets_delay_us(100);
  CHECK_NEAR((uint32_t)group_count(group, n), 4000, 20);
  REG(TIMG_TxCONFIG_REG(group, n)) = 0;
}
static void test_timer_groups_count(void) {
  check_group_timer(0, 1);
  check_group_timer(1, 0);
  check_group_timer(1, 1);
}

static void acknowledge_group1(void* argument) {
  REG(TIMG_INT_CLR_REG(1)) = 3;
  ring(argument);
}
static void test_timer_group_alarm(void) {
  rings = 0;
  irq_attach(kInterruptA, acknowledge_group1, 0);
  irq_route(SOURCE_TG1_T0_LEVEL, kInterruptA);
  REG(TIMG_INT_CLR_REG(1)) = ~0u;
  REG(TIMG_INT_ENA_REG(1)) = 1;
  REG(TIMG_TxCONFIG_REG(1, 0)) = TIMG_Tx_INCREASE | 80u << TIMG_Tx_DIVIDER_S;
  group_load(1, 0, 0);
  group_alarm(1, 0, 250);
  const uint64_t begun = time_us();
  REG(TIMG_TxCONFIG_REG(1, 0)) |= TIMG_Tx_EN | TIMG_Tx_ALARM_EN | TIMG_Tx_LEVEL_INT_EN;
  CHECK(WAIT_FOR(rings == 1));
  CHECK_NEAR((uint32_t)(rang_us - begun), 250, 3);
  CHECK_EQ(REG(TIMG_TxCONFIG_REG(1, 0)) & TIMG_Tx_ALARM_EN, 0); /* once only */
  ets_delay_us(500);
  CHECK_EQ(rings, 1);
  /* With reload, again and again once the alarm is on again. */
  REG(TIMG_TxCONFIG_REG(1, 0)) &= ~TIMG_Tx_EN;
  group_load(1, 0, 0);
  REG(TIMG_TxCONFIG_REG(1, 0)) |= TIMG_Tx_EN | TIMG_Tx_ALARM_EN | TIMG_Tx_AUTORELOAD;
  CHECK(WAIT_FOR(rings == 2));
  CHECK_NEAR((uint32_t)group_count(1, 0), 0, 5);
  REG(TIMG_TxCONFIG_REG(1, 0)) |= TIMG_Tx_ALARM_EN;
  CHECK(WAIT_FOR(rings == 3));
  REG(TIMG_TxCONFIG_REG(1, 0)) = 0;
  REG(TIMG_INT_ENA_REG(1)) = 0;
  irq_disable(BIT(kInterruptA));
  irq_unroute_all();
}

static void test_timer_group_edge_interrupt(void) {
  rings = 0;
  irq_attach(kEdge, ring, 0);
  irq_route(SOURCE_TG1_T0_EDGE, kEdge);
  REG(TIMG_INT_ENA_REG(1)) = 1;
  REG(TIMG_TxCONFIG_REG(1, 0)) = TIMG_Tx_INCREASE | 80u << TIMG_Tx_DIVIDER_S;
  group_load(1, 0, 0);
  group_alarm(1, 0, 50);
  REG(TIMG_TxCONFIG_REG(1, 0)) |= TIMG_Tx_EN | TIMG_Tx_ALARM_EN | TIMG_Tx_EDGE_INT_EN;
  CHECK(WAIT_FOR(rings == 1));
  ets_delay_us(100);
  CHECK_EQ(rings, 1);
  REG(TIMG_INT_ENA_REG(1)) = 0;
  REG(TIMG_TxCONFIG_REG(1, 0)) = 0;
  irq_disable(BIT(kEdge));
  irq_unroute_all();
}

/* The watchdog's first stage interrupts; fed in time it does not. */
static void acknowledge_watchdog(void* argument) {
  REG(TIMG_INT_CLR_REG(1)) = BIT(2);
  ring(argument);
}
static void test_watchdog_interrupt(void) {
  rings = 0;
  irq_attach(kInterruptA, acknowledge_watchdog, 0);
  irq_route(SOURCE_TG1_WDT_LEVEL, kInterruptA);
  REG(TIMG_WDTWPROTECT_REG(1)) = WDT_KEY;
  REG(TIMG_INT_ENA_REG(1)) = BIT(2);
  REG(TIMG_WDTCONFIG1_REG(1)) = 80u << 16; /* 1 us */
  REG(TIMG_WDTCONFIG2_REG(1)) = 1000;
  REG(TIMG_WDTCONFIG3_REG(1)) = 0x07ffffff;
  REG(TIMG_WDTFEED_REG(1)) = 1;
  REG(TIMG_WDTCONFIG0_REG(1)) = BIT(31) | 1u << 29 | BIT(21); /* on, stage 0: interrupt, by level */
  for (unsigned i = 0; i < 5; ++i) {
    ets_delay_us(600);
    REG(TIMG_WDTFEED_REG(1)) = 1;
  }
  CHECK_EQ(rings, 0);
  ets_delay_us(1100);
  CHECK_EQ(rings, 1);
  REG(TIMG_WDTCONFIG0_REG(1)) = 0;
  REG(TIMG_WDTWPROTECT_REG(1)) = 0;
  REG(TIMG_WDTCONFIG2_REG(1)) = 5; /* not with the key taken back */
  CHECK_EQ(REG(TIMG_WDTCONFIG2_REG(1)), 1000);
  REG(TIMG_INT_ENA_REG(1)) = 0;
  irq_disable(BIT(kInterruptA));
  irq_unroute_all();
}

/* How many crystal cycles 100 of the slow clock take, as firmware measures it. */
static uint32_t slow_clock_cycles(void) {
  const uint32_t config = TIMG_BASE(0) + 0x68, result = TIMG_BASE(0) + 0x6c;
  REG(config) = 100u << 16;
  REG(config) |= BIT(31);
  CHECK(WAIT_FOR(REG(config) & BIT(15)));
  const uint32_t cycles = REG(result) >> 7;
  REG(config) &= ~BIT(31);
  return cycles;
}
static void test_slow_clock_calibration(void) {
  reg_replace(RTC_CNTL_REG, 0xffu << RTC_CNTL_SCK_DCAP_S,
              0xffu << RTC_CNTL_SCK_DCAP_S); /* as firmware trims it */
  const uint32_t cycles = slow_clock_cycles();
  CHECK_NEAR(cycles, 40000000 / 150000 * 100, 4000); /* 150 kHz, give or take */
}

static uint64_t rtc_count(void) {
  REG(RTC_CNTL_TIME_UPDATE_REG) = RTC_CNTL_TIME_UPDATE;
  CHECK(WAIT_FOR(REG(RTC_CNTL_TIME_UPDATE_REG) & RTC_CNTL_TIME_VALID));
  return (uint64_t)REG(RTC_CNTL_TIME1_REG) << 32 | REG(RTC_CNTL_TIME0_REG);
}
static void test_rtc_timer(void) {
  const uint32_t cycles = slow_clock_cycles();
  const uint64_t begun = rtc_count(), begun_us = time_us();
  ets_delay_us(5000);
  const uint32_t ticks = (uint32_t)(rtc_count() - begun), us = (uint32_t)(time_us() - begun_us);
  /* 100 ticks are `cycles` / 40 microseconds. */
  CHECK_NEAR(ticks * cycles / 4000, us, 30);
}

/* --- FRC1 counts down 23 bits, FRC2 up 32 --- */
enum { kFrcEnable = BIT(7), kFrcAutoload = BIT(6), kFrcBy16 = 4, kFrcBy1 = 0 };
static void acknowledge_frc(void* n) {
  REG(FRC_TIMER_INT_REG((uint32_t)n)) = 1;
  ring(n);
}
static void test_frc1(void) {
  rings = 0;
  REG(FRC_TIMER_CTRL_REG(0)) = kFrcBy16; /* 5 MHz */
  REG(FRC_TIMER_LOAD_REG(0)) = 1000;
  irq_attach(kEdge, acknowledge_frc, (void*)0);
  irq_route(SOURCE_TIMER1, kEdge);
  const uint64_t begun = time_us();
  REG(FRC_TIMER_CTRL_REG(0)) = kFrcBy16 | kFrcEnable | kFrcAutoload;
  const uint32_t first = REG(FRC_TIMER_COUNT_REG(0));
  CHECK(first <= 1000 && first > 900);
  CHECK(WAIT_FOR(rings == 1));
  CHECK_NEAR((uint32_t)(rang_us - begun), 200, 3);
  CHECK(WAIT_FOR(rings == 3));
  CHECK_NEAR((uint32_t)(rang_us - begun), 600, 5);
  REG(FRC_TIMER_CTRL_REG(0)) = 0;
  irq_disable(BIT(kEdge));
  irq_unroute_all();
}
static void test_frc2(void) {
  rings = 0;
  REG(FRC_TIMER_CTRL_REG(1)) = kFrcBy1 | kFrcEnable;
  REG(FRC_TIMER_LOAD_REG(1)) = 0xffffff00;
  REG(FRC2_ALARM_REG) = 8000;
  irq_attach(kEdge, acknowledge_frc, (void*)1);
  irq_route(SOURCE_TIMER2, kEdge);
  const uint64_t begun = time_us();
  const uint32_t first = REG(FRC_TIMER_COUNT_REG(1));
  CHECK(WAIT_FOR(rings == 1));
  CHECK_NEAR((uint32_t)(rang_us - begun), (8000 - first) / 80, 3);
  REG(FRC_TIMER_CTRL_REG(1)) = 0;
  irq_disable(BIT(kEdge));
  irq_unroute_all();
}

/* --- clocks --- */
static void test_cpu_at_80_and_160_mhz(void) {
  static const uint32_t mhz[] = {80, 160, 240};
  for (uint32_t i = 0; i < 3; ++i) {
    REG(DPORT_CPU_PER_CONF_REG) = i;
    const uint64_t us = time_us();
    const uint32_t begun = ccount();
    while (time_us() - us < 100) {
    }
    CHECK_NEAR(ccount() - begun, mhz[i] * 100, mhz[i] * 3);
  }
}

const Test tests[] = {TEST(ccount_runs_at_240_mhz),
                      TEST(ccount_can_be_written),
                      TEST(ccompare0),
                      TEST(ccompare1),
                      TEST(ccompare2),
                      TEST(delay_us),
                      TEST(timer_groups_count),
                      TEST(timer_group_alarm),
                      TEST(timer_group_edge_interrupt),
                      TEST(watchdog_interrupt),
                      TEST(slow_clock_calibration),
                      TEST(rtc_timer),
                      TEST(frc1),
                      TEST(frc2),
                      TEST(cpu_at_80_and_160_mhz),
                      {0, 0}};
