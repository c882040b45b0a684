#include "request.h"

#include "rom.h"

static bool is(const char* text, uint32_t length, const char* word) {
  return length == strlen(word) && memcmp(text, word, length) == 0;
}
static bool is_ignoring_case(const char* text, uint32_t length, const char* word) {
  return length == strlen(word) && strncasecmp(text, word, length) == 0;
}

static Method method_of(const char* text, uint32_t length) {
  if (is(text, length, "GET")) return kGet;
  if (is(text, length, "HEAD")) return kHead;
  if (is(text, length, "POST")) return kPost;
  return kOtherMethod;
}

/* "http://host/path", as a proxy is asked, means "/path". */
static void skip_authority(const char** target, uint32_t* length) {
  static const char kScheme[] = "http://";
  const uint32_t scheme = sizeof kScheme - 1;
  if (*length <= scheme || strncasecmp(*target, kScheme, scheme) != 0) return;
  const char* path = memchr(*target + scheme, '/', *length - scheme);
  if (!path) return;
  *length -= (uint32_t)(path - *target);
  *target = path;
}

Status request_parse_line(Request* request, const char* line, uint32_t length,
                          uint8_t (*find_resource)(const char* path, uint32_t length, char* argument)) {
  static const char kVersion[] = "HTTP/1.";
  const uint32_t version_length = sizeof kVersion; /* with its last digit */
  const char* end = line + length;
  const char* space = memchr(line, ' ', length);
  if (!space || space == line) return 400;
  const char* target = space + 1;
  space = memchr(target, ' ', (uint32_t)(end - target));
  if (!space || space == target) return 400;
  const char* version = space + 1;
  if ((uint32_t)(end - version) != version_length || memcmp(version, "HTTP/", 5) != 0) return 400;
  if (memcmp(version, kVersion, version_length - 1) != 0) return 505;
  request->old_version = end[-1] == '0';
  request->keep_alive = !request->old_version;
  request->method = method_of(line, (uint32_t)(target - 1 - line));

  uint32_t target_length = (uint32_t)(space - target);
  skip_authority(&target, &target_length);
  const char* query = memchr(target, '?', target_length);
  request->resource =
      find_resource(target, query ? (uint32_t)(query - target) : target_length, request->argument);
  request->has_request_line = true;
  return 0;
}

static Status take_length(Request* request, const char* value, uint32_t length) {
  if (length == 0 || length > 9) return length == 0 ? 400 : 413;
  uint32_t number = 0;
  for (uint32_t i = 0; i < length; ++i) {
    if (value[i] < '0' || value[i] > '9') return 400;
    number = number * 10 + (uint32_t)(value[i] - '0');
  }
  if (request->has_body_length && request->body_length != number) return 400;
  request->has_body_length = true;
  request->body_length = number;
  return 0;
}

/* A list of words, separated by commas. */
static void take_connection(Request* request, const char* value, uint32_t length) {
  while (length != 0) {
    const char* comma = memchr(value, ',', length);
    uint32_t word = comma ? (uint32_t)(comma - value) : length;
    const uint32_t step = comma ? word + 1 : word;
    const char* at = value;
    while (word != 0 && (*at == ' ' || *at == '\t')) ++at, --word;
    while (word != 0 && (at[word - 1] == ' ' || at[word - 1] == '\t')) --word;
    if (is_ignoring_case(at, word, "close")) request->keep_alive = false;
    if (is_ignoring_case(at, word, "keep-alive") && request->old_version) request->keep_alive = true;
    value += step;
    length -= step;
  }
}

Status request_parse_field(Request* request, const char* line, uint32_t length) {
  /* Of the fields that clients send, few begin with the letters of those that matter here. */
  switch (line[0] | 0x20) {
    case 'c':
    case 't':
    case 'e':
      break;
    default:
      return line[0] == ' ' || line[0] == '\t' || !memchr(line, ':', length) ? 400 : 0;
  }
  const char* colon = memchr(line, ':', length);
  if (!colon || colon[-1] == ' ' || colon[-1] == '\t') return 400;
  const uint32_t name = (uint32_t)(colon - line);
  const char* value = colon + 1;
  uint32_t value_length = length - name - 1;
  while (value_length != 0 && (*value == ' ' || *value == '\t')) ++value, --value_length;
  while (value_length != 0 && (value[value_length - 1] == ' ' || value[value_length - 1] == '\t'))
    --value_length;

  if (is_ignoring_case(line, name, "content-length")) return take_length(request, value, value_length);
  if (is_ignoring_case(line, name, "connection")) take_connection(request, value, value_length);
  if (is_ignoring_case(line, name, "transfer-encoding")) {
    if (!is_ignoring_case(value, value_length, "chunked")) return 501;
    request->chunked = true;
  }
  if (is_ignoring_case(line, name, "expect")) {
    if (!is_ignoring_case(value, value_length, "100-continue")) return 417;
    request->expects_continue = true;
  }
  return 0;
}
