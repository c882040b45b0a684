/* The SHA, AES and RSA accelerators. Registers: ESP-IDF soc/esp32/register/soc/hwcrypto_reg.h. */
#include "rom.h"

#define DPORT_PERI_CLK_EN_REG 0x3ff0001c
#define DPORT_PERI_RST_EN_REG 0x3ff00020
#define PERI_AES BIT(0)
#define PERI_SHA BIT(1)
#define PERI_RSA BIT(2)
#define PERI_SECUREBOOT BIT(3) /* holds SHA and AES in reset, as */
#define PERI_DIGITAL_SIGNATURE BIT(4) /* this does with RSA and AES */

static void power_up(uint32_t clock, uint32_t resets) {
  set_bits(DPORT_PERI_CLK_EN_REG, clock);
  clear_bits(DPORT_PERI_RST_EN_REG, resets);
}
static void power_down(uint32_t clock, uint32_t resets) {
  set_bits(DPORT_PERI_RST_EN_REG, resets);
  clear_bits(DPORT_PERI_CLK_EN_REG, clock);
}

/* --- SHA --- */
#define SHA_TEXT(i) REG(0x3ff03000u + 4 * (i))
#define SHA_START(type) REG(0x3ff03080u + 16 * (type))
#define SHA_CONTINUE(type) REG(0x3ff03084u + 16 * (type))
#define SHA_LOAD(type) REG(0x3ff03088u + 16 * (type))
#define SHA_BUSY(type) REG(0x3ff0308cu + 16 * (type))
extern const uint8_t sha_blk_bits_bytes[], sha_blk_hash_bytes[];
extern const uint16_t sha_blk_bits[];

typedef struct {
  bool started;
  uint32_t bits[4]; /* of input so far */
} SHA_CTX;

void ets_sha_enable(void) { power_up(PERI_SHA, PERI_SHA | PERI_SECUREBOOT); }
void ets_sha_disable(void) { power_down(PERI_SHA, PERI_SHA | PERI_SECUREBOOT); }
void ets_sha_init(SHA_CTX *context) {
  context->started = false;
  for (unsigned i = 0; i < 4; ++i) context->bits[i] = 0;
}

static void digest_block(SHA_CTX *context, unsigned type) {
  if (context->started) {
    SHA_CONTINUE(type) = 1;
  } else {
    context->started = true;
    SHA_START(type) = 1;
  }
  while (SHA_BUSY(type) == 1) {
  }
}

/* Appends the top `count` bits (1 to 8) of `bits`; an incomplete block waits in the accelerator's registers. */
static void append(SHA_CTX *context, unsigned type, uint8_t bits, unsigned count) {
  const uint32_t block = sha_blk_bits[type], position = context->bits[0] & (block - 1);
  uint32_t value = (uint32_t)(bits >> (8 - count)) << (32 - count);
  for (uint32_t at = position; count;) {
    const uint32_t room = 32 - at % 32, part = count < room ? count : room;
    uint32_t word = at % 32 ? SHA_TEXT(at / 32) : 0;
    word |= value >> (at % 32);
    SHA_TEXT(at / 32) = word;
    value <<= part;
    count -= part;
    at += part;
    for (unsigned i = 0, carry = part; i < 4 && carry; ++i) {
      context->bits[i] += carry;
      carry = context->bits[i] < carry;
    }
    if (at == block) {
      digest_block(context, type);
      at = 0;
    }
  }
}

void ets_sha_update(SHA_CTX *context, unsigned type, const uint8_t *input, size_t bits) {
  /* Whole words at a word boundary, which is nearly everything, go at once. */
  const uint32_t block_mask = sha_blk_bits[type] - 1;
  while (bits) {
    if (bits >= 32 && context->bits[0] % 32 == 0) {
      const uint32_t at = context->bits[0] & block_mask;
      SHA_TEXT(at / 32) = (uint32_t)input[0] << 24 | (uint32_t)input[1] << 16 | (uint32_t)input[2] << 8 | input[3];
      for (unsigned i = 0, carry = 32; i < 4 && carry; ++i) {
        context->bits[i] += carry;
        carry = context->bits[i] < carry;
      }
      if (at + 32 == block_mask + 1) digest_block(context, type);
      input += 4;
      bits -= 32;
    } else {
      const unsigned count = bits < 8 ? (unsigned)bits : 8;
      append(context, type, *input++, count);
      bits -= count;
    }
  }
}

