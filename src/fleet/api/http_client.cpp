#include "fleet/api/http_client.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "base/unix_socket.h"

namespace espalier::fleet::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using Code = beast::error_code;
using SocketStream = beast::basic_stream<asio::generic::stream_protocol>;

std::unexpected<std::string> failed(const Endpoint& endpoint, std::string_view why) {
  return std::unexpected(fmt::format("{}: {}", endpoint.name(), why));
}

std::expected<SocketStream, std::string> connect_to(asio::io_context& io, const Endpoint& endpoint) {
  const auto fd = endpoint.is_unix() ? base::connect_unix(endpoint.path) : base::connect_tcp(endpoint.tcp);
  if (!fd) return failed(endpoint, fd.error());
  const int family = endpoint.is_unix()                                    ? AF_UNIX
                     : endpoint.tcp.address.find(':') != std::string::npos ? AF_INET6
                                                                           : AF_INET;
  SocketStream socket(io);
  socket.socket().assign(asio::generic::stream_protocol(family, 0), *fd);
  return socket;
}

// Runs one operation to its end, and not what is left of timers behind it.
template <class Start>
Code wait_for(asio::io_context& io, Start start) {
  std::optional<Code> result;
  start([&result](Code error, auto...) { result = error; });
  io.restart();
  while (!result && io.run_one() != 0) {
  }
  return result.value_or(asio::error::operation_aborted);
}

std::string host_of(const Endpoint& endpoint) {
  return endpoint.is_unix() ? "localhost" : endpoint.tcp.name();
}

template <class Message>
void set_common(Message& message, const Endpoint& endpoint) {
  message.set(http::field::host, host_of(endpoint));
  message.set(http::field::user_agent, "espalier");
  if (!endpoint.token.empty()) message.set(http::field::authorization, "Bearer " + endpoint.token);
}

template <class Message>
Answer answer_of(const Message& message) {
  Answer answer{.status = message.result_int()};
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    answer.headers.insert_or_assign(std::move(name), std::string(field.value()));
  }
  return answer;
}

}  // namespace

std::string Answer::error() const {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("detail") && json["detail"].is_string())
    return json["detail"].get<std::string>();
  return fmt::format("HTTP status {}", status);
}

std::expected<Answer, std::string> Client::request(std::string_view method, std::string_view target,
                                                   std::string body) const {
  asio::io_context io{1};
  auto socket = connect_to(io, endpoint_);
  if (!socket) return std::unexpected(socket.error());
  http::request<http::string_body> request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target({target.data(), target.size()});
  set_common(request, endpoint_);
  request.keep_alive(false);
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  socket->expires_after(timeout_);
  // A server that refuses the request may answer before it has read all of it: what it says is what counts.
  const Code write_error =
      wait_for(io, [&](auto done) { http::async_write(*socket, request, std::move(done)); });
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  if (method == "HEAD") parser.skip(true);
  socket->expires_after(timeout_);
  const Code error =
      wait_for(io, [&](auto done) { http::async_read(*socket, buffer, parser, std::move(done)); });
  if (error) return failed(endpoint_, (write_error ? write_error : error).message());
  Answer answer = answer_of(parser.get());
  answer.body = std::move(parser.get().body());
  return answer;
}

std::expected<Answer, std::string> Client::stream(std::string_view target, OnBytes on_bytes) const {
  asio::io_context io{1};
  auto socket = connect_to(io, endpoint_);
  if (!socket) return std::unexpected(socket.error());
  http::request<http::empty_body> request{http::verb::get, {target.data(), target.size()}, 11};
  set_common(request, endpoint_);
  request.keep_alive(false);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  socket->expires_after(timeout_);
  Code error = wait_for(io, [&](auto done) { http::async_write(*socket, request, std::move(done)); });
  if (!error)
    error =
        wait_for(io, [&](auto done) { http::async_read_header(*socket, buffer, parser, std::move(done)); });
  if (error) return failed(endpoint_, error.message());
  Answer answer = answer_of(parser.get());
  if (answer.ok()) socket->expires_never();
  std::array<char, 16384> piece;
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    body.more = true;
    error = wait_for(io, [&](auto done) { http::async_read_some(*socket, buffer, parser, std::move(done)); });
    const std::string_view bytes(piece.data(), piece.size() - body.size);
    if (answer.ok()) {
      if (!bytes.empty() && !on_bytes(bytes)) return answer;
    } else {
      answer.body += bytes;
    }
    if (error && error != http::error::need_buffer)
      return failed(endpoint_, error == http::error::partial_message || error == http::error::end_of_stream
                                   ? "the server has ended the answer in the middle"
                                   : error.message());
  }
  return answer;
}

