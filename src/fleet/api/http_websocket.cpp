#include "fleet/api/http_websocket.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <utility>

namespace espalier::fleet::api {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Code = beast::error_code;

constexpr std::size_t kPiece = 65536;
// How long input waits that the stream does not take yet.
constexpr std::chrono::milliseconds kOfferAgain{20};

class WebSocket final : public Connection {
 public:
  WebSocket(ServerContext& context, SocketStream socket, BeastRequest request, std::shared_ptr<Stream> stream)
      : Connection(context),
        socket_(std::move(socket)),
        request_(std::move(request)),
        stream_(std::move(stream)),
        offer_again_(context.io) {}
  ~WebSocket() override { stream_->detach(); }

  void start(std::function<void()> accepted) {
    beast::get_lowest_layer(socket_).expires_never();
    auto timeout = websocket::stream_base::timeout::suggested(beast::role_type::server);
    timeout.handshake_timeout = context_.options.request_timeout;
    socket_.set_option(timeout);
    socket_.read_message_max(context_.options.body_limit);
    socket_.binary(true);
    socket_.async_accept(request_, [self = me(), accepted = std::move(accepted)](Code error) {
      if (error) return self->abort();
      accepted();
      self->request_ = {};
      self->accepted_ = true;
      self->stream_->attach([weak = std::weak_ptr(self), &io = self->context_.io] {
        asio::post(io, [weak] {
          if (const auto awake = weak.lock()) awake->on_wake();
        });
      });
      self->read();
      self->pump();
    });
  }

  void finish() override {
    stream_->finish();
    if (!accepted_) abort();
  }

  void abort() override {
    closed_ = true;
    stream_->detach();
    offer_again_.cancel();
    beast::get_lowest_layer(socket_).close();
  }

 private:
  std::shared_ptr<WebSocket> me() { return std::static_pointer_cast<WebSocket>(shared_from_this()); }

  void on_wake() {
    if (closed_) return;
    // Who does not read is not told either.
    if (stream_->overrun()) return abort();
    pump();
  }

  void pump() {
    if (writing_ || closed_) return;
    auto taken = stream_->take(kPiece);
    if (!taken.bytes.empty()) {
      writing_ = true;
      piece_ = std::move(taken.bytes);
      socket_.async_write(asio::buffer(piece_), [self = me()](Code error, std::size_t) {
        self->writing_ = false;
        if (error) return self->abort();
        self->pump();
      });
    } else if (taken.state != Stream::State::kOpen) {
      close(context_.stopping ? websocket::close_code::going_away : websocket::close_code::normal);
    }
  }

  void close(websocket::close_code code) {
    closed_ = true;
    offer_again_.cancel();
    socket_.async_close(code, [self = me()](Code) { self->abort(); });
  }

  void read() {
    socket_.async_read(incoming_, [self = me()](Code error, std::size_t) {
      if (error) return self->abort();
      self->deliver();
    });
  }

  void deliver() {
    if (closed_) return;
    if (!stream_->input()) incoming_.clear();
    while (incoming_.size() != 0) {
      const auto data = incoming_.cdata();
      const std::size_t taken =
          stream_->input()({static_cast<const std::uint8_t*>(data.data()), data.size()});
      if (taken == 0) break;
      incoming_.consume(taken);
    }
    if (incoming_.size() == 0) return read();
    offer_again_.expires_after(kOfferAgain);
    offer_again_.async_wait([self = me()](Code error) {
      if (!error) self->deliver();
    });
  }

  websocket::stream<SocketStream> socket_;
  BeastRequest request_;
  std::shared_ptr<Stream> stream_;
  asio::steady_timer offer_again_;
  beast::flat_buffer incoming_;
  std::string piece_;
  bool accepted_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace

void start_websocket(ServerContext& context, SocketStream socket, BeastRequest request,
                     std::shared_ptr<Stream> stream, std::function<void()> accepted) {
  const auto connection =
      std::make_shared<WebSocket>(context, std::move(socket), std::move(request), std::move(stream));
  connection->enlist();
  connection->start(std::move(accepted));
}

}  // namespace espalier::fleet::api
