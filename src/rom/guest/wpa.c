/* Cryptography that allocates, or takes too long to be done in one go with interrupts waiting: PBKDF2 and Base64.
   Interfaces: wpa_supplicant's src/crypto/sha1.h and src/utils/base64.h of 2013. */
#include "newlib.h"

int hmac_sha1_vector(const uint8_t *key, size_t key_length, size_t count, const uint8_t *const *pieces,
                     const size_t *lengths, uint8_t *mac);

enum { kSha1Size = 20, kBase64Line = 72 };

/* RFC 8018 with HMAC-SHA-1. */
int pbkdf2_sha1(const char *passphrase, const uint8_t *salt, size_t salt_length, int iterations, uint8_t *key,
                size_t key_length) {
  const size_t password_length = strlen(passphrase);
  for (uint32_t block = 1; key_length > 0; ++block) {
    const uint8_t number[4] = {block >> 24, block >> 16, block >> 8, block};
    const uint8_t *pieces[2] = {salt, number};
    size_t lengths[2] = {salt_length, sizeof number};
    uint8_t mac[kSha1Size], sum[kSha1Size];
    hmac_sha1_vector((const uint8_t *)passphrase, password_length, 2, pieces, lengths, mac);
    memcpy(sum, mac, sizeof sum);
    pieces[0] = mac;
    lengths[0] = sizeof mac;
    for (int i = 1; i < iterations; ++i) {
      hmac_sha1_vector((const uint8_t *)passphrase, password_length, 1, pieces, lengths, mac);
      for (unsigned byte = 0; byte < kSha1Size; ++byte) sum[byte] ^= mac[byte];
    }
    const size_t count = key_length < kSha1Size ? key_length : kSha1Size;
    memcpy(key, sum, count);
    key += count;
    key_length -= count;
  }
  return 0;
}

static char base64_digit(unsigned value) {
  if (value < 26) return (char)('A' + value);
  if (value < 52) return (char)('a' + value - 26);
  if (value < 62) return (char)('0' + value - 52);
  return value == 62 ? '+' : '/';
}

/* The value of a digit, 0 for the padding, -1 for what is to be ignored. */
static int base64_value(uint8_t c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 0 : -1;
}

/* Base64 in lines of 72 characters with a line feed behind each, the last one too, and a NUL that *out_length does not
   count. The caller frees it; NULL without memory. */
char *base64_encode(const uint8_t *from, size_t length, size_t *out_length) {
  const size_t digits = length * 4 / 3 + 4;
  const size_t size = digits + digits / kBase64Line + 1;
  if (size < length) return NULL;
  char *const out = malloc(size);
  if (!out) return NULL;
  char *p = out;
  unsigned column = 0;
  for (; length > 0; from += 3) {
    const size_t n = length < 3 ? length : 3;
    const uint32_t bits = (uint32_t)from[0] << 16 | (n > 1 ? from[1] << 8 : 0) | (n > 2 ? from[2] : 0);
    for (unsigned i = 0; i < 4; ++i) *p++ = i <= n ? base64_digit(bits >> (18 - 6 * i) & 63) : '=';
    length -= n;
    column += 4;
    if (column == kBase64Line || length == 0) {
      *p++ = '\n';
      column = 0;
    }
  }
  *p = 0;
  if (out_length) *out_length = (size_t)(p - out);
  return out;
}

/* The caller frees the result. NULL for what is no Base64 (digits and padding not in fours, more than two of padding)
   and without memory. */
uint8_t *base64_decode(const uint8_t *from, size_t length, size_t *out_length) {
  size_t digits = 0;
  for (size_t i = 0; i < length; ++i) digits += base64_value(from[i]) >= 0;
  if (digits == 0 || digits % 4) return NULL;
  uint8_t *const out = malloc(digits / 4 * 3);
  if (!out) return NULL;
  uint8_t *p = out;
  uint32_t bits = 0;
  unsigned held = 0, padding = 0;
  for (size_t i = 0; i < length; ++i) {
    const int value = base64_value(from[i]);
    if (value < 0) continue;
    padding += from[i] == '=';
    bits = bits << 6 | (uint32_t)value;
    if (++held < 4) continue;
    held = 0;
    *p++ = (uint8_t)(bits >> 16);
    *p++ = (uint8_t)(bits >> 8);
    *p++ = (uint8_t)bits;
    if (padding > 2) {
      free(out);
      return NULL;
    }
    if (padding) {
      p -= padding;
      break;
    }
  }
  *out_length = (size_t)(p - out);
  return out;
}
