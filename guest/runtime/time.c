#include "time.h"

#include "chip.h"
#include "cpu.h"
#include "irq.h"
#include "soc.h"

enum { kDivider = kApbHz / 1000000 };
static const uint64_t kLongestUs = 8000000; /* CCOUNT comes round after 17.9 s */

static Lock lock;
static void (*ring_alarm)(void);

void time_start(void) {
  REG(TIMG_TxCONFIG_REG(0, 0)) = 0;
  REG(TIMG_TxLOADLO_REG(0, 0)) = 0;
  REG(TIMG_TxLOADHI_REG(0, 0)) = 0;
  REG(TIMG_TxLOAD_REG(0, 0)) = 1;
  REG(TIMG_TxCONFIG_REG(0, 0)) = TIMG_Tx_EN | TIMG_Tx_INCREASE | kDivider << TIMG_Tx_DIVIDER_S;
}

/* The counter is copied to two registers on request: one core at a time. */
uint64_t time_us(void) {
  const uint32_t ps = lock_take(&lock);
  REG(TIMG_TxUPDATE_REG(0, 0)) = 1;
  const uint32_t low = REG(TIMG_TxLO_REG(0, 0));
  const uint32_t high = REG(TIMG_TxHI_REG(0, 0));
  lock_release(&lock, ps);
  return (uint64_t)high << 32 | low;
}

static void on_compare(void* argument) {
  (void)argument;
  WRITE_SR("ccompare0", ccount() - 1); /* acknowledges; the next match is a whole turn away */
  ring_alarm();
}

void alarm_start(void (*ring)(void)) {
  ring_alarm = ring;
  WRITE_SR("ccompare0", ccount() - 1);
  irq_attach(kInterruptTimer0, on_compare, 0);
}

void alarm_set(uint64_t us) {
  if (us > kLongestUs) us = kLongestUs;
  if (us < 1) us = 1;
  WRITE_SR("ccompare0", ccount() + (uint32_t)us * kCpuMhz);
}
