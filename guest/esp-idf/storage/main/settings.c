#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nvs.h"
#include "nvs_flash.h"
#include "pattern.h"

enum kind { number_kind, text_kind, blob_kind };

static const struct setting {
  const char* space;
  const char* key;
  const char* name;
  enum kind kind;
  size_t size; /* of text (without its end) and blob */
} settings[settings_count] = {
    {"meter", "count", "meter/count", number_kind, 0}, {"meter", "label", "meter/label", text_kind, 60},
    {"meter", "table", "meter/table", blob_kind, 700}, {"radio", "count", "radio/count", number_kind, 0},
    {"radio", "label", "radio/label", text_kind, 180}, {"radio", "table", "radio/table", blob_kind, 90},
};
enum { largest = 700, digits = 10 };

static uint8_t buffer[largest + 1];

/* The number, again and again, up to `size`. */
static void make_text(uint32_t round, size_t size) {
  for (size_t i = 0; i < size; i += digits) {
    snprintf((char*)buffer + i, sizeof buffer - i, "%0*" PRIu32, digits, round);
  }
  buffer[size] = 0;
}

static bool read_text(size_t size, uint32_t* round) {
  if (strlen((char*)buffer) != size) {
    return false;
  }
  *round = 0;
  for (unsigned i = 0; i < digits; ++i) {
    if (buffer[i] < '0' || buffer[i] > '9') {
      return false;
    }
    *round = *round * 10 + (buffer[i] - '0');
  }
  for (size_t i = digits; i < size; ++i) {
    if (buffer[i] != buffer[i - digits]) {
      return false;
    }
  }
  return true;
}

esp_err_t settings_open(void) {
  return nvs_flash_init();
}

esp_err_t settings_reset(void) {
  nvs_flash_deinit();
  const esp_err_t error = nvs_flash_erase();
  return error == ESP_OK ? nvs_flash_init() : error;
}

const char* settings_name(unsigned index) {
  return settings[index].name;
}

esp_err_t settings_write(unsigned index, uint32_t round) {
  const struct setting* setting = &settings[index];
  nvs_handle_t space;
  esp_err_t error = nvs_open(setting->space, NVS_READWRITE, &space);
  if (error != ESP_OK) {
    return error;
  }
  switch (setting->kind) {
    case number_kind:
      error = nvs_set_u32(space, setting->key, round);
      break;
    case text_kind:
      make_text(round, setting->size);
      error = nvs_set_str(space, setting->key, (const char*)buffer);
      break;
    case blob_kind:
      pattern_make(round, index, buffer, setting->size);
      error = nvs_set_blob(space, setting->key, buffer, setting->size);
      break;
  }
  if (error == ESP_OK) {
    error = nvs_commit(space);
  }
  nvs_close(space);
  return error;
}

/* ESP_FAIL: there is a value, and none that has been written. */
static esp_err_t read_setting(unsigned index, uint32_t* round) {
  const struct setting* setting = &settings[index];
  nvs_handle_t space;
  esp_err_t error = nvs_open(setting->space, NVS_READONLY, &space);
  if (error != ESP_OK) {
    return error;
  }
  size_t size = sizeof buffer;
  switch (setting->kind) {
    case number_kind:
      error = nvs_get_u32(space, setting->key, round);
      break;
    case text_kind:
      error = nvs_get_str(space, setting->key, (char*)buffer, &size);
      if (error == ESP_OK && !read_text(setting->size, round)) {
        error = ESP_FAIL;
      }
      break;
    case blob_kind:
      error = nvs_get_blob(space, setting->key, buffer, &size);
      if (error == ESP_OK &&
          (size != setting->size || !pattern_read(buffer, setting->size, index, round))) {
        error = ESP_FAIL;
      }
      break;
  }
  nvs_close(space);
  return error;
}

bool settings_find(uint32_t* round, unsigned* ahead) {
  uint32_t rounds[settings_count];
  for (unsigned i = 0; i < settings_count; ++i) {
    const esp_err_t error = read_setting(i, &rounds[i]);
    if (error == ESP_ERR_NVS_NOT_FOUND) {
      rounds[i] = 0;
    } else if (error != ESP_OK) {
      printf("NVS BROKEN: %s cannot be read: %s\n", settings[i].name, esp_err_to_name(error));
      return false;
    }
  }
  *round = rounds[settings_count - 1];
  *ahead = 0;
  while (*ahead < settings_count - 1 && rounds[*ahead] == *round + 1) {
    ++*ahead;
  }
  for (unsigned i = *ahead; i < settings_count; ++i) {
    if (rounds[i] != *round) {
      printf("NVS BROKEN: %s is of round %" PRIu32 ", the last one of %" PRIu32 "\n", settings[i].name,
             rounds[i], *round);
      return false;
    }
  }
  return true;
}
