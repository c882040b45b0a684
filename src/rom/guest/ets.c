/* The ROM's small run-time system: interrupts, tasks, software timers, delays. */
#include "rom.h"

#define DPORT_PRO_MAC_INTR_MAP_REG 0x3ff00104
#define DPORT_APP_MAC_INTR_MAP_REG 0x3ff00218
#define DPORT_APPCPU_CTRL_D_REG 0x3ff00038

/* --- what the ROM keeps for each core (PRO CPU addresses) --- */
typedef struct {
  ETSTask run;
  ETSEvent *queue;
  uint8_t length, head, tail, waiting;
  uint32_t bit; /* this task's bit in the ready set */
} Task;
#define READY_SET PER_CORE(uint32_t, 0x3ffe01f0) /* ets_readySet_ */
#define TASKS (&PER_CORE(Task, 0x3ffe01f4))      /* 32, by priority - 1 */
#define IDLE_ARGUMENT PER_CORE(void *, 0x3ffe03f4)
#define IDLE_CALLBACK PER_CORE(isr_t, 0x3ffe03f8)
#define LOCK_DEPTH PER_CORE(uint32_t, 0x3ffe03fc) /* ets_intr_count */
#define USER_CODE_START PER_CORE(void *, 0x3ffe0400)
#define STARTUP_CALLBACK PER_CORE(void *, 0x3ffe0404)
#define TICKS_PER_US PER_CORE(uint32_t, 0x3ffe01e0)

void ets_isr_attach(int interrupt, isr_t handler, void *arg) {
  _xtos_set_interrupt_handler_arg((unsigned)interrupt, handler, arg);
}
void ets_isr_mask(uint32_t mask) { _xtos_ints_off(mask); }
void ets_isr_unmask(uint32_t mask) { _xtos_ints_on(mask); }

void intr_matrix_set(int cpu, uint32_t source, uint32_t interrupt) {
  REG((cpu ? DPORT_APP_MAC_INTR_MAP_REG : DPORT_PRO_MAC_INTR_MAP_REG) + 4 * source) = interrupt;
}

/* Interrupts up to level 2 wait while the lock is held; it nests. */
void ets_intr_lock(void) {
  __asm__ volatile("rsil a8, 2" ::: "a8", "memory");
  ++LOCK_DEPTH;
}
void ets_intr_unlock(void) {
  if (--LOCK_DEPTH == 0) __asm__ volatile("rsil a8, 0" ::: "a8", "memory");
}
/* Waits for an interrupt; releases the lock once. */
void ets_waiti0(void) {
  --LOCK_DEPTH;
  __asm__ volatile("waiti 0" ::: "memory");
}

void ets_set_idle_cb(isr_t callback, void *argument) {
  IDLE_CALLBACK = callback;
  IDLE_ARGUMENT = argument;
}

void ets_task(ETSTask run, uint8_t priority, ETSEvent *queue, uint8_t length) {
  TASKS[priority - 1] = (Task){.run = run, .queue = queue, .length = length, .bit = BIT(priority - 1)};
}

ETS_STATUS ets_post(uint8_t priority, uint32_t signal, uint32_t parameter) {
  Task *task = &TASKS[priority - 1];
  ets_intr_lock();
  if (task->waiting >= task->length) {
    ets_intr_unlock();
    return FAIL;
  }
  task->queue[task->head] = (ETSEvent){signal, parameter};
  if (++task->head == task->length) task->head = 0;
  if (++task->waiting == 1) READY_SET |= task->bit;
  ets_intr_unlock();
  return OK;
}

/* Runs the tasks for ever, the highest priority first. */
void ets_run(void) {
  for (;;) {
    ets_intr_lock();
    const uint32_t ready = READY_SET;
    if (ready) {
      Task *task = &TASKS[31 - __builtin_clz(ready)];
      ETSEvent *event = &task->queue[task->tail];
      if (++task->tail == task->length) task->tail = 0;
      if (--task->waiting == 0) READY_SET = ready & ~task->bit;
      ets_intr_unlock();
      task->run(event);
    } else {
      if (IDLE_CALLBACK) IDLE_CALLBACK(IDLE_ARGUMENT);
      ets_waiti0();
    }
  }
}

void ets_set_user_start(void *start) { USER_CODE_START = start; }
void ets_set_startup_callback(void *callback) { STARTUP_CALLBACK = callback; }
void ets_set_appcpu_boot_addr(uint32_t start) { REG(DPORT_APPCPU_CTRL_D_REG) = start; }

/* --- time --- */
/* Firmware counts on what a call costs beyond the delay asked for: until the clocks are set up TICKS_PER_US is too small, and
   its waiting loops last long enough only by that. So this reads CCOUNT by a call, as the chip's does. */
void ets_delay_us(uint32_t us) {
  const uint32_t start = xthal_get_ccount(), cycles = us * TICKS_PER_US;
  for (uint32_t passed; (passed = xthal_get_ccount() - start) < cycles;) rom_pass_time(cycles - passed);
}
void ets_update_cpu_frequency_rom(uint32_t ticks_per_us) { TICKS_PER_US = ticks_per_us; }
uint32_t ets_get_cpu_frequency(void) { return TICKS_PER_US; }

