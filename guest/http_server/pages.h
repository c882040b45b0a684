/* What the server has to offer. */
#ifndef ESPALIER_HTTP_SERVER_PAGES_H
#define ESPALIER_HTTP_SERVER_PAGES_H

#include "ping.h"
#include "request.h"

enum { kPageBodyMax = 256 };

typedef struct {
  const char* status; /* "200 OK" */
  const char *type, *allow;
  const char* body; /* may be `buffer` */
  uint32_t length;
  char buffer[kPageBodyMax];
} Page;

/* The resource that a path names, for Request's `resource` and `argument`. */
uint8_t page_find(const char* path, uint32_t length, char* argument);

typedef enum { kPageReady, kPageEcho /* the request's body */, kPagePing /* of its argument */ } PageKind;
PageKind page_for_request(Page* page, const Request* request);
void page_for_status(Page* page, Status status);
/* Of a ping that has been answered. */
void page_for_ping(Page* page, const Ping* ping);

#endif
