/* Which CPU interrupt serves what. All of these are of level 1 and level-triggered. */
#ifndef ESPALIER_HTTP_SERVER_INTERRUPTS_H
#define ESPALIER_HTTP_SERVER_INTERRUPTS_H

enum { kInterruptEth = 0, kInterruptUart = 1, kInterruptMailbox = 2 };

#endif
