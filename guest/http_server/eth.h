/* The Ethernet MAC: OpenCores' ethmac, which emulators mount in the place of the ESP32's own. One core uses
 * it. */
#ifndef ESPALIER_HTTP_SERVER_ETH_H
#define ESPALIER_HTTP_SERVER_ETH_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

enum { kFrameMax = 1514 };

/* False if there is no such MAC. `arrived` is called from the interrupt, CPU interrupt `interrupt` of the
   calling core, when frames have come. */
bool eth_start(const Mac* mac, unsigned interrupt, void (*arrived)(void));
/* Whether the PHY sees a partner. */
bool eth_link_up(void);

/* The next frame that has come, null if there is none; *length without the check sequence. Its buffer goes
   back to the MAC with eth_release(). */
const uint8_t* eth_received(unsigned* length);
void eth_release(void);

/* Where the next frame to be sent is to be written, up to kFrameMax bytes; then eth_send(). */
uint8_t* eth_frame(void);
void eth_send(unsigned length);

#endif
