/* Time since the start, for both cores, and an alarm for the one that asks for it. */
#ifndef ESPALIER_GUEST_TIME_H
#define ESPALIER_GUEST_TIME_H

#include <stdint.h>

/* Timer 0 of group 0 counts microseconds from now on. APB must be at 80 MHz. */
void time_start(void);
uint64_t time_us(void);

/* The calling core's CCOMPARE0 interrupt: `ring` is called, at level 1, some time after alarm_set(). */
void alarm_start(void (*ring)(void));
/* In `us` from now, eight seconds at most; replaces the time set before. */
void alarm_set(uint64_t us);

#endif
