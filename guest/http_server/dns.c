#include "dns.h"

#include "rom.h"

enum {
  kHeader = 12,
  kRecursionWanted = 0x01, /* in the third byte */
  kResponse = 0x80,
  kCode = 0x0f, /* in the fourth */
  kNoName = 3,
  kTypeA = 1,
  kClassIn = 1,
  kRecord = 10, /* behind its name: type, class, lifetime, length */
  kPointer = 0xc0,
  kLabelMax = 63
};

bool dns_is_name(const char* name) {
  unsigned label = 0;
  for (; *name; ++name) {
    const char low = (char)(*name | 0x20);
    const bool plain =
        (low >= 'a' && low <= 'z') || (*name >= '0' && *name <= '9') || *name == '-' || *name == '_';
    if (*name == '.' ? label == 0 : !plain || label == kLabelMax) return false;
    label = *name == '.' ? 0 : label + 1;
  }
  return label != 0;
}

bool dns_parse_address(const char* text, uint32_t* address) {
  uint32_t value = 0;
  for (unsigned part = 0; part < 4; ++part) {
    unsigned number = 0, digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 3; ++text, ++digits)
      number = number * 10 + (unsigned)(*text - '0');
    if (digits == 0 || number > 255 || *text != (part == 3 ? 0 : '.')) return false;
    value = value << 8 | number;
    ++text;
  }
  *address = value;
  return true;
}

static uint16_t half(const uint8_t* at) {
  return (uint16_t)(at[0] << 8 | at[1]);
}

unsigned dns_question(uint8_t* message, uint16_t number, const char* name) {
  memset(message, 0, kHeader);
  message[0] = (uint8_t)(number >> 8);
  message[1] = (uint8_t)number;
  message[2] = kRecursionWanted;
  message[5] = 1; /* question */
  uint8_t* at = message + kHeader;
  for (;;) {
    uint8_t* length = at++;
    while (*name && *name != '.') *at++ = (uint8_t)*name++;
    *length = (uint8_t)(at - length - 1);
    if (!*name) break;
    ++name;
  }
  static const uint8_t kEnd[] = {0, 0, kTypeA, 0, kClassIn};
  memcpy(at, kEnd, sizeof kEnd);
  return (unsigned)(at - message) + sizeof kEnd;
}

/* Behind a name; null if it does not end. */
static const uint8_t* skip_name(const uint8_t* at, const uint8_t* end) {
  while (at < end) {
    if (*at >= kPointer) return end - at >= 2 ? at + 2 : 0;
    if (*at == 0) return at + 1;
    if (end - at <= *at) return 0;
    at += 1 + *at;
  }
  return 0;
}

bool dns_answer(const uint8_t* message, unsigned length, uint16_t* number, uint32_t* address) {
  if (length < kHeader || !(message[2] & kResponse)) return false;
  const unsigned code = message[3] & kCode;
  if (code != 0 && code != kNoName) return false;
  *number = half(message);
  *address = 0;
  const uint8_t *at = message + kHeader, *end = message + length;
  for (unsigned questions = half(message + 4); questions != 0; --questions) {
    at = skip_name(at, end);
    if (!at || end - at < 4) return true;
    at += 4;
  }
  /* Aliases come before what they stand for. */
  for (unsigned answers = half(message + 6); answers != 0; --answers) {
    at = skip_name(at, end);
    if (!at || end - at < kRecord || end - at - kRecord < half(at + 8)) return true;
    const uint8_t* content = at + kRecord;
    if (half(at) == kTypeA && half(at + 2) == kClassIn && half(at + 8) == 4) {
      *address = (uint32_t)half(content) << 16 | half(content + 2);
      return true;
    }
    at = content + half(at + 8);
  }
  return true;
}
