/* The web server: GET /hello and GET /status. */

#pragma once

#include "esp_err.h"

/* Starts it in a task of its own, on port CONFIG_SERVER_PORT of every interface. TCP/IP has to be there, an
 * address does not. */
esp_err_t hello_server_start(void);
