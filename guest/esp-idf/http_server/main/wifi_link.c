/* Wi-Fi as a station: one access point, tried for as long as it takes. */

#include <string.h>

#include "esp_check.h"
#include "esp_event.h"
#include "esp_log.h"
#include "esp_timer.h"
#include "esp_wifi.h"
#include "link.h"
#include "nvs_flash.h"

const char link_name[] = "wifi";

static const char tag[] = "wifi";

static const int first_pause_s = 1;
static const int longest_pause_s = 30;

static esp_timer_handle_t retry_timer;
static int pause_s = first_pause_s;

static void try_again(void* context) {
  esp_wifi_connect();
}

static void on_wifi(void* context, esp_event_base_t base, int32_t id, void* data) {
  if (id == WIFI_EVENT_STA_START) {
    esp_wifi_connect();
  } else if (id == WIFI_EVENT_STA_CONNECTED) {
    pause_s = first_pause_s;
  } else if (id == WIFI_EVENT_STA_DISCONNECTED) {
    const wifi_event_sta_disconnected_t* event = data;
    ESP_LOGW(tag, "not connected to '%s' (reason %d), next try in %d s", CONFIG_SERVER_WIFI_SSID,
             (int)event->reason, pause_s);
    esp_timer_start_once(retry_timer, pause_s * 1000000LL);
    pause_s = pause_s * 2 < longest_pause_s ? pause_s * 2 : longest_pause_s;
  }
}

/* Wi-Fi keeps the radio's calibration there. */
static esp_err_t open_storage(void) {
  esp_err_t error = nvs_flash_init();
  if (error == ESP_ERR_NVS_NO_FREE_PAGES || error == ESP_ERR_NVS_NEW_VERSION_FOUND) {
    ESP_LOGW(tag, "the NVS partition can't be used as it is (%s): erasing it", esp_err_to_name(error));
    ESP_RETURN_ON_ERROR(nvs_flash_erase(), tag, "the NVS partition can't be erased");
    error = nvs_flash_init();
  }
  return error;
}

esp_err_t link_start(esp_netif_t** interface) {
  ESP_RETURN_ON_ERROR(open_storage(), tag, "no NVS partition");
  *interface = esp_netif_create_default_wifi_sta();

  const esp_timer_create_args_t timer = {.callback = try_again, .name = "wifi_retry"};
  ESP_RETURN_ON_ERROR(esp_timer_create(&timer, &retry_timer), tag, "no timer");
  ESP_RETURN_ON_ERROR(esp_event_handler_instance_register(WIFI_EVENT, ESP_EVENT_ANY_ID, on_wifi, NULL, NULL),
                      tag, "no handler for Wi-Fi events");

  const wifi_init_config_t init = WIFI_INIT_CONFIG_DEFAULT();
  ESP_RETURN_ON_ERROR(esp_wifi_init(&init), tag, "the driver does not start");
  ESP_RETURN_ON_ERROR(esp_wifi_set_storage(WIFI_STORAGE_RAM), tag, "settings can't be kept in RAM");
  ESP_RETURN_ON_ERROR(esp_wifi_set_mode(WIFI_MODE_STA), tag, "no station mode");

  /* Both fields are filled to the end by names of full length: no terminating zero is needed. */
  wifi_config_t config = {0};
  _Static_assert(sizeof CONFIG_SERVER_WIFI_SSID - 1 <= sizeof config.sta.ssid, "an SSID has up to 32 bytes");
  _Static_assert(sizeof CONFIG_SERVER_WIFI_PASSWORD - 1 <= sizeof config.sta.password,
                 "a password, up to 64 bytes");
  memcpy(config.sta.ssid, CONFIG_SERVER_WIFI_SSID, sizeof CONFIG_SERVER_WIFI_SSID - 1);
  memcpy(config.sta.password, CONFIG_SERVER_WIFI_PASSWORD, sizeof CONFIG_SERVER_WIFI_PASSWORD - 1);
  ESP_RETURN_ON_ERROR(esp_wifi_set_config(WIFI_IF_STA, &config), tag, "name or password refused");
#if !CONFIG_SERVER_WIFI_POWER_SAVE
  ESP_RETURN_ON_ERROR(esp_wifi_set_ps(WIFI_PS_NONE), tag, "power saving can't be turned off");
#endif
  return esp_wifi_start();
}
