/* The OpenCores Ethernet MAC that QEMU and Espalier put at 0x3ff69000, where the ESP32's own MAC is. */

#include "esp_check.h"
#include "esp_eth.h"
#include "esp_idf_version.h"
#include "link.h"

const char link_name[] = "open_eth";

static const char tag[] = "open_eth";

/* QEMU's PHY says that it is a DP83848. ESP-IDF v6 has that driver no more, but one for what all PHYs have in
 * common, which came with v5.4. */
static esp_eth_phy_t* make_phy(void) {
  eth_phy_config_t config = ETH_PHY_DEFAULT_CONFIG();
  config.phy_addr = 1;
  config.reset_gpio_num = -1;
  config.autonego_timeout_ms = 0; /* The emulated link is up at once; waiting would go by steps of 100 ms. */
#if ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(5, 4, 0)
  return esp_eth_phy_new_generic(&config);
#else
  return esp_eth_phy_new_dp83848(&config);
#endif
}

esp_err_t link_start(esp_netif_t** interface) {
  const esp_netif_config_t netif_config = ESP_NETIF_DEFAULT_ETH();
  esp_netif_t* netif = esp_netif_new(&netif_config);
  ESP_RETURN_ON_FALSE(netif != NULL, ESP_ERR_NO_MEM, tag, "no memory for the interface");

  const eth_mac_config_t mac_config = ETH_MAC_DEFAULT_CONFIG();
  const esp_eth_config_t config = ETH_DEFAULT_CONFIG(esp_eth_mac_new_openeth(&mac_config), make_phy());
  ESP_RETURN_ON_FALSE(config.mac != NULL && config.phy != NULL, ESP_ERR_NO_MEM, tag,
                      "no memory for MAC and PHY");
  esp_eth_handle_t driver = NULL;
  ESP_RETURN_ON_ERROR(esp_eth_driver_install(&config, &driver), tag, "the driver does not start");
  ESP_RETURN_ON_ERROR(esp_netif_attach(netif, esp_eth_new_netif_glue(driver)), tag,
                      "the driver can't be attached");
  *interface = netif;
  return esp_eth_start(driver);
}
