/* The tables behind xtos.S, and the C half of the dispatch. */
#include "rom.h"

#define EXC_HANDLERS (&PER_CORE(void *, 0x3ffe0448))               /* _xtos_exc_handler_table, 64 */
#define C_HANDLERS (&PER_CORE(exception_handler_t, 0x3ffe0548))    /* _xtos_c_handler_table, 64 */
#define PRI_4_HANDLER PER_CORE(void *, 0x3ffe0648)
#define PRI_5_HANDLER PER_CORE(void *, 0x3ffe064c)
#define ENABLED PER_CORE(uint32_t, 0x3ffe0650)      /* _xtos_enabled */
#define VPRI_ENABLED PER_CORE(uint32_t, 0x3ffe0654) /* _xtos_vpri_enabled: a mask on top of it */
typedef struct {
  isr_t handler;
  void *argument;
} Interrupt;
#define INTERRUPTS (&PER_CORE(Interrupt, 0x3ffe0658)) /* _xtos_interrupt_table, interrupt 31 first */

enum { kExceptions = 64, kInterrupts = 32, kCauseSyscall = 1, kCauseLevel1 = 4, kCauseAlloca = 5 };

/* xtruntime-frames.h, UserFrame */
typedef struct {
  uint32_t pc, ps, sar, vpri, a2, a3, a4, a5, cause;
} Frame;

extern const uint8_t Xthal_intlevel[];
void _xtos_c_wrapper_handler(void);
void _xtos_unhandled_exception(void);
void rom_alloca(void);
void rom_unhandled_level4(void);
void rom_unhandled_level5(void);

void _xtos_p_none(void *frame) { (void)frame; }
void _xtos_unhandled_interrupt(void *argument) {
  (void)argument;
  __asm__ volatile("break 1, 15");
}

/* C handler for an exception, NULL for none; returns the one before. */
exception_handler_t _xtos_set_exception_handler(unsigned cause, exception_handler_t handler) {
  if (cause >= kExceptions) return NULL;
  const exception_handler_t before = C_HANDLERS[cause];
  const bool none = !handler || handler == _xtos_p_none;
  EXC_HANDLERS[cause] = none ? (void *)_xtos_unhandled_exception : (void *)_xtos_c_wrapper_handler;
  C_HANDLERS[cause] = none ? _xtos_p_none : handler;
  return before == _xtos_p_none ? NULL : before;
}

/* Handler of an interrupt below NMI's level, NULL for none; returns the one before. */
isr_t _xtos_set_interrupt_handler_arg(unsigned interrupt, isr_t handler, void *argument) {
  if (interrupt >= kInterrupts || Xthal_intlevel[interrupt] >= 7) return NULL;
  Interrupt *entry = &INTERRUPTS[kInterrupts - 1 - interrupt];
  const isr_t before = entry->handler;
  *entry = handler ? (Interrupt){handler, argument}
                   : (Interrupt){_xtos_unhandled_interrupt, (void *)interrupt};
  return before == _xtos_unhandled_interrupt ? NULL : before;
}
isr_t _xtos_set_interrupt_handler(unsigned interrupt, isr_t handler) {
  return _xtos_set_interrupt_handler_arg(interrupt, handler, (void *)interrupt);
}

#define SET_PS(value) __asm__ volatile("wsr.ps %0\n rsync" ::"a"(value) : "memory")
static inline uint32_t lock_all(void) {
  uint32_t ps;
  __asm__ volatile("rsil %0, 6" : "=a"(ps)::"memory");
  return ps;
}
static inline void set_intenable(uint32_t value) { __asm__ volatile("wsr.intenable %0" ::"a"(value) : "memory"); }

static uint32_t change_enabled(uint32_t set, uint32_t clear) {
  const uint32_t ps = lock_all(), before = ENABLED;
  ENABLED = (before | set) & ~clear;
  set_intenable(ENABLED & VPRI_ENABLED);
  SET_PS(ps);
  return before;
}
uint32_t _xtos_ints_on(uint32_t mask) { return change_enabled(mask, 0); }
uint32_t _xtos_ints_off(uint32_t mask) { return change_enabled(0, mask); }

