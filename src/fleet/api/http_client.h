// The other side of the control API, for commands: requests that wait for their answers, answers that go on,
// and the console's WebSocket.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "fleet/api/endpoint.h"
#include "fleet/api/http_message.h"

namespace espalier::fleet::api {

struct Answer {
  unsigned status = 0;
  Fields headers{};  // names in lower case
  std::string body{};

  bool ok() const { return status >= 200 && status < 300; }
  // Of an error: what its body says is wrong, in one line.
  std::string error() const;
};

class Client {
 public:
  // `timeout`: for each piece of the way, from connecting to the last byte; not for answers that go on.
  explicit Client(Endpoint endpoint, std::chrono::milliseconds timeout = std::chrono::seconds(30))
      : endpoint_(std::move(endpoint)), timeout_(timeout) {}

  // A body is JSON. The error is one line that names the endpoint: nobody is there, or what answers is not
  // HTTP.
  std::expected<Answer, std::string> request(std::string_view method, std::string_view target,
                                             std::string body = {}) const;
  // GET. Of an answer that is ok() `on_bytes` gets the body, piece by piece as it comes, until it returns
  // false or the server ends it; an end in the middle is an error.
  using OnBytes = std::function<bool(std::string_view)>;
  std::expected<Answer, std::string> stream(std::string_view target, OnBytes on_bytes) const;

 private:
  Endpoint endpoint_;
  std::chrono::milliseconds timeout_;
};

class SocketClient {
 public:
  struct Callbacks {
    std::function<void(std::string_view)> on_bytes{};  // by a thread of its own
    std::function<void()> on_end{};                    // by the same, once, when the server has ended it
  };
  // The error as of Client, or what the server says is wrong.
  static std::expected<std::unique_ptr<SocketClient>, std::string> connect(
      const Endpoint& endpoint, std::string_view target, Callbacks callbacks,
      std::chrono::milliseconds timeout = std::chrono::seconds(30));
  // Takes its leave from the server, for at most a second. Not from the callbacks.
  ~SocketClient();

  // Waits until the bytes are on their way; a server whose device does not take them makes it wait. False
  // when the socket has ended.
  bool send(std::string_view bytes);

 private:
  class Impl;
  explicit SocketClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace espalier::fleet::api
