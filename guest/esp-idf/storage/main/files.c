#include "files.h"

#include <stdio.h>

#include "esp_spiffs.h"
#include "pattern.h"

enum { salt = 99, file_size = 1200 };

static const char base[] = "/files";
static const char label[] = "files";
static const char* const paths[] = {"/files/even", "/files/odd"};
static uint8_t buffer[file_size + 1];

static esp_err_t mount(bool format) {
  const esp_vfs_spiffs_conf_t configuration = {
      .base_path = base, .partition_label = label, .max_files = 2, .format_if_mount_failed = format};
  return esp_vfs_spiffs_register(&configuration);
}

esp_err_t files_open(void) {
  return mount(true);
}

esp_err_t files_reset(void) {
  return esp_spiffs_format(label);
}

esp_err_t files_repair(void) {
  return esp_spiffs_check(label);
}

esp_err_t files_write(uint32_t round) {
  FILE* file = fopen(paths[round % 2], "w");
  if (file == NULL) {
    return ESP_FAIL;
  }
  pattern_make(round, salt, buffer, file_size);
  const bool written = fwrite(buffer, 1, file_size, file) == file_size;
  return fclose(file) == 0 && written ? ESP_OK : ESP_FAIL;
}

bool files_hold(uint32_t round) {
  FILE* file = fopen(paths[round % 2], "r");
  if (file == NULL) {
    return false;
  }
  const size_t size = fread(buffer, 1, sizeof buffer, file);
  fclose(file);
  uint32_t number;
  return size == file_size && pattern_read(buffer, file_size, salt, &number) && number == round;
}
