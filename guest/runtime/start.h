/* What a program has to define: where each core begins, with its stack, its vectors and cleared variables,
   interrupts off. The APP CPU waits for app_cpu_start(). */
#ifndef ESPALIER_GUEST_START_H
#define ESPALIER_GUEST_START_H

void main_pro(void) __attribute__((noreturn));
void main_app(void) __attribute__((noreturn));

#endif
