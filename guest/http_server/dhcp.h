/* A DHCP client (RFC 2131). */
#ifndef ESPALIER_HTTP_SERVER_DHCP_H
#define ESPALIER_HTTP_SERVER_DHCP_H

#include <stdint.h>

/* Begins to ask for an address; `changed` is called when there is a new one in `net`, or none any more. */
void dhcp_start(void (*changed)(void));
/* From the loop, whenever a timer may be due. */
void dhcp_run(void);

#endif
