// One answer that goes on: bytes from any thread to one connection of the HTTP server, and for WebSockets
// back. Who sends never waits for who reads: what is not read yet is kept up to a limit, and beyond it the
// reader is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::fleet::api {

class Stream {
 public:
  static constexpr std::size_t kDefaultLimit = 1 << 20;

  // `limit`: how many bytes may wait, for who is not keeping up.
  explicit Stream(std::size_t limit = kDefaultLimit) : limit_(limit) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // For who sends; any thread. False where nobody will read it any more.
  bool send(std::string_view bytes);
  // The answer ends behind what has been sent.
  void finish();
  // Whether somebody still reads, or is about to.
  bool open() const;
  // Holds on to `what` (a subscription) until nobody reads any more. Not to be called by what `what` owns.
  void keep(std::shared_ptr<void> what);

  // Set before the stream is handed to the server, or never:
  // bytes that are sent while nothing else has been for a while, to find out whether the reader is there;
  void set_heartbeat(std::string bytes) { heartbeat_ = std::move(bytes); }
  const std::string& heartbeat() const { return heartbeat_; }
  // where a WebSocket's bytes go. Returns how many it took, from the front; the rest is offered again a
  // little later, and no more is read from the socket meanwhile. Called by the server's thread: must not
  // wait.
  using Input = std::function<std::size_t(std::span<const std::uint8_t>)>;
  void set_input(Input input) { input_ = std::move(input); }
  const Input& input() const { return input_; }

  // For the connection. `wake` is called, by any thread and with locks held, once when take() has something
  // to tell again after it had nothing, and when overrun() has become true.
  void attach(std::function<void()> wake);
  enum class State : std::uint8_t { kOpen, kFinished, kOverrun };
  struct Taken {
    std::string bytes;  // at most `most` of what waits; none: wait for `wake`, if kOpen
    State state = State::kOpen;
  };
  Taken take(std::size_t most);
  bool overrun() const;
  // Nobody reads any more: forgets everything that waits, lets go of what is kept.
  void detach();

 private:
  const std::size_t limit_;
  std::string heartbeat_;
  Input input_;
  mutable std::mutex mutex_;
  std::string waiting_;  // from taken_ on
  std::size_t taken_ = 0;
  State state_ = State::kOpen;
  bool detached_ = false;
  bool asleep_ = false;  // take() had nothing; wake it
  std::function<void()> wake_;
  std::vector<std::shared_ptr<void>> kept_;

  void wake();
};

}  // namespace espalier::fleet::api
