/* What the server has to offer. */
#ifndef ESPALIER_HTTP_SERVER_PAGES_H
#define ESPALIER_HTTP_SERVER_PAGES_H

#include "request.h"

enum { kPageBodyMax = 256 };

typedef struct {
  const char* status; /* "200 OK" */
  const char *type, *allow;
  const char* body; /* may be `buffer` */
  uint32_t length;
  char buffer[kPageBodyMax];
} Page;

/* The resource that a path names, for Request's `resource`. */
uint8_t page_find(const char* path, uint32_t length);

typedef enum { kPageReady, kPageEcho /* the request's body */ } PageKind;
PageKind page_for_request(Page* page, const Request* request);
void page_for_status(Page* page, Status status);

#endif
