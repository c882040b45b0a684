/* Six values in two namespaces of NVS. A round gives all of them its number, one after another; so what is
 * there after a power cut is that of one round, but for the first of them, which may be that of the next. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_err.h"

enum { settings_count = 6 };

/* NVS is there afterwards; where it could not make sense of its partition that is the error, which
 * settings_reset() puts right. */
esp_err_t settings_open(void);

/* All values are gone afterwards. */
esp_err_t settings_reset(void);

/* The name of value `index`, as namespace/key. */
const char* settings_name(unsigned index);

/* Writes value `index` and commits it. */
esp_err_t settings_write(unsigned index, uint32_t round);

/* The last round that is there whole, and how many values of the next there are. False: they are none that a
 * writer can have left; that has been printed then. Nothing at all is round 0. */
bool settings_find(uint32_t* round, unsigned* ahead);
