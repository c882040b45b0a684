/* Each cause of an exception, with what EXCCAUSE, EXCVADDR and EPC1 say of it, and debug exceptions. */
#include "check.h"

static volatile struct { uint32_t count, cause, vaddr, pc, ps; } seen;
/* Where the instruction lies that is to fail, and where to go on. */
static volatile uint32_t places[2];

static void note(Frame* frame) {
  ++seen.count;
  seen.cause = frame->cause;
  seen.vaddr = frame->vaddr;
  seen.pc = frame->pc;
  seen.ps = frame->ps;
  frame->pc = places[1];
}

/* Runs an instruction that is to fail. Operands from %3 on. */
#define PROVOKE(code, ...)                                                                                \
  do {                                                                                                    \
    uint32_t at_, after_;                                                                                 \
    seen.count = 0;                                                                                       \
    __asm__ volatile(                                                                                     \
        "movi %0, 8f\n movi %1, 9f\n s32i %0, %2, 0\n s32i %1, %2, 4\n memw\n j 8f\n .align 4\n 8: " code \
        "\n 9:"                                                                                           \
        : "=&a"(at_), "=&a"(after_)                                                                       \
        : "a"(places), ##__VA_ARGS__                                                                      \
        : "memory", "a15");                                                                               \
  } while (0)

#define CHECK_SEEN(the_cause)        \
  do {                               \
    CHECK_EQ(seen.count, 1);         \
    CHECK_EQ(seen.cause, the_cause); \
    CHECK_EQ(seen.pc, places[0]);    \
    CHECK(seen.ps & 16); /* EXCM */  \
  } while (0)
#define CHECK_SEEN_AT(the_cause, address) \
  do {                                    \
    CHECK_SEEN(the_cause);                \
    CHECK_EQ(seen.vaddr, address);        \
  } while (0)

enum {
  kIllegal = 0,
  kSyscall = 1,
  kLoadStoreError = 3,
  kDivideByZero = 6,
  kAlignment = 9,
  kFetchProhibited = 20,
  kLoadProhibited = 28,
  kStoreProhibited = 29,
  kCoprocessor0 = 32
};

static uint32_t words[4] = {0x03020100, 0x07060504, 0x0b0a0908, 0};
#define IRAM 0x4009ff00u /* far behind this program's code */

static void test_illegal_instructions(void) {
  exception_attach(kIllegal, note);
  PROVOKE("ill");
  CHECK_SEEN(kIllegal);
  PROVOKE("ill.n");
  CHECK_SEEN(kIllegal);
  PROVOKE(".byte 0x80, 0xfa, 0x03"); /* RSR of a register that is not there */
  CHECK_SEEN(kIllegal);
  PROVOKE(".byte 0xf0, 0xff, 0xff");
  CHECK_SEEN(kIllegal);
}

static void test_system_call(void) {
  exception_attach(kSyscall, note);
  PROVOKE("syscall");
  CHECK_SEEN(kSyscall);
}

static void test_division_by_zero(void) {
  exception_attach(kDivideByZero, note);
  uint32_t x = 5;
  PROVOKE("quos %0, %3, %4", "a"(x), "a"(0));
  CHECK_SEEN(kDivideByZero);
  PROVOKE("quou %0, %3, %4", "a"(x), "a"(0));
  CHECK_SEEN(kDivideByZero);
  PROVOKE("rems %0, %3, %4", "a"(x), "a"(0));
  CHECK_SEEN(kDivideByZero);
  PROVOKE("remu %0, %3, %4", "a"(x), "a"(0));
  CHECK_SEEN(kDivideByZero);
  __asm__ volatile("quos %0, %1, %2" : "=a"(x) : "a"(0x80000000), "a"(-1));
  CHECK_EQ(x, 0x80000000);
}

static void test_narrow_access_to_instruction_ram(void) {
  exception_attach(kLoadStoreError, note);
  PROVOKE("l8ui %0, %3, 1", "a"(IRAM));
  CHECK_SEEN_AT(kLoadStoreError, IRAM + 1);
  PROVOKE("l16ui %0, %3, 2", "a"(IRAM));
  CHECK_SEEN_AT(kLoadStoreError, IRAM + 2);
  PROVOKE("l16si %0, %3, 0", "a"(IRAM));
  CHECK_SEEN_AT(kLoadStoreError, IRAM);
  PROVOKE("s8i %3, %3, 3", "a"(IRAM));
  CHECK_SEEN_AT(kLoadStoreError, IRAM + 3);
  PROVOKE("s16i %3, %3, 2", "a"(IRAM));
  CHECK_SEEN_AT(kLoadStoreError, IRAM + 2);
}

