/* What panic.S ends in: says what happened and restarts the chip. */
#include "panic.h"

#include <stdbool.h>

#include "chip.h"
#include "cpu.h"
#include "frame.h"
#include "rom.h"
#include "soc.h"

PanicRecord panic_records[2]; /* filled in by panic.S */
static const char* volatile abort_reason;

static const char* const kKinds[] = {[KIND_DOUBLE] = "double exception",
                                     [KIND_LEVEL4] = "unexpected interrupt of level 4",
                                     [KIND_LEVEL5] = "unexpected interrupt of level 5",
                                     [KIND_DEBUG] = "debug exception",
                                     [KIND_NMI] = "unexpected NMI"};

/* EXCCAUSE: Xtensa ISA Reference Manual, table "Exception Causes". */
static const char* cause_name(uint32_t cause) {
  static const char* const names[] = {"IllegalInstruction",
                                      "Syscall",
                                      "InstructionFetchError",
                                      "LoadStoreError",
                                      "Level1Interrupt",
                                      "Alloca",
                                      "IntegerDivideByZero",
                                      NULL,
                                      "Privileged",
                                      "LoadStoreAlignment"};
  switch (cause) {
    case 20:
      return "InstFetchProhibited";
    case 28:
      return "LoadProhibited";
    case 29:
      return "StoreProhibited";
    case 32:
      return "Coprocessor0Disabled";
  }
  const char* name = cause < sizeof names / sizeof *names ? names[cause] : NULL;
  return name ? name : "unknown cause";
}

static bool is_stack(uint32_t sp) {
  return sp >= 0x3ffae000 && sp < 0x40000000 - 16 && (sp & 15) == 0;
}
static bool is_code(uint32_t pc) {
  return (pc >= 0x40000000 && pc < 0x400c2000) || (pc >= 0x400d0000 && pc < 0x40400000);
}

/* A return address holds the size of the call in its two highest bits; the code's are 01. */
static uint32_t address_of(uint32_t return_address) {
  return (return_address & 0x3fffffff) | 0x40000000;
}

/* Frames that were still in the registers when it happened, then those saved in memory, as the window
   handlers leave them: a0 and a1 of the caller 16 and 12 bytes below the callee's stack pointer. */
static void print_backtrace(const PanicRecord* record, uint32_t pc) {
  uint32_t window = 0; /* counted from the one that panicked, as `ar` is */
  bool in_registers = true;
  uint32_t return_address = record->ar[0], sp = record->ar[1];
  ets_printf("backtrace: %08x:%08x", (unsigned)pc, (unsigned)sp);
  for (unsigned depth = 0; depth < 20 && return_address != 0 && is_stack(sp); ++depth) {
    const uint32_t at = address_of(return_address) - 3;
    window = (window - (return_address >> 30)) & 15;
    in_registers =
        in_registers && window != 0 && record->windowstart >> ((record->windowbase + window) & 15) & 1;
    const uint32_t* caller = in_registers ? &record->ar[window * 4] : (const uint32_t*)(sp - 16);
    return_address = caller[0];
    sp = caller[1];
    if (!is_code(at) || !is_stack(sp)) break;
    ets_printf(" %08x:%08x", (unsigned)at, (unsigned)sp);
  }
  ets_printf("\n");
}

static uint32_t pc_of(const PanicRecord* record) {
  switch (record->kind) {
    case KIND_DOUBLE:
      return record->depc;
    case KIND_LEVEL4:
      return record->epc4;
    case KIND_LEVEL5:
      return record->epc5;
    case KIND_DEBUG:
      return record->epc6;
    case KIND_NMI:
      return record->epc7;
  }
  return record->epc1;
}

static void stall_other_core(void) {
  if (core_id() == 0) {
    reg_replace(RTC_CNTL_OPTIONS0_REG, 3u << 0, 2u << 0); /* SW_STALL_APPCPU_C0 */
    reg_replace(RTC_CNTL_SW_CPU_STALL_REG, 0x3fu << 20, 0x21u << 20);
  } else {
    reg_replace(RTC_CNTL_OPTIONS0_REG, 3u << 2, 2u << 2); /* SW_STALL_PROCPU_C0 */
    reg_replace(RTC_CNTL_SW_CPU_STALL_REG, 0x3fu << 26, 0x21u << 26);
  }
}

void __attribute__((noreturn)) restart(void) {
  console_drain();
  reg_set(RTC_CNTL_OPTIONS0_REG, RTC_CNTL_SW_SYS_RST);
  for (;;) {
  }
}

void __attribute__((noreturn)) panic(const PanicRecord* record) {
  static volatile bool panicking;
  if (panicking) restart();
  panicking = true;
  stall_other_core();
  ets_install_uart_printf();

  const uint32_t pc = pc_of(record);
  const char* reason = record->kind == KIND_EXCEPTION ? cause_name(record->cause) : kKinds[record->kind];
  if (abort_reason) reason = abort_reason;
  ets_printf("\npanic: core %u: %s at pc %08x\n", core_id(), reason, (unsigned)pc);
  ets_printf("exccause %u excvaddr %08x ps %08x sar %u epc1 %08x depc %08x\n", (unsigned)record->cause,
             (unsigned)record->vaddr, (unsigned)record->ps, (unsigned)record->sar, (unsigned)record->epc1,
             (unsigned)record->depc);
  ets_printf("lbeg %08x lend %08x lcount %u debugcause %x windowbase %u windowstart %04x\n",
             (unsigned)record->lbeg, (unsigned)record->lend, (unsigned)record->lcount,
             (unsigned)record->debugcause, (unsigned)record->windowbase, (unsigned)record->windowstart);
  for (unsigned i = 0; i < 16; ++i)
    ets_printf("a%-2u %08x%s", i, (unsigned)record->ar[i], i % 4 == 3 ? "\n" : "  ");
  print_backtrace(record, pc);
  ets_printf("restarting\n");
  restart();
}

void __attribute__((noreturn)) abort_because(const char* reason) {
  abort_reason = reason;
  for (;;) __asm__ volatile("ill");
}
