// What a handler of the HTTP server gets and gives: plain values, and nothing of the library beneath.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/api/http_stream.h"

namespace espalier::fleet::api {

using Fields = std::map<std::string, std::string, std::less<>>;

struct Request {
  std::string method;   // "GET"; HEAD comes as GET
  std::string path;     // as it was sent, without the query
  Fields query{};       // decoded
  Fields parameters{};  // what the {NAME}s of the route's pattern stand for, decoded
  Fields headers{};     // names in lower case
  std::string body{};
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  // Where there is one, the answer is what is sent into it; `body` comes first. On a route for WebSockets it
  // is both ways of the socket.
  std::shared_ptr<Stream> stream{};
};

using Handler = std::function<Response(const Request&)>;

// An error as RFC 9457 has it: application/problem+json with type, title (the status's name), status and
// detail.
Response problem(unsigned status, std::string_view detail);
// The name of a status: "Not Found".
std::string_view status_name(unsigned status);

}  // namespace espalier::fleet::api
