/* Resets, each in turn: the program causes one, and after it, started anew, looks whether the chip says which
   it was. Where it is lies in RTC slow memory, which all of them leave alone. */
#include "check.h"
#include "wake_stub.h"

/* RTC slow memory. */
#define MAGIC (*(volatile uint32_t*)0x50000000)
#define STEP (*(volatile uint32_t*)0x50000004)
#define STUB_MARK (*(volatile uint32_t*)0x50000008)
#define BEFORE_SLEEP (*(volatile uint32_t*)0x5000000c) /* RTC timer, low word */
enum { kMagic = 0x5afe5afe };

/* Reset causes (ESP-IDF, esp32/rom/rtc.h). */
enum {
  kPowerOn = 1,
  kSoftware = 3,
  kDeepSleep = 5,
  kTimerGroup0 = 7,
  kTimerGroup1 = 8,
  kRtcWatchdogSystem = 9,
  kTimerGroupCpu = 11,
  kSoftwareCpu = 12,
  kRtcWatchdogCpu = 13,
  kByProCpu = 14,
  kRtcWatchdogRtc = 16
};

static void software(void) {
  software_reset();
}
static void software_system(void) {
  restart();
}
static void software_cpu(void) {
  software_reset_cpu(0);
}

static void group_watchdog(unsigned group, unsigned action) {
  REG(TIMG_WDTWPROTECT_REG(group)) = WDT_KEY;
  REG(TIMG_WDTCONFIG1_REG(group)) = 80u << 16; /* 1 us */
  REG(TIMG_WDTCONFIG2_REG(group)) = 2000;
  REG(TIMG_WDTFEED_REG(group)) = 1;
  REG(TIMG_WDTCONFIG0_REG(group)) = BIT(31) | action << 29 | 7u << 18 | 7u << 15;
}
enum { kGroupCpu = 2, kGroupSystem = 3 };
static void group0_system(void) {
  group_watchdog(0, kGroupSystem);
}
static void group1_system(void) {
  group_watchdog(1, kGroupSystem);
}
static void group0_cpu(void) {
  group_watchdog(0, kGroupCpu);
}

static void rtc_watchdog(unsigned action) {
  REG(RTC_CNTL_WDTWPROTECT_REG) = WDT_KEY;
  REG(RTC_CNTL_WDTCONFIG1_REG) = 300; /* slow clock cycles */
  REG(RTC_CNTL_WDTFEED_REG) = BIT(31);
  REG(RTC_CNTL_WDTCONFIG0_REG) = BIT(31) | action << 28 | 7u << 14 | 7u << 11 | BIT(9);
}
static void rtc_cpu(void) {
  rtc_watchdog(2);
}
static void rtc_system(void) {
  rtc_watchdog(3);
}
static void rtc_rtc(void) {
  rtc_watchdog(4);
}

static void illegal(void) {
  __asm__ volatile("ill");
}
static void null_pointer(void) {
  __asm__ volatile("wdtlb %0, %1\n dsync" ::"a"(15), "a"(0));
  *(volatile uint32_t*)0 = 1;
}
static void abort_here(void) {
  abort_because("abort() was called");
}
static void no_stack(void) {
  __asm__ volatile("movi a1, 1024\n wdtlb %0, %1\n dsync\n ill" ::"a"(15), "a"(0));
}
static void panic_on_the_app_cpu(void) {
  app_run(illegal);
}

static uint32_t rtc_now(void) {
  REG(RTC_CNTL_TIME_UPDATE_REG) = RTC_CNTL_TIME_UPDATE;
  while (!(REG(RTC_CNTL_TIME_UPDATE_REG) & RTC_CNTL_TIME_VALID)) continue;
  return REG(RTC_CNTL_TIME0_REG);
}
static void sleep_for(uint32_t ticks, bool deep) {
  BEFORE_SLEEP = rtc_now();
  const uint64_t until = (uint64_t)REG(RTC_CNTL_TIME1_REG) << 32 | (BEFORE_SLEEP + ticks);
  REG(RTC_CNTL_SLP_TIMER0_REG) = (uint32_t)until;
  REG(RTC_CNTL_SLP_TIMER1_REG) = (uint32_t)(until >> 32) | RTC_CNTL_MAIN_TIMER_ALARM_EN;
  REG(RTC_CNTL_WAKEUP_STATE_REG) = RTC_CNTL_TIMER_WAKEUP << RTC_CNTL_WAKEUP_ENA_S;
  if (deep)
    reg_set(RTC_CNTL_DIG_PWC_REG, RTC_CNTL_DG_WRAP_PD_EN);
  else
    reg_clear(RTC_CNTL_DIG_PWC_REG, RTC_CNTL_DG_WRAP_PD_EN);
  REG(RTC_CNTL_INT_CLR_REG) = 3;
  reg_clear(RTC_CNTL_STATE0_REG, RTC_CNTL_SLEEP_EN);
  reg_set(RTC_CNTL_STATE0_REG, RTC_CNTL_SLEEP_EN);
}
static void check_slept(uint32_t ticks) {
  CHECK_EQ(REG(RTC_CNTL_WAKEUP_STATE_REG) & 0x7ff, RTC_CNTL_TIMER_WAKEUP);
  CHECK_NEAR(rtc_now() - BEFORE_SLEEP, ticks, ticks / 2);
}

