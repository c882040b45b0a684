#include "text.h"

#include "rom.h"

void text_add_bytes(Text* text, const char* bytes, uint32_t length) {
  const uint32_t room = (uint32_t)(text->end - text->at);
  if (length > room) length = room;
  memcpy(text->at, bytes, length);
  text->at += length;
}

void text_add(Text* text, const char* string) {
  text_add_bytes(text, string, strlen(string));
}

void text_add_digits(Text* text, uint32_t value, unsigned base, unsigned digits) {
  char digit[10];
  for (unsigned i = digits; i-- > 0; value /= base) digit[i] = "0123456789abcdef"[value % base];
  text_add_bytes(text, digit, digits);
}

void text_add_number(Text* text, uint32_t value) {
  unsigned digits = 1;
  for (uint32_t rest = value / 10; rest != 0; rest /= 10) ++digits;
  text_add_digits(text, value, 10, digits);
}
