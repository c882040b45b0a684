/* The head of an HTTP request, read line by line (RFC 9112, sections 2 to 6). */
#ifndef ESPALIER_HTTP_SERVER_REQUEST_H
#define ESPALIER_HTTP_SERVER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

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
  uint32_t head_length; /* bytes so far */
} Request;

/* What is wrong with a line: an HTTP status, 0 for nothing. */
typedef uint16_t Status;

/* `find_resource` gets the path, without query. */
Status request_parse_line(Request* request, const char* line, uint32_t length,
                          uint8_t (*find_resource)(const char* path, uint32_t length));
/* A header field's line, not the empty one. */
Status request_parse_field(Request* request, const char* line, uint32_t length);

#endif
