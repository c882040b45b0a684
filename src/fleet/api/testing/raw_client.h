// A client of a Unix socket that sends what it likes, for tests of the HTTP server.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace espalier::fleet::api::testing {

class RawClient {
 public:
  explicit RawClient(const std::string& path);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False if the server has gone.
  bool send(std::string_view bytes);
  void shut_down_sending();
  // Everything up to the server's end of the connection; what has come by then if that takes longer.
  std::string read_all(std::chrono::milliseconds timeout = std::chrono::seconds(10));
  // Everything up to the first `text`, or what read_all() would give.
  std::string read_until(std::string_view text, std::chrono::milliseconds timeout = std::chrono::seconds(10));
  // Whether the server has ended the connection; what comes before that is read.
  bool ended() const { return ended_; }
  // Ends it as a process that is killed does: with what was not read still there.
  void drop();

 private:
  // Reads once; false at the end or after the time.
  bool read_more(std::chrono::steady_clock::time_point until);

  int fd_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace espalier::fleet::api::testing
