#include "hello_server.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "esp_check.h"
#include "esp_http_server.h"
#include "esp_idf_version.h"
#include "esp_log.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "lwip/sockets.h"
#include "network.h"

#define HELLO "Hello World!"
#define HELLO_LENGTH "12"
_Static_assert(sizeof HELLO - 1 == 12, "HELLO_LENGTH has to be the length of HELLO");

static const char tag[] = "server";

/* esp_http_server wants a listening socket and two of its own besides the connections'. */
static const int own_sockets = 3;

static bool client_wants_close(httpd_req_t* request) {
  char value[sizeof "close"];
  return httpd_req_get_hdr_value_str(request, "Connection", value, sizeof value) == ESP_OK &&
         strcasecmp(value, "close") == 0;
}

/* Sends head and body with one call, that is mostly in one segment. httpd_resp_send() takes three, each of
 * which goes through TCP/IP, the driver and the peer's on its own. */
static esp_err_t answer(httpd_req_t* request, const char* text, size_t length) {
  const bool close = client_wants_close(request);
  while (length > 0) {
    const int sent = httpd_send(request, text, length);
    if (sent <= 0) {
      return ESP_FAIL;
    }
    text += sent;
    length -= (size_t)sent;
  }
  return close ? httpd_sess_trigger_close(request->handle, httpd_req_to_sockfd(request)) : ESP_OK;
}

static esp_err_t get_hello(httpd_req_t* request) {
  static const char text[] =
      "HTTP/1.1 200 OK\r\n"
      "Content-Type: text/plain\r\n"
      "Content-Length: " HELLO_LENGTH
      "\r\n"
      "\r\n" HELLO;
  return answer(request, text, sizeof text - 1);
}

/* No 64-bit formats: with CONFIG_NEWLIB_NANO_FORMAT printf has none. */
static int status_json(char* buffer, size_t size) {
  uint8_t mac[6] = {0};
  esp_netif_ip_info_t ip = {0};
  esp_netif_get_mac(network_interface(), mac);
  esp_netif_get_ip_info(network_interface(), &ip);
  const int64_t now_us = esp_timer_get_time();
  return snprintf(
      buffer, size,
      "{\"uptime_s\":%" PRIu32 ".%03" PRIu32 ",\"heap_free\":%" PRIu32 ",\"heap_lowest\":%" PRIu32
      ",\"network\":\"%s\",\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"ip\":\"" IPSTR "\",\"idf\":\"%s\"}\n",
      (uint32_t)(now_us / 1000000), (uint32_t)(now_us / 1000 % 1000), (uint32_t)esp_get_free_heap_size(),
      (uint32_t)esp_get_minimum_free_heap_size(), network_name(), mac[0], mac[1], mac[2], mac[3], mac[4],
      mac[5], IP2STR(&ip.ip), esp_get_idf_version());
}

static esp_err_t get_status(httpd_req_t* request) {
  char body[320];
  char text[sizeof body + 128];
  const int body_length = status_json(body, sizeof body);
  if (body_length < 0 || body_length >= (int)sizeof body) {
    return httpd_resp_send_500(request);
  }
  const int length = snprintf(text, sizeof text,
                              "HTTP/1.1 200 OK\r\n"
                              "Content-Type: application/json\r\n"
                              "Cache-Control: no-store\r\n"
                              "Content-Length: %d\r\n"
                              "\r\n%s",
                              body_length, body);
  return answer(request, text, (size_t)length);
}

/* An answer need not wait for the acknowledgement of the one before (Nagle's algorithm). */
static esp_err_t on_open(httpd_handle_t server, int socket) {
  const int on = 1;
  return setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 ? ESP_OK : ESP_FAIL;
}

esp_err_t hello_server_start(void) {
  static const httpd_uri_t pages[] = {
      {.uri = "/hello", .method = HTTP_GET, .handler = get_hello},
      {.uri = "/status", .method = HTTP_GET, .handler = get_status},
  };
  httpd_config_t config = HTTPD_DEFAULT_CONFIG();
  config.server_port = CONFIG_SERVER_PORT;
  config.max_open_sockets = CONFIG_LWIP_MAX_SOCKETS - own_sockets;
  config.backlog_conn = 8;
  config.lru_purge_enable = true; /* A new client takes the place of the one that has been silent longest. */
  config.open_fn = on_open;

  httpd_handle_t server = NULL;
  ESP_RETURN_ON_ERROR(httpd_start(&server, &config), tag, "the server does not start");
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; ++i) {
    ESP_RETURN_ON_ERROR(httpd_register_uri_handler(server, &pages[i]), tag, "no place for %s", pages[i].uri);
  }
  ESP_LOGI(tag, "listening on port %d for %d connections", config.server_port, config.max_open_sockets);
  return ESP_OK;
}