void ets_sha_finish(SHA_CTX *context, unsigned type, uint8_t *output) {
  const uint32_t words = sha_blk_bits[type] / 32, length_words = sha_blk_bits_bytes[type];
  uint32_t length[4];
  for (unsigned i = 0; i < 4; ++i) length[i] = context->bits[i];
  append(context, type, 0x80, 1);
  uint32_t at = context->bits[0] & (sha_blk_bits[type] - 1u);
  /* Zeros to the end of the word, then of the block, less the length's place; that may take another block. */
  at = (at + 31) / 32;
  if (at > words - length_words) {
    for (; at < words; ++at) SHA_TEXT(at) = 0;
    digest_block(context, type);
    at = 0;
  }
  for (; at < words - length_words; ++at) SHA_TEXT(at) = 0;
  for (unsigned i = 0; i < length_words; ++i) SHA_TEXT(words - 1 - i) = length[i];
  digest_block(context, type);

  SHA_LOAD(type) = 1;
  while (SHA_BUSY(type) == 1) {
  }
  for (unsigned i = 0; i < sha_blk_hash_bytes[type]; i += 4) {
    const uint32_t word = SHA_TEXT(i / 4);
    output[i] = (uint8_t)(word >> 24);
    output[i + 1] = (uint8_t)(word >> 16);
    output[i + 2] = (uint8_t)(word >> 8);
    output[i + 3] = (uint8_t)word;
  }
}

/* --- AES --- */
#define AES_START_REG 0x3ff01000
#define AES_IDLE_REG 0x3ff01004
#define AES_MODE_REG 0x3ff01008
#define AES_KEY(i) REG(0x3ff01010u + 4 * (i))
#define AES_TEXT(i) REG(0x3ff01030u + 4 * (i))
#define AES_ENDIAN_REG 0x3ff01040

