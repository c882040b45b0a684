/* Secure boot, version 2 (chips of revision 3): the image carries RSA-PSS signatures in a sector of its own behind it.
   Formats: ESP-IDF, esp32/rom/secure_boot.h and rsa_pss.h. Method: RFC 8017, 8.1.2 and 9.1.2, with SHA-256 and a key of
   3072 bits. Numbers are little endian in the signature and big endian in the encoded message. */
#include "rom.h"

#define EFUSE_BLK2_RDATA0_REG 0x3ff5a058 /* the digest of the trusted key */

enum { kDigestSize = 32, kKeySize = 384, kSaltSize = 32, kMaskedSize = kKeySize - kDigestSize - 1, kSha256 = 1 };
enum { kSuccess = 0x3a5a5aa5, kFailure = (int)0xa533885a };
enum { kSectorSize = 4096, kMaxBlocks = 3, kSignatureMagic = 0xe7, kImageMagic = 0xe9 };

typedef struct {
  uint8_t modulus[kKeySize];
  uint32_t exponent;
  uint8_t r_squared[kKeySize]; /* 2^6144 mod modulus: what the accelerator starts from */
  uint32_t m_dash;
} RsaKey;

typedef struct {
  uint8_t magic, version, reserved[2];
  uint8_t image_digest[kDigestSize];
  RsaKey key;
  uint8_t signature[kKeySize];
  uint32_t crc; /* of all before it */
  uint8_t padding[16];
} SignatureBlock;

typedef struct {
  bool started;
  uint32_t bits[4];
} SHA_CTX;
void ets_sha_enable(void);
void ets_sha_disable(void);
void ets_sha_init(SHA_CTX *context);
void ets_sha_update(SHA_CTX *context, unsigned type, const void *input, size_t bits);
void ets_sha_finish(SHA_CTX *context, unsigned type, uint8_t *output);
void ets_bigint_enable(void);
void ets_bigint_disable(void);
bool ets_bigint_mod_power_prepare(uint32_t *x, uint32_t *y, uint32_t *m, uint32_t m_dash, uint32_t *r_inverse,
                                  uint32_t bits, bool again);
bool ets_bigint_mod_power_getz(uint32_t *z, uint32_t bits);
uint32_t crc32_le(uint32_t crc, const void *data, uint32_t length);

static void __attribute__((noreturn)) give_up(unsigned line) {
  ets_printf("%s %u \n", "ets_secure_boot_v2.c", line);
  for (;;) {
  }
}

void ets_mgf1_sha256(const uint8_t *seed, size_t seed_size, size_t mask_size, uint8_t *mask) {
  uint8_t counter[4] = {0, 0, 0, 0}, digest[kDigestSize];
  ets_sha_enable();
  for (size_t done = 0; done < mask_size; done += kDigestSize, ++counter[3]) {
    SHA_CTX context;
    ets_sha_init(&context);
    ets_sha_update(&context, kSha256, seed, 8 * seed_size);
    ets_sha_update(&context, kSha256, counter, 8 * sizeof counter);
    ets_sha_finish(&context, kSha256, digest);
    const size_t left = mask_size - done;
    memcpy(mask + done, digest, left < kDigestSize ? left : kDigestSize);
  }
  ets_sha_disable();
}

static bool bad_signature(void) {
  ets_printf("Signature Check Failed\n");
  return false;
}

/* `verified_digest` becomes `digest` only if all is well: it is combined with the digest found and the one expected, so
   that a caller has more to go by than one bit. */
