/* Brings the network up and serves HTTP. Neither waits for an address: the server listens while DHCP is under
 * way. */

#include "esp_err.h"
#include "hello_server.h"
#include "network.h"

void app_main(void) {
  ESP_ERROR_CHECK(network_start());
  ESP_ERROR_CHECK(hello_server_start());
}
