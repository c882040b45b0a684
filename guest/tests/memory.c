/* The memories, by all the addresses that show them, as data and as code. */
#include "check.h"
#include "code_samples.h"

#define WORD(address) (*(volatile uint32_t*)(address))
#define HALF(address) (*(volatile uint16_t*)(address))
#define BYTE(address) (*(volatile uint8_t*)(address))

static uint32_t pattern(uint32_t i) {
  return i * 0x9e3779b9u ^ 0x12345678;
}

static void check_memory(uint32_t address, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i += 4) WORD(address + i) = pattern(address + i);
  for (uint32_t i = 0; i < bytes; i += 4)
    if (WORD(address + i) != pattern(address + i)) {
      CHECK_EQ(WORD(address + i), pattern(address + i));
      return;
    }
}

static void test_every_memory_keeps_what_is_written(void) {
  check_memory(0x3ffae800, 0x800);   /* SRAM2's beginning, beyond the ROM's variables */
  check_memory(0x3ffdc000, 0x3000);  /* and its end */
  check_memory(0x3ffe8000, 0x17000); /* SRAM1 */
  check_memory(0x40090000, 0x10000); /* SRAM0 */
  check_memory(0x40078000, 0x8000);  /* the APP CPU's cache, as long as it is off */
  check_memory(0x3ff80000, 0x2000);  /* RTC fast memory */
  check_memory(0x50000000, 0x2000);  /* RTC slow memory */
}

static void test_rtc_fast_memory_on_both_buses(void) {
  WORD(0x3ff80100) = 0x11223344;
  CHECK_EQ(WORD(0x400c0100), 0x11223344);
  WORD(0x400c1ffc) = 0x55667788;
  CHECK_EQ(WORD(0x3ff81ffc), 0x55667788);
}

/* On the instruction bus SRAM1's words lie in reversed order. */
static uint32_t code_alias(uint32_t data_address) {
  return 0x400a0000 + (0x3ffffffc - data_address);
}
static void test_sram1_is_reversed_on_the_instruction_bus(void) {
  for (uint32_t i = 0; i < 0x1000; i += 4) WORD(0x3fff0000 + i) = i;
  CHECK_EQ(code_alias(0x3fff0000), 0x400afffc);
  for (uint32_t i = 0; i < 0x1000; i += 4) CHECK_EQ(WORD(0x400afffc - i), i);
  WORD(0x400a8000) = 0xcafe1234;
  CHECK_EQ(WORD(0x3fff7ffc), 0xcafe1234);
  CHECK_EQ(BYTE(0x3fff7ffc), 0x34);
}

static void test_widths_and_signs(void) {
  static uint32_t word;
  const uint32_t address = (uint32_t)&word;
  word = 0x80ff7f01;
  CHECK_EQ(BYTE(address), 0x01);
  CHECK_EQ(BYTE(address + 3), 0x80);
  CHECK_EQ(HALF(address + 2), 0x80ff);
  CHECK_EQ(*(volatile int16_t*)(address + 2), 0xffff80ff);
  CHECK_EQ(*(volatile int8_t*)(address + 2), 0xffffffff);
  BYTE(address + 1) = 0xaa;
  CHECK_EQ(word, 0x80ffaa01);
  HALF(address + 2) = 0xbbcc;
  CHECK_EQ(word, 0xbbccaa01);
}

static void test_peripherals_on_the_ahb(void) {
  CHECK_EQ(WORD(0x60000014), WORD(UART_CLKDIV_REG));
  CHECK_EQ(WORD(0x6001f000 + 0x48), WORD(TIMG_WDTCONFIG0_REG(0)));
}