bool ets_emsa_pss_verify(const uint8_t *encoded, const uint8_t *digest, uint8_t *verified_digest) {
  const uint8_t *const expected = encoded + kMaskedSize;
  if (encoded[kKeySize - 1] != 0xbc || encoded[0] & 0x80) return bad_signature();
  uint8_t data[kMaskedSize], found[kDigestSize];
  ets_mgf1_sha256(expected, kDigestSize, sizeof data, data);
  for (unsigned i = 0; i < sizeof data; ++i) data[i] ^= encoded[i];
  data[0] &= 0x7f;
  for (unsigned i = 0; i < kMaskedSize - kSaltSize - 1; ++i)
    if (data[i]) return bad_signature();
  if (data[kMaskedSize - kSaltSize - 1] != 1) return bad_signature();

  const uint8_t zeros[8] = {0};
  SHA_CTX context;
  ets_sha_enable();
  ets_sha_init(&context);
  ets_sha_update(&context, kSha256, zeros, 8 * sizeof zeros);
  ets_sha_update(&context, kSha256, digest, 8 * kDigestSize);
  ets_sha_update(&context, kSha256, data + kMaskedSize - kSaltSize, 8 * kSaltSize);
  ets_sha_finish(&context, kSha256, found);
  ets_sha_disable();
  for (unsigned i = 0; i < kDigestSize; ++i) verified_digest[i] = found[i] ^ digest[i] ^ expected[i];
  return memcmp(expected, found, kDigestSize) == 0 ? true : bad_signature();
}

bool ets_rsa_pss_verify(const RsaKey *key, const uint8_t *signature, const uint8_t *digest, uint8_t *verified_digest) {
  enum { kBits = 8 * kKeySize };
  uint32_t exponent[kKeySize / 4], result[kKeySize / 4];
  memset(exponent, 0, sizeof exponent);
  exponent[0] = key->exponent;
  ets_bigint_enable();
  ets_bigint_mod_power_prepare((uint32_t *)signature, exponent, (uint32_t *)key->modulus, key->m_dash,
                               (uint32_t *)key->r_squared, kBits, false);
  ets_bigint_mod_power_getz(result, kBits);
  ets_bigint_disable();
  uint8_t *low = (uint8_t *)result, *high = low + kKeySize - 1;
  for (; low < high; ++low, --high) {
    const uint8_t byte = *low;
    *low = *high;
    *high = byte;
  }
  return ets_emsa_pss_verify((const uint8_t *)result, digest, verified_digest);
}

static bool block_is_valid(const SignatureBlock *block, unsigned number, const uint8_t *image_digest,
                           const uint8_t *trusted_key_digest, uint8_t *verified_digest) {
  const uint32_t crc = crc32_le(0, block, offsetof(SignatureBlock, crc));
  if (crc != block->crc) {
    ets_printf("Sig block %d invalid: Stored CRC 0x%08x calculated 0x%08x\n", (int)number, (unsigned)block->crc,
               (unsigned)crc);
    return false;
  }
  if (memcmp(image_digest, block->image_digest, kDigestSize) != 0) {
    ets_printf("Sig block %d invalid: Image digest does not match\n", (int)number);
    return false;
  }
  uint8_t key_digest[kDigestSize];
  SHA_CTX context;
  ets_sha_enable();
  ets_sha_init(&context);
  ets_sha_update(&context, kSha256, &block->key, 8 * sizeof block->key);
  ets_sha_finish(&context, kSha256, key_digest);
  ets_sha_disable();
  if (memcmp(key_digest, trusted_key_digest, kDigestSize) != 0) {
    ets_printf("Sig block %d signed with untrusted key\n", (int)number);
    return false;
  }
  if (ets_rsa_pss_verify(&block->key, block->signature, image_digest, verified_digest)) return true;
  ets_printf("Sig block %d signature verification failed\n", (int)number);
  return false;
}

/* One valid block of the three there may be is enough. */
int ets_secure_boot_verify_signature(const SignatureBlock *blocks, const uint8_t *image_digest,
                                     const uint8_t *trusted_key_digest, uint8_t *verified_digest) {
  if (blocks[0].magic != kSignatureMagic) {
    ets_printf("No signature block magic byte found at signature sector (found 0x%x not 0x%x). Image not V2 signed?\n",
               blocks[0].magic, kSignatureMagic);
    return kFailure;
  }
  for (unsigned i = 0; i < kMaxBlocks; ++i)
    if (blocks[i].magic == kSignatureMagic &&
        block_is_valid(&blocks[i], i, image_digest, trusted_key_digest, verified_digest))
      return kSuccess;
  return kFailure;
}

/* --- the bootloader --- */
#define FLASH_WINDOW 0x3f400000
#define BOOTLOADER_OFFSET 0x1000
#define STAGE 0x3ffc0000 /* RAM where it is put together before it is trusted */
#define STAGE_SIZE 0xc000