static void deep_sleep(void) {
  sleep_for(20000, true);
}
static void after_deep_sleep(void) {
  check_slept(20000);
}

/* What the ROM calls on waking, if its checksum is right: code in RTC fast memory. */
static void deep_sleep_with_stub(void) {
  for (uint32_t i = 0; i < (uint32_t)(wake_stub_end - wake_stub); ++i)
    ((volatile uint32_t*)0x3ff80000)[i] = wake_stub[i];
  STUB_MARK = 0;
  REG(RTC_CNTL_STORE_REG(6)) = 0x400c0000;
  set_rtc_memory_crc();
  sleep_for(2000, true);
}
static void after_stub(void) {
  CHECK_EQ(STUB_MARK, WAKE_STUB_MARK);
  REG(RTC_CNTL_STORE_REG(6)) = 0;
}

static const struct {
  const char* name;
  void (*cause_it)(void);
  uint8_t pro, app; /* what the chip is to say afterwards; 0: not looked at */
  void (*then)(void);
} steps[] = {
    {"software reset", software, kSoftware, kSoftware, 0},
    {"software reset of the chip", software_system, kSoftware, kSoftware, 0},
    {"software reset of the PRO CPU", software_cpu, kSoftwareCpu, kSoftware, 0},
    {"watchdog of timer group 0", group0_system, kTimerGroup0, kTimerGroup0, 0},
    {"watchdog of timer group 1", group1_system, kTimerGroup1, kTimerGroup1, 0},
    {"watchdog of timer group 0, CPU alone", group0_cpu, kTimerGroupCpu, 0, 0},
    {"RTC watchdog, CPU alone", rtc_cpu, kRtcWatchdogCpu, 0, 0},
    {"RTC watchdog, chip", rtc_system, kRtcWatchdogSystem, kRtcWatchdogSystem, 0},
    {"RTC watchdog, RTC too", rtc_rtc, kRtcWatchdogRtc, kRtcWatchdogRtc, 0},
    {"illegal instruction", illegal, kSoftware, kSoftware, 0},
    {"null pointer", null_pointer, kSoftware, kSoftware, 0},
    {"abort", abort_here, kSoftware, kSoftware, 0},
    {"no stack", no_stack, kSoftware, kSoftware, 0},
    {"illegal instruction on the APP CPU", panic_on_the_app_cpu, kSoftware, kSoftware, 0},
    {"deep sleep", deep_sleep, kDeepSleep, kDeepSleep, after_deep_sleep},
    {"deep sleep with a stub", deep_sleep_with_stub, kSoftware, kSoftware, after_stub},
};
enum { kSteps = sizeof steps / sizeof *steps };

static void test_resets(void) {
  if (MAGIC != kMagic) {
    CHECK_EQ(rtc_get_reset_reason(0), kPowerOn);
    CHECK_EQ(rtc_get_reset_reason(1), kPowerOn);
    MAGIC = kMagic;
    STEP = 0;
  } else {
    const uint32_t step = STEP++;
    CHECK_EQ(rtc_get_reset_reason(0), steps[step].pro);
    if (steps[step].app) CHECK_EQ(rtc_get_reset_reason(1), steps[step].app);
    if (steps[step].then) steps[step].then();
    ets_printf("after %s: %d %d\n", steps[step].name, rtc_get_reset_reason(0), rtc_get_reset_reason(1));
  }
  if (STEP == kSteps) return;
  ets_printf("now: %s\n", steps[STEP].name);
  console_drain();
  steps[STEP].cause_it();
  ets_delay_us(200000);
  CHECK(!"still running");
}

/* --- What is no reset of the PRO CPU --- */
static void test_light_sleep(void) {
  const uint32_t kept = 0x1234;
  sleep_for(3000, false);
  ets_delay_us(10);
  check_slept(3000);
  CHECK(REG(RTC_CNTL_INT_RAW_REG) & 1); /* SLP_WAKEUP */
  CHECK_EQ(kept, 0x1234);
}

static volatile uint32_t app_turns;
static void count_turns(void) {
  ++app_turns;
}
static void test_reset_of_the_app_cpu(void) {
  app_run(count_turns);
  app_wait();
  CHECK_EQ(rtc_get_reset_reason(1), kByProCpu);
  app_cpu_lost(); /* it comes up by itself: its ROM still knows where to */
  software_reset_cpu(1);
  app_cpu_wait_up();
  CHECK_EQ(rtc_get_reset_reason(1), kSoftwareCpu);
  app_run(count_turns);
  app_wait();
  CHECK_EQ(app_turns, 2);
}

const Test tests[] = {TEST(resets), TEST(light_sleep), TEST(reset_of_the_app_cpu), {0, 0}};
