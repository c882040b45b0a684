/* Two files in SPIFFS, written in turn: odd rounds go to one, even ones to the other. A power cut may take the
 * file that is being written, which SPIFFS does not promise to keep, and never the other. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

/* SPIFFS is mounted afterwards, formatted first where there is none. */
esp_err_t files_open(void);

/* Both files are gone afterwards. */
esp_err_t files_reset(void);

/* Lets SPIFFS look for what an interruption has left, and put it right; takes long. */
esp_err_t files_repair(void);

/* Writes the round's file. ESP_FAIL: errno says why not. */
esp_err_t files_write(uint32_t round);

/* Whether the round's file is there and whole. */
bool files_hold(uint32_t round);
