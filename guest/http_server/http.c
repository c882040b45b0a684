#include "http.h"

#include "connection.h"
#include "cpu.h"
#include "pages.h"
#include "ping.h"
#include "request.h"
#include "rom.h"
#include "text.h"

enum {
  kLineMax = 1024,       /* of a request's head */
  kHeadMax = 8192,       /* all its lines */
  kAnswerMax = 512,      /* so much room has to be there before a request is looked at */
  kDrainMax = 64 * 1024, /* a body that nobody wants is read up to that, for the connection's sake */
  kChunkOverhead = 16    /* at most, for each chunk that is sent */
};

typedef enum {
  kReadHead,
  kAwaitPing,
  kReadBody,
  kReadChunkSize,
  kReadChunk,
  kReadChunkEnd,
  kReadTrailer
} Stage;

/* One for each connection; belongs to the connection that was the slot's `opened`-th. */
typedef struct {
  uint32_t opened;
  Stage stage;
  bool echoing;  /* the body is sent back; else it is dropped */
  uint32_t left; /* bytes of the body, or of the chunk, still to come */
  Request request;
} Session;

static Session sessions[kConnections];
volatile uint32_t http_requests;

/* --- Input --- */

/* The next line, without its end; null if it is not all there. *taken: bytes to be taken from the ring for
   it. A line that wraps around the ring's end is copied together. */
static const char* find_line(const Ring* rx, uint32_t* length, uint32_t* taken) {
  static char joined[kLineMax];
  const uint32_t used = ring_used(rx), at = rx->tail % kRing;
  const uint32_t first = used < kRing - at ? used : kRing - at;
  const char* line = (const char*)rx->data + at;
  const char* end = memchr(line, '\n', first);
  if (end) {
    *length = (uint32_t)(end - line);
  } else if (first < used && (end = memchr(rx->data, '\n', used - first)) != 0) {
    *length = first + (uint32_t)(end - (const char*)rx->data);
    if (*length > kLineMax) return 0;
    ring_get(rx, rx->tail, joined, *length);
    line = joined;
  } else {
    return 0;
  }
  *taken = *length + 1;
  if (*length != 0 && line[*length - 1] == '\r') --*length;
  return line;
}

/* --- Answers --- */

static void send_text(Connection* c, const char* bytes, uint32_t length) {
  ring_put(&c->tx, c->tx.head, bytes, length);
  memory_barrier();
  c->tx.head += length;
}

static void end(Connection* c) {
  c->closed = c->opened;
}

static void send_head_end(const Request* request, Text* head) {
  if (!request->keep_alive)
    text_add(head, "Connection: close\r\n");
  else if (request->old_version)
    text_add(head, "Connection: keep-alive\r\n");
  text_add(head, "\r\n");
}

static void send_page(Connection* c, const Request* request, const Page* page) {
  char answer[kAnswerMax];
  Text text = {answer, answer + sizeof answer};
  text_add(&text, "HTTP/1.1 ");
  text_add(&text, page->status);
  text_add(&text, "\r\nContent-Type: ");
  text_add(&text, page->type);
  text_add(&text, "\r\nContent-Length: ");
  text_add_number(&text, page->length);
  text_add(&text, "\r\n");
  if (page->allow) {
    text_add(&text, "Allow: ");
    text_add(&text, page->allow);
    text_add(&text, "\r\n");
  }
  send_head_end(request, &text);
  if (request->method != kHead) text_add_bytes(&text, page->body, page->length);
  send_text(c, answer, (uint32_t)(text.at - answer));
}

/* Something that cannot be understood: after the answer nothing more can. */
static void refuse(Connection* c, Session* session, Status status) {
  Page page;
  session->request.keep_alive = false;
  page_for_status(&page, status);
  send_page(c, &session->request, &page);
  end(c);
}

static void next_request(Connection* c, Session* session) {
  if (!session->request.keep_alive) return end(c);
  session->stage = kReadHead;
  memset(&session->request, 0, offsetof(Request, argument));
}