static void test_alignment(void) {
  exception_attach(kAlignment, note);
  const uint32_t address = (uint32_t)words;
  PROVOKE("l32i %0, %3, 0", "a"(IRAM + 1));
  CHECK_SEEN_AT(kAlignment, IRAM + 1);
  PROVOKE("s32i %3, %3, 4", "a"(IRAM + 2));
  CHECK_SEEN_AT(kAlignment, IRAM + 6);
  PROVOKE("l32ai %0, %3, 0", "a"(address + 2));
  CHECK_SEEN_AT(kAlignment, address + 2);
  PROVOKE("s32ri %3, %3, 0", "a"(address + 1));
  CHECK_SEEN_AT(kAlignment, address + 1);
  PROVOKE("s32c1i %3, %3, 0", "a"(address + 1));
  CHECK_SEEN_AT(kAlignment, address + 1);
  /* Data RAM takes words at any address. */
  uint32_t value;
  __asm__ volatile("l32i %0, %1, 0" : "=a"(value) : "a"(address + 1));
  CHECK_EQ(value, 0x04030201);
  __asm__ volatile("l16ui %0, %1, 0" : "=a"(value) : "a"(address + 3));
  CHECK_EQ(value, 0x0403);
  __asm__ volatile("s32i %0, %1, 0" ::"a"(0xddccbbaa), "a"(address + 6) : "memory");
  CHECK_EQ(words[1], 0xbbaa0504);
  CHECK_EQ(words[2], 0x0b0addcc);
}

static void set_region(uint32_t address, uint32_t attribute) {
  __asm__ volatile("wdtlb %0, %1\n witlb %0, %1\n dsync\n isync" ::"a"(attribute), "a"(address) : "memory");
}

/* The lowest 512 MiB closed, as firmware does to catch null pointers. */
static void test_prohibited_regions(void) {
  exception_attach(kLoadProhibited, note);
  exception_attach(kStoreProhibited, note);
  exception_attach(kFetchProhibited, note);
  set_region(0, 15);
  PROVOKE("l32i %0, %3, 4", "a"(0));
  CHECK_SEEN_AT(kLoadProhibited, 4);
  PROVOKE("l8ui %0, %3, 7", "a"(0));
  CHECK_SEEN_AT(kLoadProhibited, 7);
  PROVOKE("s32i %3, %3, 8", "a"(0x1ffffff0));
  CHECK_SEEN_AT(kStoreProhibited, 0x1ffffff8);
  PROVOKE("s16i %3, %3, 2", "a"(0));
  CHECK_SEEN_AT(kStoreProhibited, 2);
  PROVOKE("jx %3", "a"(0x1000));
  CHECK_EQ(seen.count, 1);
  CHECK_EQ(seen.cause, kFetchProhibited);
  CHECK_EQ(seen.pc, 0x1000);
  CHECK_EQ(seen.vaddr, 0x1000);
  uint32_t attribute;
  __asm__ volatile("rdtlb1 %0, %1" : "=a"(attribute) : "a"(0x12345678));
  CHECK_EQ(attribute & 15, 15);
  set_region(0, 2);
}

static void test_fetch_from_data_ram(void) {
  exception_attach(kFetchProhibited, note);
  PROVOKE("jx %3", "a"(words));
  CHECK_EQ(seen.count, 1);
  CHECK_EQ(seen.cause, kFetchProhibited);
  CHECK_EQ(seen.pc, (uint32_t)words);
}

static void test_coprocessor_off(void) {
  exception_attach(kCoprocessor0, note);
  WRITE_SR("cpenable", 0);
  PROVOKE("wfr f0, %3", "a"(1));
  CHECK_SEEN(kCoprocessor0);
  PROVOKE("add.s f0, f1, f2");
  CHECK_SEEN(kCoprocessor0);
  WRITE_SR("cpenable", 1);
  PROVOKE("wfr f0, %3", "a"(1));
  CHECK_EQ(seen.count, 0);
  WRITE_SR("cpenable", 0);
}

