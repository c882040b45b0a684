/* Word from one core to the other: a bit for each connection, and an interrupt when there was none before. */
#ifndef ESPALIER_HTTP_SERVER_MAILBOX_H
#define ESPALIER_HTTP_SERVER_MAILBOX_H

#include <stdint.h>

typedef enum { kToNetwork, kToApplication, kMailboxes } Mailbox;

/* The calling core is the one that empties `mailbox`; `arrived` is called from the interrupt. */
void mailbox_start(Mailbox mailbox, unsigned interrupt, void (*arrived)(void));
void mailbox_put(Mailbox mailbox, uint32_t bits);
/* Empties it. */
uint32_t mailbox_take(Mailbox mailbox);

#endif
