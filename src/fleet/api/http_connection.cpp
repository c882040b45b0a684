#include "fleet/api/http_connection.h"

#include <openssl/crypto.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "fleet/api/http_websocket.h"

namespace espalier::fleet::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Clock = std::chrono::steady_clock;
using Code = beast::error_code;

constexpr std::size_t kPiece = 65536;
// How much of a request that has been refused is read on, so that its sender gets to read why.
constexpr std::size_t kMostDrained = 4 << 20;
constexpr std::chrono::seconds kLongestDrain{2};

// The time that it takes tells nothing but the length.
bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_string(beast::string_view text) {
  return {text.data(), text.size()};
}

unsigned status_of(const Code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  return 400;
}

class HttpConnection final : public Connection {
 public:
  HttpConnection(ServerContext& context, ServerContext::Socket socket, const std::string& token)
      : Connection(context), socket_(std::move(socket)), token_(token), heartbeat_(context.io) {}
  ~HttpConnection() override {
    if (stream_) stream_->detach();
  }

  // Waits for the first byte of a request.
  void next() {
    if (context_.stopping) return abort();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(context_.options.header_limit));
    parser_->body_limit(context_.options.body_limit);
    phase_ = Phase::kIdle;
    route_.reset();
    if (buffer_.size() != 0) return read_header();
    socket_.expires_after(context_.options.idle_timeout);
    socket_.async_read_some(buffer_.prepare(4096), [self = me()](Code error, std::size_t size) {
      if (error) return self->abort();
      self->buffer_.commit(size);
      self->read_header();
    });
  }

  void finish() override {
    if (phase_ == Phase::kIdle) return abort();
    if (stream_) stream_->finish();
  }

  void abort() override {
    phase_ = Phase::kClosed;
    heartbeat_.cancel();
    if (stream_) stream_->detach();
    socket_.close();
  }

 private:
  enum class Phase : std::uint8_t { kIdle, kRequest, kStream, kClosed };

  std::shared_ptr<HttpConnection> me() {
    return std::static_pointer_cast<HttpConnection>(shared_from_this());
  }

  void read_header() {
    phase_ = Phase::kRequest;
    socket_.expires_after(context_.options.request_timeout);
    http::async_read_header(socket_, buffer_, *parser_, [self = me()](Code error, std::size_t) {
      if (!error) return self->on_header();
      self->refuse(error);
    });
  }

  void on_header() {
    asked_ = Clock::now();
    const auto& request = parser_->get();
    if (!authorized(request)) {
      // No body is read from strangers, and none of their paths is looked at, but for what is open to all.
      Response response = problem(401, "the API wants its token: Authorization: Bearer TOKEN");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      return respond(std::move(response), Then::kDrain);
    }
    if (beast::iequals(request[http::field::expect], "100-continue") && request.version() >= 11) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      return asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                               [self = me()](Code error, std::size_t) {
                                 if (error) return self->abort();
                                 self->read_body();
                               });
    }
    read_body();
  }

  void read_body() {
    http::async_read(socket_, buffer_, *parser_, [self = me()](Code error, std::size_t) {
      if (!error) return self->dispatch();
      self->refuse(error);
    });
  }

  void refuse(const Code& error) {
    // The peer is gone or too slow: nobody to answer.
    if (error.category() != make_error_code(http::error::bad_method).category() ||
        error == http::error::end_of_stream || error == http::error::partial_message)
      return abort();
    const unsigned status = status_of(error);
    asked_ = Clock::now();
    respond(problem(status, status == 431   ? "the request's header is too long"
                            : status == 413 ? "the request's body is too long"
                                            : "not a valid HTTP request: " + error.message()),
            Then::kDrain);
  }

  bool authorized(const http::request<http::string_body>& request) const {
    if (token_.empty()) return true;
    const std::string given = to_string(request[http::field::authorization]);
    constexpr std::string_view kScheme = "bearer ";
    if (given.size() > kScheme.size() &&
        beast::iequals(beast::string_view(given).substr(0, kScheme.size()),
                       beast::string_view(kScheme.data(), kScheme.size())) &&
        same_secret(std::string_view(given).substr(kScheme.size()), token_))
      return true;
    const std::string target = to_string(request.target());
    const auto match = context_.router.find(to_string(request.method_string()), path_of(target));
    const auto* const found = std::get_if<Router::Found>(&match);
    return found && found->route->open;
  }

  // Without what a client says to a proxy before it.
  static std::string_view path_and_query(std::string_view target) {
    if (!target.starts_with("http://")) return target;
    const std::size_t slash = target.find('/', 7);
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  static std::string_view path_of(std::string_view target) {
    target = path_and_query(target);
    return target.substr(0, target.find('?'));
  }

  void dispatch() {
    auto& message = parser_->get();
    head_ = message.method() == http::verb::head;
    const std::string target = to_string(message.target());
    const std::string_view path = path_of(target);
    method_ = to_string(message.method_string());
    auto match = context_.router.find(method_, path);
    if (auto* const wrong = std::get_if<Router::WrongMethod>(&match)) {
      Response response = problem(405, method_ + " is not for this path; what is: " + wrong->allowed);
      response.headers.emplace_back("Allow", wrong->allowed);
      return respond(std::move(response));
    }
    auto* const found = std::get_if<Router::Found>(&match);
    if (!found)
      return respond(problem(404, "there is nothing at this path; /v1/openapi.json tells what there is"));
    route_ = found->route;
    const std::string_view rest = path_and_query(target).substr(path.size());
    auto query = parse_query(rest.empty() ? rest : rest.substr(1));
    if (!query)
      return respond(problem(400, "the query has a % that is not followed by two hexadecimal digits"));
    if (route_->websocket && !beast::websocket::is_upgrade(message)) {
      Response response = problem(426, "this path is for WebSockets");
      response.headers.emplace_back("Upgrade", "websocket");
      response.headers.emplace_back("Connection", "Upgrade");
      return respond(std::move(response));
    }
    Request request{.method = head_ ? "GET" : method_,
                    .path = std::string(path),
                    .query = std::move(*query),
                    .parameters = std::move(found->parameters)};
    for (const auto& field : message) {
      std::string name = to_string(field.name_string());
      for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      request.headers.insert_or_assign(std::move(name), to_string(field.value()));
    }
    request.body = std::move(message.body());
    asio::post(context_.pool, [self = me(), request = std::move(request)]() mutable {
      Response response;
      try {
        response = self->route_->handler(request);
      } catch (const std::exception& error) {
        response = problem(500, error.what());
      }
      auto& io = self->context_.io;
      asio::post(io, [self = std::move(self), response = std::move(response)]() mutable {
        self->answer(std::move(response));
      });
    });
  }

  void answer(Response response) {
    if (phase_ == Phase::kClosed) {
      if (response.stream) response.stream->detach();
      return;
    }
    if (!route_->websocket || !response.stream) return respond(std::move(response));
    if (context_.stopping) response.stream->finish();
    phase_ = Phase::kClosed;
    start_websocket(context_, std::move(socket_), parser_->release(), std::move(response.stream),
                    [self = me()] { self->served(101); });
  }

  enum class Then : std::uint8_t { kNext, kDrain };
  // kDrain: there may be more of the request that nobody will read.
  void respond(Response response, Then then = Then::kNext) {
    const auto& request = parser_->get();
    const bool endless = response.stream != nullptr;
    const bool streams = endless && !head_;
    if (endless && head_) response.stream->detach();
    keep_ = then == Then::kNext && !streams && request.keep_alive() && !context_.stopping;
    chunked_ = streams && request.version() >= 11;
    message_ = {};
    message_.version(request.version() == 10 ? 10 : 11);
    message_.result(response.status);
    message_.reason(std::string(status_name(response.status)));
    message_.keep_alive(keep_);
    for (const auto& [name, value] : response.headers) message_.set(name, value);
    if (response.status != 204) message_.set(http::field::content_type, response.content_type);
    if (chunked_) {
      message_.chunked(true);
    } else if (!endless && response.status != 204) {
      message_.content_length(response.body.size());
    }
    if (streams) {
      stream_ = std::move(response.stream);
      first_ = std::move(response.body);
    } else if (!head_) {
      message_.body() = std::move(response.body);
    }
    socket_.expires_after(context_.options.write_timeout);
    serializer_.emplace(message_);
    const auto done = [self = me(), then](Code error, std::size_t) {
      if (error) return self->abort();
      self->served(self->message_.result_int());
      if (self->stream_) return self->start_stream();
      if (self->keep_) return self->next();
      self->socket_.socket().shutdown(asio::socket_base::shutdown_send, error);
      if (then == Then::kNext) return self->abort();
      self->socket_.expires_after(kLongestDrain);
      self->drain();
    };
    if (streams || head_)
      http::async_write_header(socket_, *serializer_, done);
    else
      http::async_write(socket_, *serializer_, done);
  }

  void served(unsigned status) {
    if (!context_.options.on_served) return;
    context_.options.on_served({.method = head_ ? "HEAD" : method_,
                                .route = route_ ? route_->pattern : "",
                                .status = status,
                                .time = Clock::now() - asked_});
  }

  // Closing at once would make the kernel forget the answer if the peer is still sending.
  void drain() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kPiece), [self = me()](Code error, std::size_t size) {
      self->drained_ += size;
      if (error || self->drained_ > kMostDrained) return self->abort();
      self->drain();
    });
  }

  void start_stream() {
    phase_ = Phase::kStream;
    if (context_.stopping) stream_->finish();
    socket_.expires_never();
    watch_for_end();
    stream_->attach([weak = std::weak_ptr(me()), &io = context_.io] {
      asio::post(io, [weak] {
        if (const auto self = weak.lock()) self->on_wake();
      });
    });
    if (!first_.empty()) return write_piece(std::exchange(first_, {}));
    pump();
  }

  // Nothing more is expected of the client; it is read to see it go.
  void watch_for_end() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(512), [self = me()](Code error, std::size_t) {
      if (error) return self->abort();
      self->watch_for_end();
    });
  }

  void on_wake() {
    if (phase_ == Phase::kClosed) return;
    // Without the last chunk: the client sees that the answer is not whole.
    if (stream_->overrun()) return abort();
    pump();
  }

  void pump() {
    if (writing_ || phase_ == Phase::kClosed) return;
    auto taken = stream_->take(kPiece);
    if (!taken.bytes.empty()) return write_piece(std::move(taken.bytes));
    if (taken.state == Stream::State::kOverrun) return abort();
    if (taken.state == Stream::State::kFinished) {
      writing_ = true;
      const auto ended = [self = me()](Code, std::size_t) { self->abort(); };
      socket_.expires_after(context_.options.write_timeout);
      if (chunked_)
        asio::async_write(socket_, http::make_chunk_last(), ended);
      else
        ended({}, 0);
      return;
    }
    if (stream_->heartbeat().empty()) return;
    heartbeat_.expires_after(context_.options.heartbeat);
    heartbeat_.async_wait([weak = std::weak_ptr(me())](Code error) {
      const auto self = weak.lock();
      if (!error && self && !self->writing_ && self->phase_ == Phase::kStream)
        self->write_piece(self->stream_->heartbeat());
    });
  }

  void write_piece(std::string piece) {
    writing_ = true;
    piece_ = std::move(piece);
    heartbeat_.cancel();
    socket_.expires_after(context_.options.write_timeout);
    const auto done = [self = me()](Code error, std::size_t) {
      self->writing_ = false;
      if (error) return self->abort();
      self->pump();
    };
    if (chunked_)
      asio::async_write(socket_, http::make_chunk(asio::buffer(std::as_const(piece_))), done);
    else
      asio::async_write(socket_, asio::buffer(std::as_const(piece_)), done);
  }

  SocketStream socket_;
  const std::string& token_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Phase phase_ = Phase::kIdle;
  Clock::time_point asked_;
  std::string method_;
  std::shared_ptr<const Route> route_;
  bool head_ = false;
  bool keep_ = false;
  http::response<http::string_body> message_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  std::size_t drained_ = 0;
  // Of an answer that goes on:
  std::shared_ptr<Stream> stream_;
  std::string first_;
  std::string piece_;
  bool chunked_ = false;
  bool writing_ = false;
  asio::steady_timer heartbeat_;
};

}  // namespace

void start_http(ServerContext& context, ServerContext::Socket socket, const std::string& token) {
  const auto connection = std::make_shared<HttpConnection>(context, std::move(socket), token);
  connection->enlist();
  connection->next();
}

}  // namespace espalier::fleet::api