/* What has been read of the flash's window, and where a copy of it ends in the stage. */
typedef struct {
  SHA_CTX digest;
  const uint8_t *from;
  uint8_t *to;
} Staging;

static bool fits(const Staging *s, uint32_t size) {
  if (size <= STAGE + STAGE_SIZE - (uint32_t)s->to) return true;
  ets_printf("Bootloader is too large for %dKB staging area.\n", STAGE_SIZE / 1024);
  return false;
}
/* Copies and digests. */
static void stage(Staging *s, uint32_t size) {
  memcpy(s->to, s->from, size);
  ets_sha_update(&s->digest, kSha256, s->to, 8 * size);
  s->from += size;
  s->to += size;
}

static uint32_t word_at(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Header and segments, padding and checksum, the digest that is part of the image, padding to the end of the sector. */
static bool stage_image(Staging *s) {
  s->from = (const uint8_t *)(FLASH_WINDOW + BOOTLOADER_OFFSET);
  s->to = (uint8_t *)STAGE;
  memset(s->to, 0, STAGE_SIZE);
  const uint8_t magic = s->from[0], segments = s->from[1];
  if (magic != kImageMagic) {
    ets_printf("Invalid magic 0x%02x\n", magic);
    return false;
  }
  ets_sha_enable();
  ets_sha_init(&s->digest);
  stage(s, 24);
  if (segments > 32) {
    ets_printf("Too many blocks: 0x%x\n", segments);
    return false;
  }
  for (unsigned i = 0; i < segments; ++i) {
    const uint32_t address = word_at(s->from), size = word_at(s->from + 4);
    if (!fits(s, size)) return false;
    if ((address | size) & 3 || size > 0x100000) {
      ets_printf("Invalid image block, can't verify.\n");
      return false;
    }
    if (!fits(s, 8 + size)) return false;
    stage(s, 8 + size);
  }
  const uint32_t padding = 16 - ((uint32_t)s->to & 15);
  if (!fits(s, padding + kDigestSize)) return false;
  stage(s, padding);
  stage(s, kDigestSize);
  const uint32_t rest = -(uint32_t)s->from & (kSectorSize - 1);
  if (rest > STAGE + STAGE_SIZE - (uint32_t)s->to) give_up(258);
  stage(s, rest);
  return true;
}

/* Loads the bootloader if the key whose digest is in the eFuses has signed it, and goes there. */
void __attribute__((noreturn)) ets_secure_boot_verify_boot_bootloader(void) {
  Cache_Read_Disable_rom(0);
  Cache_Flush_rom(0);
  cache_flash_mmu_set_rom(0, 0, FLASH_WINDOW, 0, 64, 1);
  Cache_Read_Enable_rom(0);

  Staging staging;
  uint8_t digest[kDigestSize], verified[kDigestSize], trusted[kDigestSize];
  if (!stage_image(&staging)) give_up(74);
  SignatureBlock blocks[kMaxBlocks];
  memcpy(blocks, staging.from, sizeof blocks);
  ets_sha_finish(&staging.digest, kSha256, digest);
  for (unsigned i = 0; i < kDigestSize; i += 4) *(uint32_t *)(trusted + i) = REG(EFUSE_BLK2_RDATA0_REG + i);
  if (ets_secure_boot_verify_signature(blocks, digest, trusted, verified) != kSuccess ||
      memcmp(digest, verified, kDigestSize) != 0) {
    ets_printf("secure boot verification failed\n");
    for (;;) {
    }
  }
  ets_printf("secure boot verification succeeded\n");

  const uint8_t *const image = (const uint8_t *)STAGE, *from = image + 24;
  for (unsigned i = 0; i < image[1]; ++i) {
    const uint32_t address = word_at(from), size = word_at(from + 4);
    ets_printf("load:0x%08x len:0x%x\n", (unsigned)address, (unsigned)size);
    memcpy((void *)address, from + 8, size);
    from += 8 + size;
  }
  const uint32_t entry = word_at(image + 4);
  ets_printf("entry 0x%08x\n", (unsigned)entry);
  ((void (*)(void))entry)();
  give_up(403);
}
