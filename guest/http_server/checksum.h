/* The Internet checksum (RFC 1071). Sums are kept as they lie in memory, byte order and all. */
#ifndef ESPALIER_HTTP_SERVER_CHECKSUM_H
#define ESPALIER_HTTP_SERVER_CHECKSUM_H

#include <stdint.h>

/* Adds `length` bytes from `data`, an even address. Where one call's end is the next one's beginning, the
   length is even. */
uint32_t checksum_add(uint32_t sum, const void* data, uint32_t length);

/* What goes into the field; 0 over data that includes a right one. */
static inline uint16_t checksum_finish(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum += sum >> 16;
  return (uint16_t)~sum;
}

/* TCP's and UDP's pseudo-header; the addresses as numbers. */
uint32_t checksum_pseudo(uint32_t from, uint32_t to, uint8_t protocol, uint32_t length);

#endif