/* --- Code --- */
static void put_code(uint32_t address, Sample sample) {
  for (const uint32_t* from = sample.begin; from < sample.end; ++from, address += 4) WORD(address) = *from;
  __asm__ volatile("memw\n isync" ::: "memory");
}
static void check_code_at(uint32_t address) {
  put_code(address, SAMPLE(111));
  CHECK_EQ(call_sample(address), 111);
  put_code(address, SAMPLE(222)); /* in place of what has just run */
  CHECK_EQ(call_sample(address), 222);
  put_code(address, SAMPLE(sum));
  CHECK_EQ(call_sum(address, 100), 5050);
  CHECK_EQ(call_sum(address, 0), 0);
  put_code(address, SAMPLE(111));
  CHECK_EQ(call_sample(address), 111);
}
static void test_code_runs_in_every_memory(void) {
  check_code_at(0x40098000); /* SRAM0 */
  check_code_at(0x4009fffc - 0x40);
  check_code_at(0x40079000);
  check_code_at(0x400a0800); /* SRAM1, reversed */
  check_code_at(0x400b0000);
  check_code_at(0x400c0800); /* RTC fast */
  check_code_at(0x50000800); /* RTC slow */
}

/* Code in SRAM1 and RTC fast memory may be written by its address on the data bus. */
static void test_code_written_on_the_data_bus(void) {
  const Sample samples[] = {SAMPLE(111), SAMPLE(222)};
  for (uint32_t turn = 0; turn < 4; ++turn) {
    const Sample sample = samples[turn % 2];
    const uint32_t expected = turn % 2 ? 222 : 111;
    uint32_t code = 0x400a1000, rtc = 0x3ff80400;
    for (const uint32_t* from = sample.begin; from < sample.end; ++from, code += 4, rtc += 4) {
      WORD(0x3ffffffc - (code - 0x400a0000)) = *from;
      WORD(rtc) = *from;
    }
    __asm__ volatile("memw\n isync" ::: "memory");
    CHECK_EQ(call_sample(0x400a1000), expected);
    CHECK_EQ(call_sample(0x400c0400), expected);
  }
}

/* One instruction at a time, as a patch does it. */
static void test_code_that_is_patched(void) {
  const uint32_t address = 0x40099000;
  put_code(address, SAMPLE(111));
  for (uint32_t n = 0; n < 100; ++n) {
    /* MOVI: the low eight bits of its number are in the third byte. */
    const uint32_t word = sample_111[1];
    WORD(address + 4) = (word & ~0x0000ff00u) | n << 8;
    __asm__ volatile("isync" ::: "memory");
    CHECK_EQ(call_sample(address), n);
  }
}

/* The other core's code too. */
static volatile uint32_t app_saw;
static void app_call(void) {
  app_saw = call_sample(0x4009a000);
}
static void test_code_changed_by_the_other_core(void) {
  put_code(0x4009a000, SAMPLE(111));
  app_run(app_call);
  app_wait();
  CHECK_EQ(app_saw, 111);
  put_code(0x4009a000, SAMPLE(222));
  app_run(app_call);
  app_wait();
  CHECK_EQ(app_saw, 222);
}

static volatile uint32_t app_sum;
static void app_add_up(void) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < 0x1000; i += 4) sum += WORD(0x3fffa000 + i) + WORD(0x50000000 + i);
  app_sum = sum;
}
static void test_both_cores_see_one_memory(void) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < 0x1000; i += 4) {
    sum += WORD(0x3fffa000 + i) = pattern(i);
    sum += WORD(0x50000000 + i) = pattern(~i);
  }
  app_run(app_add_up);
  app_wait();
  CHECK_EQ(app_sum, sum);
}

static void test_rom_can_be_read_and_not_written(void) {
  const uint32_t code = WORD(0x40000400), data = WORD(0x3ff96000);
  WORD(0x40000400) = ~code;
  WORD(0x3ff96000) = ~data;
  CHECK_EQ(WORD(0x40000400), code);
  CHECK_EQ(WORD(0x3ff96000), data);
}

const Test tests[] = {TEST(every_memory_keeps_what_is_written),
                      TEST(rtc_fast_memory_on_both_buses),
                      TEST(sram1_is_reversed_on_the_instruction_bus),
                      TEST(widths_and_signs),
                      TEST(peripherals_on_the_ahb),
                      TEST(code_runs_in_every_memory),
                      TEST(code_written_on_the_data_bus),
                      TEST(code_that_is_patched),
                      TEST(code_changed_by_the_other_core),
                      TEST(both_cores_see_one_memory),
                      TEST(rom_can_be_read_and_not_written),
                      {0, 0}};