/* --- software timers on FRC2: 5 ticks are 1 us (80 MHz / 16) --- */
typedef struct ETSTimer {
  struct ETSTimer *next;
  uint32_t expire, period;
  void (*run)(void *argument);
  void *argument;
} ETSTimer;
#define FRC2_COUNT_REG 0x3ff47024
#define FRC2_LOAD_REG 0x3ff47020
#define FRC2_CTRL_REG 0x3ff47028
#define FRC2_ALARM_REG 0x3ff47030
#define FRC2_CTRL_VALUE 0x84 /* enabled, divided by 16 */
#define TIMERS PER_CORE(ETSTimer *, 0x3ffe0408)
#define TIMER_QUEUE (&PER_CORE(ETSEvent, 0x3ffe040c)) /* 4 events */
#define DEBUG_TIMER PER_CORE(ETSTimer *, 0x3ffe042c)
#define DEBUG_TIMER_FUNCTION PER_CORE(void *, 0x3ffe0430)
#define NOT_LISTED ((ETSTimer *)-1)
enum { kTimerTaskPriority = 31, kTimerInterrupt = 10, kTicksPerUs = 5, kLeastTicks = 640 };

static void complain(unsigned line) {
  ets_printf("%s %u \n", "ets_timer.c", line);
  for (;;) {
  }
}

/* The alarm comes when `expire` is due, but never so soon that the counter could have passed it. */
static void set_alarm(uint32_t expire) {
  const uint32_t now = REG(FRC2_COUNT_REG);
  const int32_t left = (int32_t)(expire - now);
  if (left > kLeastTicks) REG(FRC2_ALARM_REG) = expire;
  else if (left > 0) REG(FRC2_ALARM_REG) = expire + kLeastTicks + 4;
  else REG(FRC2_ALARM_REG) = now + kLeastTicks;
}

/* Enters `timer` in the list, which is ordered by time. Interrupts are locked. */
static void insert(uint32_t expire, ETSTimer *timer) {
  ETSTimer **link = &TIMERS;
  while (*link && (int32_t)(expire - (*link)->expire) > 0) link = &(*link)->next;
  timer->next = *link;
  timer->expire = expire;
  *link = timer;
  if (link == &TIMERS) set_alarm(expire);
  if (timer->next == timer) complain(179);
}

void ets_timer_setfn(ETSTimer *timer, void (*run)(void *), void *argument) {
  *timer = (ETSTimer){.next = NOT_LISTED, .run = run, .argument = argument};
}

static void arm(ETSTimer *timer, uint32_t ticks, bool repeat) {
  if (repeat) timer->period = ticks;
  ets_intr_lock();
  insert(REG(FRC2_COUNT_REG) + ticks, timer);
  ets_intr_unlock();
}
void ets_timer_arm(ETSTimer *timer, uint32_t milliseconds, bool repeat) {
  if (timer->next != NOT_LISTED) complain(191);
  arm(timer, milliseconds * 1000 * kTicksPerUs, repeat);
}
void ets_timer_arm_us(ETSTimer *timer, uint32_t us, bool repeat) {
  if (timer->next != NOT_LISTED) complain(213);
  arm(timer, us * kTicksPerUs, repeat);
}

void ets_timer_disarm(ETSTimer *timer) {
  ets_intr_lock();
  for (ETSTimer **link = &TIMERS; *link; link = &(*link)->next)
    if (*link == timer) {
      *link = timer->next;
      break;
    }
  ets_intr_unlock();
  timer->next = NOT_LISTED;
  timer->period = 0;
}

void ets_timer_done(ETSTimer *timer) {
  if (timer->next != NOT_LISTED) complain(260);
  timer->expire = timer->period = 0;
  timer->run = NULL;
  timer->argument = NULL;
}

/* Calls what has become due, unlocked. */
void ets_timer_handler_isr(void) {
  ets_intr_lock();
  ETSTimer *timer;
  while ((timer = TIMERS) != NULL) {
    if ((int32_t)(timer->expire - REG(FRC2_COUNT_REG)) > 0) {
      set_alarm(timer->expire);
      break;
    }
    DEBUG_TIMER = timer;
    DEBUG_TIMER_FUNCTION = (void *)timer->run;
    TIMERS = timer->next;
    timer->next = NOT_LISTED;
    ets_intr_unlock();
    timer->run(timer->argument);
    ets_intr_lock();
    if (timer->next == NOT_LISTED && timer->period) insert(timer->expire + timer->period, timer);
  }
  ets_intr_unlock();
}

static void timer_interrupt(void *argument) {
  (void)argument;
  ets_post(kTimerTaskPriority, 0, 0);
}
static void timer_task(ETSEvent *event) {
  if (event->signal == 0) ets_timer_handler_isr();
}

void ets_timer_init(void) {
  TIMERS = NULL;
  ets_isr_attach(kTimerInterrupt, timer_interrupt, NULL);
  ets_isr_unmask(BIT(kTimerInterrupt));
  ets_task(timer_task, kTimerTaskPriority, TIMER_QUEUE, 4);
  REG(FRC2_ALARM_REG) = 0;
  REG(FRC2_CTRL_REG) = FRC2_CTRL_VALUE;
  REG(FRC2_LOAD_REG) = 0;
}