/* An exception taken at the end of a loop's body: a handler that goes on at LEND has left the loop. */
uint32_t loop_with_exception(uint32_t count);
extern uint8_t loop_exception_end[];
static void test_exception_at_the_end_of_a_loop(void) {
  exception_attach(kIllegal, note);
  places[1] = (uint32_t)loop_exception_end;
  seen.count = 0;
  CHECK_EQ(loop_with_exception(5), 1);
  CHECK_EQ(seen.count, 1);
}

/* A handler may itself be interrupted by an exception once C runs. */
static volatile uint32_t inner;
static void on_inner(Frame* frame) {
  ++inner;
  frame->pc += 3;
}
static void on_outer(Frame* frame) {
  __asm__ volatile("syscall");
  note(frame);
}
static void test_exception_in_a_handler(void) {
  inner = 0;
  exception_attach(kSyscall, on_inner);
  exception_attach(kIllegal, on_outer);
  PROVOKE("ill");
  CHECK_SEEN(kIllegal);
  CHECK_EQ(inner, 1);
}

/* --- Debug exceptions; exceptions.S --- */
volatile struct { uint32_t cause, pc, count, step; } debug_seen;
enum { kIcount = 1, kIbreak = 2, kDbreak = 4, kBreak = 8, kBreakN = 16 };

static void test_break(void) {
  debug_seen.count = 0;
  debug_seen.step = 3;
  PROVOKE("break 1, 2");
  CHECK_EQ(debug_seen.count, 1);
  CHECK_EQ(debug_seen.cause, kBreak);
  CHECK_EQ(debug_seen.pc, places[0]);
  debug_seen.step = 2;
  PROVOKE("break.n 3");
  CHECK_EQ(debug_seen.count, 2);
  CHECK_EQ(debug_seen.cause, kBreakN);
  debug_seen.step = 0;
}

static uint32_t __attribute__((noinline)) watched(uint32_t x) {
  return x * 3;
}
static void test_instruction_breakpoint(void) {
  debug_seen.count = 0;
  WRITE_SR("ibreaka1", watched);
  WRITE_SR("ibreakenable", 2);
  __asm__ volatile("isync");
  CHECK_EQ(watched(5), 15);
  CHECK_EQ(debug_seen.count, 1);
  CHECK_EQ(debug_seen.cause, kIbreak);
  CHECK_EQ(debug_seen.pc, watched);
}

static void test_data_breakpoints(void) {
  static volatile uint32_t data[4] __attribute__((aligned(16)));
  debug_seen.count = 0;
  WRITE_SR("dbreaka0", &data[1]);
  WRITE_SR("dbreakc0", 0x8000003c); /* stores; four bytes */
  __asm__ volatile("dsync");
  data[0] = 1;
  data[2] = 1;
  (void)data[1];
  CHECK_EQ(debug_seen.count, 0);
  data[1] = 7;
  CHECK_EQ(debug_seen.count, 1);
  CHECK_EQ(debug_seen.cause & kDbreak, kDbreak);
  CHECK_EQ(data[1], 7);
  WRITE_SR("dbreaka1", &data[0]);
  WRITE_SR("dbreakc1", 0x40000030); /* loads; sixteen */
  __asm__ volatile("dsync");
  data[3] = 2;
  CHECK_EQ(debug_seen.count, 1);
  CHECK_EQ(data[3], 2);
  CHECK_EQ(debug_seen.count, 2);
  CHECK_EQ(debug_seen.cause, kDbreak | 1 << 8); /* and DBNUM */
}

static void test_single_step(void) {
  debug_seen.count = 0;
  uint32_t at = 0;
  __asm__ volatile(
      "movi %0, 8f\n movi a15, -3\n wsr.icount a15\n movi a15, 6\n wsr.icountlevel a15\n isync\n"
      "nop\n nop\n 8: nop\n nop"
      : "=&a"(at)::"a15", "memory");
  CHECK_EQ(debug_seen.count, 1);
  CHECK_EQ(debug_seen.cause, kIcount);
  CHECK_NEAR(debug_seen.pc, at, 6);
}

const Test tests[] = {TEST(illegal_instructions),
                      TEST(system_call),
                      TEST(division_by_zero),
                      TEST(narrow_access_to_instruction_ram),
                      TEST(alignment),
                      TEST(prohibited_regions),
                      TEST(fetch_from_data_ram),
                      TEST(coprocessor_off),
                      TEST(exception_at_the_end_of_a_loop),
                      TEST(exception_in_a_handler),
                      TEST(break),
                      TEST(instruction_breakpoint),
                      TEST(data_breakpoints),
                      TEST(single_step),
                      {0, 0}};
