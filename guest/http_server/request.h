/* The head of an HTTP request, read line by line (RFC 9112, sections 2 to 6). */
#ifndef ESPALIER_HTTP_SERVER_REQUEST_H
#define ESPALIER_HTTP_SERVER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

enum { kArgumentMax = 63 };

typedef enum { kGet, kHead, kPost, kOtherMethod } Method;

typedef struct {
  Method method;
  uint8_t resource; /* an index of http.c's */
  bool has_request_line;
  bool keep_alive;
  bool old_version; /* HTTP/1.0 */
  bool chunked;     /* the body comes in chunks, else it has `body_length` bytes */
  bool has_body_length;
  bool expects_continue;
  uint32_t body_length;
  uint32_t head_length;            /* bytes so far */
  char argument[kArgumentMax + 1]; /* what the path has behind the resource's; not cleared with the rest */
} Request;

/* What is wrong with a line: an HTTP status, 0 for nothing. */
typedef uint16_t Status;

/* `find_resource` gets the path, without query; `argument` has room for kArgumentMax characters and a zero.
 */
Status request_parse_line(Request* request, const char* line, uint32_t length,
                          uint8_t (*find_resource)(const char* path, uint32_t length, char* argument));
/* A header field's line, not the empty one. */
Status request_parse_field(Request* request, const char* line, uint32_t length);

#endif
