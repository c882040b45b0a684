// An HTTP/1.1 server with a thread of its own and some more for the handlers: on a Unix socket that only its
// owner may use, or on TCP for who knows a token. A request that is malformed, too long or too slow costs its
// sender the connection and nobody else anything.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fleet/api/endpoint.h"
#include "fleet/api/http_router.h"

namespace espalier::fleet::api {

// An answer that has gone out.
struct Served {
  std::string method;
  std::string route;  // its pattern; empty where there is none
  unsigned status;
  std::chrono::nanoseconds time;  // from the end of its header to the end of the answer, or a stream's start
};

struct ServerOptions {
  std::size_t header_limit = 16 << 10;  // bytes of a request's line and fields
  std::size_t body_limit = 1 << 20;     // bytes of a request's body, and of a WebSocket's message
  std::size_t connections = 1024;       // further ones are answered with 503
  unsigned handler_threads = 4;         // how many handlers may run at once
  std::chrono::milliseconds request_timeout{10'000};  // from a request's first byte to its last
  std::chrono::milliseconds idle_timeout{60'000};     // between requests
  std::chrono::milliseconds write_timeout{30'000};    // for 64 KiB of an answer
  std::chrono::milliseconds heartbeat{15'000};        // of streams that have one
  std::chrono::milliseconds grace{1'000};             // for answers under way, when the server stops
  std::function<void(const Served&)> on_served{};     // called by the server's thread
};

class Server {
 public:
  // Listens at each of `endpoints` and answers by `router`, whose handlers are called by several threads.
  // Otherwise one line that names the endpoint and what is wrong with it.
  static std::expected<std::unique_ptr<Server>, std::string> start(Router router,
                                                                   std::vector<Endpoint> endpoints,
                                                                   ServerOptions options = {});
  // Answers what has been asked, ends the streams, and removes the Unix socket's file.
  ~Server();

  // With the ports that were bound.
  const std::vector<Endpoint>& endpoints() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier::fleet::api
