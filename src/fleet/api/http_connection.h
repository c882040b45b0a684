// One connection of the HTTP server. For http_server.cpp and the two kinds of connections.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <string>

#include "fleet/api/http_server.h"

namespace espalier::fleet::api {

class Connection;

// What the connections of a server share. Belongs to the server's thread, but for `pool`.
struct ServerContext {
  using Socket = boost::asio::generic::stream_protocol::socket;

  const Router& router;
  const ServerOptions& options;
  std::map<Connection*, std::weak_ptr<Connection>> connections{};
  bool stopping = false;
  // The handlers' threads. Behind the connections: their sockets need it to the end.
  boost::asio::io_context io{1};
  boost::asio::thread_pool pool;
};

// Kept alive by its pending operations; all but the constructor is for the server's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(ServerContext& context) : context_(context) {}
  virtual ~Connection() { context_.connections.erase(this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void enlist() { context_.connections.emplace(this, weak_from_this()); }
  // The server stops: ends as soon as the answer under way is out.
  virtual void finish() = 0;
  // Ends now.
  virtual void abort() = 0;

 protected:
  ServerContext& context_;
};

// `token`: what the client has to know; empty: nothing.
void start_http(ServerContext& context, ServerContext::Socket socket, const std::string& token);

}  // namespace espalier::fleet::api