uint32_t _xtos_set_vpri(uint32_t mask) {
  const uint32_t ps = lock_all(), before = VPRI_ENABLED;
  VPRI_ENABLED = mask;
  set_intenable(ENABLED & mask);
  SET_PS(ps);
  return before;
}

static inline uint32_t read_ps(void) {
  uint32_t ps;
  __asm__ volatile("rsr.ps %0" : "=a"(ps));
  return ps;
}
/* Returns the level before; the other one the whole PS before. */
uint32_t _xtos_set_intlevel(uint32_t level) {
  const uint32_t ps = read_ps();
  SET_PS((ps & ~15u) | (level & 15));
  return ps & 15;
}
uint32_t _xtos_set_min_intlevel(uint32_t level) {
  const uint32_t ps = read_ps();
  if ((ps & 15) < (level & 15)) SET_PS((ps & ~15u) | (level & 15));
  return ps;
}
void _xtos_restore_intlevel(uint32_t ps) { SET_PS(ps); }

/* --- dispatch --- */
/* Serves what is pending and enabled on `level`, the highest number first, until nothing is left. */
static void serve(unsigned level) {
  for (;;) {
    uint32_t pending, enabled;
    __asm__ volatile("rsr.interrupt %0\n rsr.intenable %1" : "=a"(pending), "=a"(enabled));
    pending &= enabled;
    int interrupt = kInterrupts - 1;
    while (interrupt >= 0 && !(pending >> interrupt & 1 && Xthal_intlevel[interrupt] == level)) --interrupt;
    if (interrupt < 0) return;
    __asm__ volatile("wsr.intclear %0" ::"a"(1u << interrupt));
    const Interrupt *entry = &INTERRUPTS[kInterrupts - 1 - interrupt];
    entry->handler(entry->argument);
  }
}

/* Calls itself until the register windows of all frames below have had to be saved to their stacks. */
static uint32_t __attribute__((noinline)) use_windows(uint32_t depth) {
  volatile uint32_t keep = depth;
  return depth ? use_windows(depth - 1) + keep : 0;
}

/* SYSCALL with a2 = 0 saves all register windows; other requests are refused. Execution goes on behind the instruction,
   which may be the last of a loop. */
static void system_call(Frame *frame) {
  frame->pc += 3;
  uint32_t *loop = &frame->cause + 1; /* LCOUNT, LBEG, LEND */
  if (frame->pc == loop[2] && loop[0]) {
    --loop[0];
    frame->pc = loop[1];
  }
  if (frame->a2 == 0) use_windows(8);
  else frame->a2 = (uint32_t)-1;
}

/* From xtos.S, at level EXCMLEVEL: the handler runs at the interrupted code's level; level-1 interrupts at 1. */
void rom_dispatch_exception(Frame *frame) {
  const uint32_t cause = frame->cause & (kExceptions - 1);
  const uint32_t level = cause == kCauseLevel1 ? 1 : frame->ps & 15;
  SET_PS((read_ps() & ~15u) | level);
  if (cause == kCauseLevel1) serve(1);
  else C_HANDLERS[cause](frame);
}
void rom_dispatch_level(Frame *frame) { serve(frame->cause); }

void rom_init_xtos(void) {
  for (unsigned i = 0; i < kExceptions; ++i) {
    EXC_HANDLERS[i] = (void *)_xtos_unhandled_exception;
    C_HANDLERS[i] = _xtos_p_none;
  }
  EXC_HANDLERS[kCauseSyscall] = EXC_HANDLERS[kCauseLevel1] = (void *)_xtos_c_wrapper_handler;
  C_HANDLERS[kCauseSyscall] = (exception_handler_t)system_call;
  EXC_HANDLERS[kCauseAlloca] = (void *)rom_alloca;
  for (unsigned i = 0; i < kInterrupts; ++i)
    INTERRUPTS[kInterrupts - 1 - i] = (Interrupt){_xtos_unhandled_interrupt, (void *)i};
  ENABLED = 0;
  VPRI_ENABLED = 0xffffffff;
  PRI_4_HANDLER = (void *)rom_unhandled_level4;
  PRI_5_HANDLER = (void *)rom_unhandled_level5;
}
