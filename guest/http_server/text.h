/* Text put together piece by piece. What does not fit is left out. */
#ifndef ESPALIER_HTTP_SERVER_TEXT_H
#define ESPALIER_HTTP_SERVER_TEXT_H

#include <stdint.h>

typedef struct {
  char *at, *end;
} Text;

void text_add(Text* text, const char* string);
void text_add_bytes(Text* text, const char* bytes, uint32_t length);
void text_add_number(Text* text, uint32_t value);
/* Exactly `digits` of them: zeros in front, and nothing above. */
void text_add_digits(Text* text, uint32_t value, unsigned base, unsigned digits);

#endif
