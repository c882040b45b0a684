/* An HTTP/1.1 server (RFC 9112): the application, which runs on the APP CPU. */
#ifndef ESPALIER_HTTP_SERVER_HTTP_H
#define ESPALIER_HTTP_SERVER_HTTP_H

#include <stdbool.h>
#include <stdint.h>

/* Looks at a connection that has something new: reads what has come and answers it, as far as there is room
   for answers. True if anything has changed that TCP should hear of. */
bool http_serve(unsigned connection);

/* Requests answered since the start. */
extern volatile uint32_t http_requests;

#endif