static uint32_t little_endian(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void ets_aes_enable(void) { power_up(PERI_AES, PERI_AES | PERI_SECUREBOOT | PERI_DIGITAL_SIGNATURE); }
void ets_aes_disable(void) { power_down(PERI_AES, PERI_AES | PERI_SECUREBOOT | PERI_DIGITAL_SIGNATURE); }
/* A bit that is set keeps the order; the register's bits come in the order key byte, key word, in..., out... */
void ets_aes_set_endian(bool key_word_swap, bool key_byte_swap, bool in_word_swap, bool in_byte_swap,
                        bool out_word_swap, bool out_byte_swap) {
  REG(AES_ENDIAN_REG) = (uint32_t)!key_byte_swap | (uint32_t)!key_word_swap << 1 | (uint32_t)!in_byte_swap << 2 |
                        (uint32_t)!in_word_swap << 3 | (uint32_t)!out_byte_swap << 4 | (uint32_t)!out_word_swap << 5;
}
/* `size`: 0, 1, 2 for 128, 192, 256 bits. */
static bool set_key(const uint8_t *key, unsigned size, uint32_t decrypt) {
  if (!key || size > 2) return false;
  REG(AES_MODE_REG) = size | decrypt << 2;
  for (unsigned i = 0; i < 4 + 2 * size; ++i) AES_KEY(i) = little_endian(key + 4 * i);
  return true;
}
bool ets_aes_setkey_enc(const uint8_t *key, unsigned size) { return set_key(key, size, 0); }
bool ets_aes_setkey_dec(const uint8_t *key, unsigned size) { return set_key(key, size, 1); }
void ets_aes_crypt(const uint8_t *input, uint8_t *output) {
  for (unsigned i = 0; i < 4; ++i) AES_TEXT(i) = little_endian(input + 4 * i);
  REG(AES_START_REG) = 1;
  while (REG(AES_IDLE_REG) != 1) {
  }
  for (unsigned i = 0; i < 4; ++i) {
    const uint32_t word = AES_TEXT(i);
    for (unsigned b = 0; b < 4; ++b) output[4 * i + b] = (uint8_t)(word >> (8 * b));
  }
}

/* --- RSA: operands and result in blocks of memory, lengths in bits --- */
#define RSA_MEM_M 0x3ff02000u
#define RSA_MEM_Z 0x3ff02200u /* also r inverse */
#define RSA_MEM_Y 0x3ff02400u
#define RSA_MEM_X 0x3ff02600u
#define RSA_M_DASH_REG 0x3ff02800
#define RSA_MODEXP_MODE_REG 0x3ff02804
#define RSA_START_MODEXP_REG 0x3ff02808
#define RSA_MULT_MODE_REG 0x3ff0280c
#define RSA_MULT_START_REG 0x3ff02810
#define RSA_INTERRUPT_REG 0x3ff02814
#define RSA_CLEAN_REG 0x3ff02818
#define DPORT_RSA_PD_CTRL_REG 0x3ff00490
#define MULT_WITHOUT_MODULUS 8

void ets_bigint_enable(void) {
  power_up(PERI_RSA, PERI_RSA | PERI_DIGITAL_SIGNATURE);
  clear_bits(DPORT_RSA_PD_CTRL_REG, BIT(0));
  while (REG(RSA_CLEAN_REG) != 1) {
  }
}
void ets_bigint_disable(void) {
  set_bits(DPORT_RSA_PD_CTRL_REG, BIT(0));
  power_down(PERI_RSA, PERI_RSA | PERI_DIGITAL_SIGNATURE);
}
void ets_bigint_wait_finish(void) {
  while (REG(RSA_INTERRUPT_REG) != 1) {
  }
}

/* Lengths are multiples of 512 bits up to `most`. */
static bool length_allowed(uint32_t bits, uint32_t most) { return bits && bits % 512 == 0 && bits <= most; }
static void write_block(uint32_t to, const uint32_t *from, uint32_t bits) {
  for (uint32_t i = 0; i < bits / 32; ++i) REG(to + 4 * i) = from[i];
}
static bool read_result(uint32_t *to, uint32_t bits, uint32_t words_per_32_bits, uint32_t most) {
  if (!length_allowed(bits, most) || !to) return false;
  for (uint32_t i = 0; i < bits / 32 * words_per_32_bits; ++i) to[i] = REG(RSA_MEM_Z + 4 * i);
  return true;
}
static bool start(uint32_t reg) {
  REG(RSA_INTERRUPT_REG) = 1;
  REG(reg) = 1;
  return true;
}

/* Z = X ^ Y mod M; `again`: with the Y, M and mode of the time before. */
bool ets_bigint_mod_power_prepare(uint32_t *x, uint32_t *y, uint32_t *m, uint32_t m_dash, uint32_t *r_inverse,
                                  uint32_t bits, bool again) {
  if (!length_allowed(bits, 4096)) return false;
  if (!again) {
    if (!y || !m) return false;
    write_block(RSA_MEM_M, m, bits);
    write_block(RSA_MEM_Y, y, bits);
    REG(RSA_M_DASH_REG) = m_dash;
    REG(RSA_MODEXP_MODE_REG) = (bits / 512 - 1) & 0xff;
  }
  if (!x || !r_inverse) return false;
  write_block(RSA_MEM_X, x, bits);
  write_block(RSA_MEM_Z, r_inverse, bits);
  return start(RSA_START_MODEXP_REG);
}
bool ets_bigint_mod_power_getz(uint32_t *z, uint32_t bits) { return read_result(z, bits, 1, 4096); }

/* Z = X * Y, twice as long. */
bool ets_bigint_mult_prepare(uint32_t *x, uint32_t *y, uint32_t bits) {
  if (!length_allowed(bits, 2048) || !x || !y) return false;
  for (uint32_t i = 0; i < bits / 32; ++i) {
    REG(RSA_MEM_X + 4 * i) = x[i];
    REG(RSA_MEM_X + bits / 8 + 4 * i) = 0;
    REG(RSA_MEM_Z + 4 * i) = 0;
    REG(RSA_MEM_Z + bits / 8 + 4 * i) = y[i];
  }
  REG(RSA_M_DASH_REG) = 0;
  REG(RSA_MULT_MODE_REG) = ((bits / 512 * 2 - 1) | MULT_WITHOUT_MODULUS) & 0xff;
  return start(RSA_MULT_START_REG);
}
bool ets_bigint_mult_getz(uint32_t *z, uint32_t bits) { return read_result(z, bits, 2, 2048); }

/* Z = X * Y * R ^ -1 mod M */
bool ets_bigint_montgomery_mult_prepare(uint32_t *x, uint32_t *y, uint32_t *m, uint32_t m_dash, uint32_t bits,
                                        bool again) {
  if (!length_allowed(bits, 4096)) return false;
  if (!again) {
    if (!m) return false;
    write_block(RSA_MEM_M, m, bits);
    REG(RSA_M_DASH_REG) = m_dash;
    REG(RSA_MULT_MODE_REG) = (bits / 512 - 1) & 0xff;
  }
  if (!x || !y) return false;
  write_block(RSA_MEM_X, x, bits);
  write_block(RSA_MEM_Z, y, bits);
  return start(RSA_MULT_START_REG);
}
bool ets_bigint_montgomery_mult_getz(uint32_t *z, uint32_t bits) { return read_result(z, bits, 1, 4096); }

/* Z = X * Y mod M, as two Montgomery multiplications: by R inverse, then by Y. */
bool ets_bigint_mod_mult_prepare(uint32_t *x, uint32_t *y, uint32_t *m, uint32_t m_dash, uint32_t *r_inverse,
                                 uint32_t bits, bool again) {
  if (!ets_bigint_montgomery_mult_prepare(x, r_inverse, m, m_dash, bits, again)) return false;
  ets_bigint_wait_finish();
  if (!y) return false;
  write_block(RSA_MEM_X, y, bits);
  return start(RSA_MULT_START_REG);
}
/* True if the result is less than M. */
bool ets_bigint_mod_mult_getz(uint32_t *m, uint32_t *z, uint32_t bits) {
  if (!m || !read_result(z, bits, 1, 4096)) return false;
  for (uint32_t i = bits / 32; i-- > 0;)
    if (z[i] != m[i]) return z[i] < m[i];
  return false;
}
