/* What carries the frames. One of wifi_link.c and open_eth_link.c is compiled. */

#pragma once

#include "esp_err.h"
#include "esp_netif.h"

extern const char link_name[];

/* Makes the interface, attaches its driver and starts it. TCP/IP and the default event loop have to be there.
 */
esp_err_t link_start(esp_netif_t** interface);
