#include "network.h"

#include "esp_check.h"
#include "esp_event.h"
#include "esp_log.h"
#include "link.h"

static const char tag[] = "network";

static esp_netif_t* interface;

static void on_address(void* context, esp_event_base_t base, int32_t id, void* data) {
  const ip_event_got_ip_t* event = data;
  ESP_LOGI(tag, "%s has address " IPSTR ", gateway " IPSTR, link_name, IP2STR(&event->ip_info.ip),
           IP2STR(&event->ip_info.gw));
}

static void on_address_lost(void* context, esp_event_base_t base, int32_t id, void* data) {
  ESP_LOGW(tag, "%s has lost its address", link_name);
}

esp_err_t network_start(void) {
  ESP_RETURN_ON_ERROR(esp_netif_init(), tag, "TCP/IP does not start");
  ESP_RETURN_ON_ERROR(esp_event_loop_create_default(), tag, "no event loop");
  static const struct {
    int32_t id;
    esp_event_handler_t handler;
  } events[] = {
      {IP_EVENT_STA_GOT_IP, on_address},
      {IP_EVENT_ETH_GOT_IP, on_address},
      {IP_EVENT_STA_LOST_IP, on_address_lost},
      {IP_EVENT_ETH_LOST_IP, on_address_lost},
  };
  for (size_t i = 0; i < sizeof events / sizeof events[0]; ++i) {
    ESP_RETURN_ON_ERROR(
        esp_event_handler_instance_register(IP_EVENT, events[i].id, events[i].handler, NULL, NULL), tag,
        "no handler for IP event %d", (int)events[i].id);
  }
  return link_start(&interface);
}

esp_netif_t* network_interface(void) {
  return interface;
}

const char* network_name(void) {
  return link_name;
}