static void start_echo(Connection* c, Session* session) {
  const Request* request = &session->request;
  char answer[kAnswerMax];
  Text text = {answer, answer + sizeof answer};
  if (request->expects_continue) text_add(&text, "HTTP/1.1 100 Continue\r\n\r\n");
  text_add(&text, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n");
  if (request->chunked) {
    text_add(&text, "Transfer-Encoding: chunked\r\n");
  } else {
    text_add(&text, "Content-Length: ");
    text_add_number(&text, request->body_length);
    text_add(&text, "\r\n");
  }
  send_head_end(request, &text);
  send_text(c, answer, (uint32_t)(text.at - answer));
  session->echoing = true;
}

/* The answer is on its way, or begun: what comes next is the body. */
static void go_on(Connection* c, Session* session) {
  const Request* request = &session->request;
  session->left = request->body_length;
  if (request->chunked)
    session->stage = kReadChunkSize;
  else if (session->left != 0)
    session->stage = kReadBody;
  else
    next_request(c, session);
}

/* The head is complete: answers it, and says how to go on. */
static void answer(Connection* c, Session* session) {
  Request* request = &session->request;
  Page page;
  ++http_requests;
  if (request->chunked) request->body_length = 0; /* it would be a lie */
  session->echoing = false;
  const PageKind kind = page_for_request(&page, request);
  if (kind == kPageEcho) {
    if (!request->chunked && !request->has_body_length) return refuse(c, session, 411);
    start_echo(c, session);
    return go_on(c, session);
  }
  /* A client that waits before it sends the body will not send it now; a long one is not worth reading. */
  if (request->expects_continue || request->body_length > kDrainMax) request->keep_alive = false;
  if (kind == kPagePing) {
    ping_ask((unsigned)(c - connections), request->argument);
    session->stage = kAwaitPing;
    return;
  }
  send_page(c, request, &page);
  if (!request->keep_alive) return end(c);
  go_on(c, session);
}

/* --- Reading. Each takes what it can from the ring; false if there is nothing it can take. --- */

static bool read_head(Connection* c, Session* session) {
  Request* request = &session->request;
  if (ring_room(&c->tx) < kAnswerMax) return false;
  for (;;) {
    uint32_t length, taken;
    const char* line = find_line(&c->rx, &length, &taken);
    if (!line) {
      if (ring_used(&c->rx) < kLineMax) return false;
      refuse(c, session, request->has_request_line ? 431 : 414);
      return true;
    }
    Status status = 0;
    request->head_length += taken;
    if (request->head_length > kHeadMax)
      status = 431;
    else if (length == 0 && request->has_request_line) {
      c->rx.tail += taken;
      answer(c, session);
      return true;
    } else if (length != 0) /* empty lines before a request are nothing (RFC 9112, 2.2) */
      status = request->has_request_line ? request_parse_field(request, line, length)
                                         : request_parse_line(request, line, length, page_find);
    c->rx.tail += taken;
    if (status != 0) {
      refuse(c, session, status);
      return true;
    }
  }
}

/* Moves up to `left` bytes of body on; as many as there are and as the answer has room for. */
static bool read_data(Connection* c, Session* session, uint32_t overhead) {
  const uint32_t at = c->rx.tail % kRing;
  uint32_t length = ring_used(&c->rx);
  if (length > session->left) length = session->left;
  if (length > kRing - at) length = kRing - at;
  if (session->echoing) {
    const uint32_t room = ring_room(&c->tx);
    if (room <= overhead) return false;
    if (length > room - overhead) length = room - overhead;
  }
  if (length == 0) return false;
  if (session->echoing) {
    if (overhead != 0) {
      char size[kChunkOverhead];
      Text text = {size, size + sizeof size};
      text_add_digits(&text, length, 16, 4);
      text_add(&text, "\r\n");
      send_text(c, size, (uint32_t)(text.at - size));
    }
    send_text(c, (const char*)c->rx.data + at, length);
    if (overhead != 0) send_text(c, "\r\n", 2);
  }
  memory_barrier();
  c->rx.tail += length;
  session->left -= length;
  return true;
}

static bool read_body(Connection* c, Session* session) {
  if (!read_data(c, session, 0)) return false;
  if (session->left == 0) next_request(c, session);
  return true;
}

static bool read_chunk(Connection* c, Session* session) {
  if (!read_data(c, session, kChunkOverhead)) return false;
  if (session->left == 0) session->stage = kReadChunkEnd;
  return true;
}

/* The lines of the chunked coding (RFC 9112, 7.1): a chunk's size and what may follow it, the end of its
   data, and the fields behind the last one. */
static bool read_chunk_line(Connection* c, Session* session) {
  uint32_t length, taken;
  if (session->stage == kReadTrailer && ring_room(&c->tx) < kChunkOverhead) return false;
  const char* line = find_line(&c->rx, &length, &taken);
  if (!line) {
    if (ring_used(&c->rx) < kLineMax) return false;
    end(c);
    return true;
  }
  uint32_t size = 0, digits = 0;
  while (digits < length && digits < 8) {
    const char digit = line[digits], low = (char)(digit | 0x20);
    if (digit >= '0' && digit <= '9')
      size = size << 4 | (uint32_t)(digit - '0');
    else if (low >= 'a' && low <= 'f')
      size = size << 4 | (uint32_t)(low - 'a' + 10);
    else
      break;
    ++digits;
  }
  c->rx.tail += taken;
  switch (session->stage) {
    case kReadChunkSize:
      if (digits == 0) end(c); /* the answer has begun: there is no way to say what is wrong */
      session->left = size;
      session->stage = size == 0 ? kReadTrailer : kReadChunk;
      break;
    case kReadChunkEnd:
      if (length != 0) end(c);
      session->stage = kReadChunkSize;
      break;
    default:
      if (length != 0) break;
      if (session->echoing) send_text(c, "0\r\n\r\n", 5);
      next_request(c, session);
  }
  return true;
}

/* Room for the answer has been there since the head was read. */
static bool await_ping(Connection* c, Session* session) {
  const unsigned connection = (unsigned)(c - connections);
  if (!ping_answered(connection)) return false;
  Page page;
  page_for_ping(&page, &pings[connection]);
  send_page(c, &session->request, &page);
  if (session->request.keep_alive)
    go_on(c, session);
  else
    end(c);
  return true;
}

static bool read_some(Connection* c, Session* session) {
  switch (session->stage) {
    case kAwaitPing:
      return await_ping(c, session);
    case kReadHead:
      return read_head(c, session);
    case kReadBody:
      return read_body(c, session);
    case kReadChunk:
      return read_chunk(c, session);
    default:
      return read_chunk_line(c, session);
  }
}

bool http_serve(unsigned index) {
  Connection* c = &connections[index];
  Session* session = &sessions[index];
  if (c->closed == c->opened) return false;
  if (session->opened != c->opened) {
    memset(session, 0, sizeof *session);
    session->opened = c->opened;
  }
  const bool ended = c->rx_ended; /* before the ring is looked at: what has come before the end is answered */
  memory_barrier();
  const uint32_t taken = c->rx.tail, sent = c->tx.head;
  bool more = !c->aborted;
  while (more && c->closed != c->opened) more = read_some(c, session);
  /* At the end of input, what is left in the ring is no whole request, unless it was room for the answer that
     was missing: TCP tells us when there is more. */
  const bool stuck = ended && ring_room(&c->tx) >= kAnswerMax && session->stage != kAwaitPing;
  if (c->closed != c->opened && (c->aborted || stuck)) end(c);
  return c->closed == c->opened || c->rx.tail != taken || c->tx.head != sent;
}
