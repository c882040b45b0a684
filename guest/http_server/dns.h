/* Names to addresses (RFC 1035): questions, answers, and addresses as text. */
#ifndef ESPALIER_HTTP_SERVER_DNS_H
#define ESPALIER_HTTP_SERVER_DNS_H

#include <stdbool.h>
#include <stdint.h>

enum { kDnsPort = 53 };

/* Whether it can be asked for: labels of 1 to 63 letters, digits, hyphens and underscores. */
bool dns_is_name(const char* name);
/* "10.0.2.15" */
bool dns_parse_address(const char* text, uint32_t* address);
/* Writes the question for a name's address; how long it is. */
unsigned dns_question(uint8_t* message, uint16_t number, const char* name);
/* Reads an answer; *address is 0 if there is none of that name. False: it is no answer, or its server has
   failed. */
bool dns_answer(const uint8_t* message, unsigned length, uint16_t* number, uint32_t* address);

#endif
