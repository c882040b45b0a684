/* Text, byte by byte, in C loops: numbers to text, joining, comparing, searching, splitting into words,
 * parsing. */
#include "kernel.h"

static char text[512], other[512];

static char* put_number(char* to, uint32_t number) {
  char digits[10];
  unsigned count = 0;
  do {
    const uint32_t tenth = number * 0xcccdu >> 19; /* exact up to 65,535 */
    digits[count++] = (char)('0' + (number - tenth * 10));
    number = tenth;
  } while (number);
  while (count) *to++ = digits[--count];
  return to;
}

static uint32_t length_of(const char* s) {
  const char* end = s;
  while (*end) ++end;
  return (uint32_t)(end - s);
}

static int compare(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return (uint8_t)*a - (uint8_t)*b;
}

static const char* find(const char* in, const char* what) {
  for (; *in; ++in) {
    unsigned n = 0;
    while (what[n] && in[n] == what[n]) ++n;
    if (!what[n]) return in;
  }
  return in;
}

static uint32_t sum_of_words(const char* s) {
  uint32_t sum = 0, number = 0;
  for (; *s; ++s) {
    if (*s >= '0' && *s <= '9') {
      number = number * 10 + (uint32_t)(*s - '0');
    } else {
      sum = mixed_in(sum, number);
      number = 0;
    }
  }
  return sum + number;
}

uint32_t kernel_string(uint32_t iterations) {
  uint32_t random = 5, checksum = 0;
  for (uint32_t i = 0; i < iterations; ++i) {
    char* to = text;
    for (unsigned n = 0; n < 40; ++n) {
      to = put_number(to, next_random(&random) & 0xffff);
      *to++ = n % 5 == 4 ? '\n' : ' ';
    }
    *to = 0;
    char* copy = other;
    for (const char* from = text; *from; ++from) *copy++ = *from == '7' ? '3' : *from;
    *copy = 0;
    char pattern[4] = {(char)('0' + i % 10), (char)('0' + (i >> 3) % 10), (char)('0' + (i >> 6) % 10), 0};
    checksum = mixed_in(checksum, length_of(text));
    checksum = mixed_in(checksum, (uint32_t)compare(text, other));
    checksum = mixed_in(checksum, (uint32_t)(find(text, pattern) - text));
    checksum = mixed_in(checksum, sum_of_words(other));
  }
  return checksum;
}