class SocketClient::Impl {
 public:
  Impl(const Endpoint& endpoint, Callbacks callbacks)
      : endpoint_(endpoint), callbacks_(std::move(callbacks)) {}

  ~Impl() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      {
        const std::lock_guard lock(mutex_);
        if (std::exchange(ended_, true)) return;
      }
      leaving_.emplace(io_);
      leaving_->expires_after(std::chrono::seconds(1));
      leaving_->async_wait([this](Code error) {
        if (!error) beast::get_lowest_layer(*socket_).close();
      });
      // While a write is stuck the close waits behind it, and only the timer helps.
      socket_->async_close(websocket::close_code::normal, [this](Code) {
        leaving_->cancel();
        beast::get_lowest_layer(*socket_).close();
      });
    });
    thread_.join();
  }

  std::expected<void, std::string> connect(std::string_view target, std::chrono::milliseconds timeout) {
    auto socket = connect_to(io_, endpoint_);
    if (!socket) return std::unexpected(socket.error());
    socket_.emplace(std::move(*socket));
    beast::get_lowest_layer(*socket_).expires_never();
    auto limits = websocket::stream_base::timeout::suggested(beast::role_type::client);
    limits.handshake_timeout = timeout;
    socket_->set_option(limits);
    socket_->set_option(websocket::stream_base::decorator(
        [this](websocket::request_type& request) { set_common(request, endpoint_); }));
    socket_->binary(true);
    websocket::response_type response;
    const Code error = wait_for(io_, [&](auto done) {
      socket_->async_handshake(response, host_of(endpoint_), {target.data(), target.size()}, std::move(done));
    });
    if (error == websocket::error::upgrade_declined) {
      const Answer answer{.status = response.result_int(), .body = response.body()};
      return failed(endpoint_, answer.error());
    }
    if (error) return failed(endpoint_, error.message());
    io_.restart();
    read();
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  bool send(std::string_view bytes) {
    bool written = false;
    std::unique_lock lock(mutex_);
    if (ended_) return false;
    asio::post(io_, [this, &written, copy = std::string(bytes)]() mutable {
      piece_ = std::move(copy);
      socket_->async_write(asio::buffer(std::as_const(piece_)), [this, &written](Code error, std::size_t) {
        if (error) end();
        const std::lock_guard inner(mutex_);
        written = true;
        changed_.notify_all();
      });
    });
    changed_.wait(lock, [&] { return written; });
    return !ended_;
  }

 private:
  void read() {
    socket_->async_read(buffer_, [this](Code error, std::size_t) {
      if (error) return end();
      const auto data = buffer_.cdata();
      if (callbacks_.on_bytes) callbacks_.on_bytes({static_cast<const char*>(data.data()), data.size()});
      buffer_.clear();
      read();
    });
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
    }
    beast::get_lowest_layer(*socket_).close();
    if (callbacks_.on_end) callbacks_.on_end();
  }

  const Endpoint endpoint_;
  const Callbacks callbacks_;
  asio::io_context io_{1};
  std::optional<websocket::stream<SocketStream>> socket_;
  std::optional<asio::steady_timer> leaving_;
  beast::flat_buffer buffer_;
  std::string piece_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

SocketClient::SocketClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SocketClient::~SocketClient() = default;

std::expected<std::unique_ptr<SocketClient>, std::string> SocketClient::connect(
    const Endpoint& endpoint, std::string_view target, Callbacks callbacks,
    std::chrono::milliseconds timeout) {
  auto impl = std::make_unique<Impl>(endpoint, std::move(callbacks));
  if (auto connected = impl->connect(target, timeout); !connected) return std::unexpected(connected.error());
  return std::unique_ptr<SocketClient>(new SocketClient(std::move(impl)));
}

bool SocketClient::send(std::string_view bytes) {
  return impl_->send(bytes);
}

}  // namespace espalier::fleet::api
