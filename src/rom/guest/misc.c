/* Small helpers that belong to nothing else: the Xtensa HAL, DMA descriptors, arithmetic. */
#include "rom.h"

uint32_t xthal_get_ccount(void) { return ccount(); }
void xthal_set_ccompare(int n, uint32_t value) {
  if (n == 0) __asm__ volatile("wsr.ccompare0 %0\n isync" ::"a"(value));
  if (n == 1) __asm__ volatile("wsr.ccompare1 %0\n isync" ::"a"(value));
  if (n == 2) __asm__ volatile("wsr.ccompare2 %0\n isync" ::"a"(value));
}
uint32_t xthal_get_ccompare(int n) {
  uint32_t value = 0;
  if (n == 0) __asm__ volatile("rsr.ccompare0 %0" : "=a"(value));
  if (n == 1) __asm__ volatile("rsr.ccompare1 %0" : "=a"(value));
  if (n == 2) __asm__ volatile("rsr.ccompare2 %0" : "=a"(value));
  return value;
}
uint32_t xthal_get_interrupt(void) {
  uint32_t value;
  __asm__ volatile("rsr.interrupt %0" : "=a"(value));
  return value;
}
void xthal_set_intclear(uint32_t mask) { __asm__ volatile("wsr.intclear %0" ::"a"(mask)); }
/* Up to three bytes, by whole words only: for memory that takes nothing else. */
void xthal_copy123(void *to, const void *from, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    const uint32_t source = (uint32_t)from + i, target = (uint32_t)to + i;
    const uint32_t byte = REG(source & ~3u) >> (8 * (source & 3)) & 0xff;
    replace_bits(target & ~3u, 0xffu << (8 * (target & 3)), byte << (8 * (target & 3)));
  }
}
void __clear_cache(void *from, void *to) { (void)from, (void)to; }

uint32_t roundup2(uint32_t value, uint32_t power_of_two) { return (value + power_of_two - 1) & -power_of_two; }
uint32_t multofup(uint32_t value, uint32_t unit) { return (value + unit - 1) / unit; }

/* --- chains of DMA descriptors (ESP-IDF, esp32/rom/lldesc.h) --- */
typedef struct lldesc {
  uint32_t config; /* size, length << 12, sosf << 29, eof << 30, owner << 31 */
  const uint8_t *buffer;
  struct lldesc *next;
} lldesc_t;
#define LLDESC_OWNER_HW BIT(31)

static void complain(unsigned line) {
  ets_printf("%s %u\n", "lldesc.c", line);
  for (;;) {
  }
}

/* Descriptors of `block_size` each over a buffer, all owned by the hardware; for reading from memory (`owner` set) with
   their full length. */
void lldesc_build_chain(uint8_t *descriptors, uint32_t size, uint8_t *buffer, uint32_t buffer_size,
                        uint32_t block_size, uint8_t owner, lldesc_t **head, lldesc_t **tail) {
  if ((uint32_t)descriptors & 3) complain(38);
  if ((uint32_t)buffer & 3) complain(39);
  const uint32_t count = buffer_size / block_size;
  if (size / sizeof(lldesc_t) < count) complain(43);
  lldesc_t *d = (lldesc_t *)descriptors;
  *head = d;
  uint32_t i = 0;
  do {
    const uint32_t block = block_size & 0xfff;
    d->config = (d->config & 0x1f000000) | LLDESC_OWNER_HW | (owner ? block << 12 : 0) | block;
    d->buffer = buffer;
    buffer += block_size;
    *tail = d;
    d->next = d + 1;
    ++d;
  } while (++i < count);
  (*tail)->next = NULL;
}

/* The last of the first `count` descriptors. */
lldesc_t *lldesc_num2link(lldesc_t *head, uint16_t count) {
  while (--count) {
    if (!head) complain(78);
    head = head->next;
  }
  return head;
}
lldesc_t *lldesc_set_owner(lldesc_t *head, uint16_t count, uint8_t owner) {
  for (;;) {
    head->config = (head->config & ~LLDESC_OWNER_HW) | (uint32_t)owner << 31;
    if (--count == 0) return head;
    head = head->next;
  }
}
