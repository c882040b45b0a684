#include "pages.h"

#include "connection.h"
#include "cpu.h"
#include "http.h"
#include "net.h"
#include "rom.h"
#include "text.h"
#include "time.h"

static void hello(Page* page) {
  page->type = "text/plain";
  page->body = "Hello World!";
  page->length = strlen(page->body);
}

static void add_address(Text* text, uint32_t address) {
  for (unsigned i = 0; i < 4; ++i) {
    if (i != 0) text_add(text, ".");
    text_add_number(text, address >> (24 - 8 * i) & 255);
  }
}

static void status(Page* page) {
  Text text = {page->buffer, page->buffer + sizeof page->buffer};
  const uint64_t us = time_us();
  const uint32_t ms = (uint32_t)(us / 1000);
  text_add(&text, "{\"uptime\":");
  text_add_number(&text, ms / 1000);
  text_add(&text, ".");
  text_add_digits(&text, ms % 1000, 10, 3);
  text_add(&text, ",\"mac\":\"");
  for (unsigned i = 0; i < sizeof net.mac.byte; ++i) {
    if (i != 0) text_add(&text, ":");
    text_add_digits(&text, net.mac.byte[i], 16, 2);
  }
  text_add(&text, "\",\"address\":\"");
  add_address(&text, net.address);
  text_add(&text, "\",\"requests\":");
  text_add_number(&text, http_requests);
  text_add(&text, ",\"core\":");
  text_add_number(&text, core_id());
  text_add(&text, "}\n");
  page->type = "application/json";
  page->length = (uint32_t)(text.at - page->buffer);
}

/* The first entry stands for every path that is none of the others. A path that ends with a slash goes on
   with an argument. */
static const struct {
  const char *path, *allow;
  PageKind kind;
  void (*show)(Page* page);
} resources[] = {
    {"", "", kPageReady, 0},
    {"/hello", "GET, HEAD", kPageReady, hello},
    {"/status", "GET, HEAD", kPageReady, status},
    {"/echo", "POST", kPageEcho, 0},
    {"/ping/", "GET, HEAD", kPagePing, 0},
};
enum { kResources = sizeof resources / sizeof *resources };

uint8_t page_find(const char* path, uint32_t length, char* argument) {
  for (uint8_t i = 1; i < kResources; ++i) {
    const uint32_t own = strlen(resources[i].path);
    if (length < own || memcmp(path, resources[i].path, own) != 0) continue;
    if (length == own) {
      *argument = 0;
      return i;
    }
    if (resources[i].path[own - 1] != '/' || length - own > kArgumentMax) continue;
    memcpy(argument, path + own, length - own);
    argument[length - own] = 0;
    return i;
  }
  return 0;
}

void page_for_status(Page* page, Status number) {
  static const struct {
    Status number;
    const char* line;
  } lines[] = {{200, "200 OK"},
               {404, "404 Not Found"},
               {405, "405 Method Not Allowed"},
               {411, "411 Length Required"},
               {413, "413 Content Too Large"},
               {414, "414 URI Too Long"},
               {417, "417 Expectation Failed"},
               {431, "431 Request Header Fields Too Large"},
               {504, "504 Gateway Timeout"},
               {501, "501 Not Implemented"},
               {505, "505 HTTP Version Not Supported"}};
  page->status = "400 Bad Request";
  for (unsigned i = 0; i < sizeof lines / sizeof *lines; ++i)
    if (lines[i].number == number) page->status = lines[i].line;
  page->type = "text/plain";
  page->allow = 0;
  page->body = page->status;
  page->length = strlen(page->body);
}

PageKind page_for_request(Page* page, const Request* request) {
  if (request->resource == 0) {
    page_for_status(page, 404);
    return kPageReady;
  }
  const bool posts = request->method == kPost, gets = request->method == kGet || request->method == kHead;
  const PageKind kind = resources[request->resource].kind;
  if (kind == kPageEcho ? !posts : !gets) {
    page_for_status(page, 405);
    page->allow = resources[request->resource].allow;
    return kPageReady;
  }
  if (kind != kPageReady) return kind;
  page->status = "200 OK";
  page->allow = 0;
  page->body = page->buffer;
  resources[request->resource].show(page);
  return kPageReady;
}

void page_for_ping(Page* page, const Ping* ping) {
  if (ping->result != kPingAnswered) return page_for_status(page, ping->result == kPingUnknown ? 404 : 504);
  Text text = {page->buffer, page->buffer + sizeof page->buffer};
  text_add(&text, "{\"name\":\"");
  text_add(&text, ping->name);
  text_add(&text, "\",\"address\":\"");
  add_address(&text, ping->address);
  text_add(&text, "\",\"us\":");
  text_add_number(&text, ping->us);
  text_add(&text, "}\n");
  page->status = "200 OK";
  page->type = "application/json";
  page->allow = 0;
  page->body = page->buffer;
  page->length = (uint32_t)(text.at - page->buffer);
}
