// One connection of a load run, with at most one request under way.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "load/http_response.h"
#include "load/result.h"
#include "load/target.h"

namespace espalier::load {

// What ends, a request or an idle connection, is appended to the list of the finished, for the generator to
// look at when the loop's round is over: nothing happens behind its back.
class Connection {
 public:
  enum class State : std::uint8_t { kClosed, kIdle, kBusy, kFinished };

  Connection(base::EventLoop& loop, std::vector<Connection*>& finished) : watch_(loop), finished_(finished) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends `request`, which stays the caller's until it is answered, over the connection that is open, or over
  // a new one to `address`. It is finished when the state says so, perhaps at once.
  void start(const Target& address, std::string_view request);
  // Ends the request under way, and the connection, with this outcome.
  void give_up(Outcome outcome);
  // The generator has seen what was finished: it is idle now, or closed.
  void acknowledge();
  void close();

  State state() const { return state_; }
  bool is_open() const { return fd_ >= 0; }

  // Of the request that is finished. Without one (`had_request` is false) the peer has closed a connection
  // that was idle.
  bool had_request() const { return had_request_; }
  Outcome outcome() const { return outcome_; }
  // In words, where the outcome is a failure.
  const std::string& detail() const { return detail_; }
  int status() const { return response_.status(); }
  std::uint64_t bytes() const { return bytes_; }  // received for this request
  std::uint64_t body_bytes() const { return response_.body_bytes(); }
  std::uint64_t sent_at() const { return sent_at_; }          // EventLoop::now_ns()
  std::uint64_t finished_at() const { return finished_at_; }  // EventLoop::now_ns()
  // The peer has ended the connection after an answer, or has said so; or while it was idle.
  bool closed_by_peer() const { return closed_by_peer_; }

  // The generator's own notes.
  std::size_t target = 0;
  std::uint64_t due = 0;
  std::list<Connection*>::iterator idle_place;

 private:
  bool open(const Target& address);
  bool send_rest();
  void on_events();
  void receive();
  void finish(Outcome outcome, std::string detail);
  void fail(int error);

  base::EventLoop::Watch watch_;
  std::vector<Connection*>& finished_;
  int fd_ = -1;
  State state_ = State::kClosed;
  Outcome outcome_ = Outcome::kAnswered;
  bool had_request_ = false;
  bool connected_ = false;
  bool closed_by_peer_ = false;
  std::string_view rest_;  // of the request, to be sent
  HttpResponse response_;
  std::string detail_;
  std::uint64_t bytes_ = 0;
  std::uint64_t sent_at_ = 0;
  std::uint64_t finished_at_ = 0;
};

}  // namespace espalier::load
