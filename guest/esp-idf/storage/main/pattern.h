/* Values that can be recognised: each follows from a number and holds it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills `bytes` with the value of `number`; `salt` tells values of one number apart. At least 8 bytes. */
void pattern_make(uint32_t number, uint32_t salt, uint8_t* bytes, size_t size);

/* Whether that is what `bytes` holds, whole, and of which number. */
bool pattern_read(const uint8_t* bytes, size_t size, uint32_t salt, uint32_t* number);
