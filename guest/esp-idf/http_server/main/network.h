/* The one network interface of the program: Wi-Fi or the emulators' Ethernet, as configured. */

#pragma once

#include "esp_err.h"
#include "esp_netif.h"

/* Starts TCP/IP and the interface. Its address comes by DHCP some time after; until then, and while it is
 * away, the link tries again by itself. */
esp_err_t network_start(void);

/* The interface that network_start() has made. */
esp_netif_t* network_interface(void);

/* "wifi" or "open_eth". */
const char* network_name(void);
