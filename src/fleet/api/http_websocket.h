// A connection that has become a WebSocket. For http_connection.cpp.
#pragma once

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>

#include "fleet/api/http_connection.h"

namespace espalier::fleet::api {

using SocketStream = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;
using BeastRequest = boost::beast::http::request<boost::beast::http::string_body>;

// Answers `request`, which asks for it. `accepted` is called when the answer is out.
void start_websocket(ServerContext& context, SocketStream socket, BeastRequest request,
                     std::shared_ptr<Stream> stream, std::function<void()> accepted);

}  // namespace espalier::fleet::api
