#include "load/generator.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <list>
#include <memory>
#include <optional>

#include "base/event_loop.h"
#include "load/connection.h"

namespace espalier::load {
namespace {

using base::EventLoop;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kForever = EventLoop::kForever;

// What a target has waiting, and the connections it may use.
struct Line {
  std::string request;
  std::deque<std::uint64_t> pending;  // when they were due
  std::vector<Connection*> idle;
  std::size_t open = 0;      // connections to it, idle ones included
  bool in_turn = false;      // listed in turns_
  std::size_t unopened = 0;  // closed loop: connections still to come
};

class Generator {
 public:
  explicit Generator(const LoadOptions& options)
      : options_(options),
        count_(options.targets.size()),
        most_each_((options.connections + count_ - 1) / count_),
        lines_(count_) {
    for (std::size_t i = 0; i < count_; ++i) {
      const Target& target = options.targets[i];
      lines_[i].request = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", target.path, target.host,
                                      options.keep_alive ? "" : "Connection: close\r\n");
      result_.targets.emplace_back().name = target.name();
    }
    for (std::size_t i = 0; i < options.connections; ++i) {
      connections_.push_back(std::make_unique<Connection>(loop_, finished_));
      free_.push_back(connections_.back().get());
    }
  }

  LoadResult run() {
    begin_ = EventLoop::now_ns();
    measured_from_ = begin_ + options_.warm_up_ns;
    end_ = measured_from_ + options_.duration_ns;
    // Often enough to be exact by a twentieth.
    sweep_every_ = std::clamp(options_.timeout_ns / 20, kMillisecond, 100 * kMillisecond);
    next_sweep_ = begin_ + sweep_every_;
    if (!open_loop()) begin_closed_loop();
    for (;;) {
      const std::uint64_t now = EventLoop::now_ns();
      if (options_.interrupted && !result_.interrupted && options_.interrupted()) interrupt(now);
      if (now >= next_sweep_) sweep(now);
      look_at_finished();
      std::uint64_t wake = open_loop() ? issue_due(now) : wake_resting(now);
      hand_out();
      if (!finished_.empty()) continue;  // failed at once
      if (done(now)) break;
      wake = std::min(wake, next_sweep_);
      const std::uint64_t after = EventLoop::now_ns();
      loop_.poll(wake > after ? wake - after : 0);
    }
    finish_result();
    return std::move(result_);
  }

 private:
  bool open_loop() const { return options_.rate > 0; }
  bool rotating() const { return count_ > options_.connections; }
  bool asked_enough() const { return options_.requests != 0 && issued_ >= options_.requests; }
  // When request `number` is due.
  std::uint64_t due_at(std::uint64_t number) const {
    return begin_ +
           static_cast<std::uint64_t>(std::llround(static_cast<double>(number) * 1e9 / options_.rate));
  }
  bool no_more(std::uint64_t now) const {
    if (asked_enough() || result_.interrupted) return true;
    return open_loop() ? due_at(issued_) >= end_ : now >= end_;
  }
  bool done(std::uint64_t now) const { return no_more(now) && under_way_ == 0 && waiting_ == 0; }

  // Nothing new becomes due, what waits is forgotten, what is under way is not counted.
  void interrupt(std::uint64_t now) {
    result_.interrupted = true;
    end_ = std::clamp(now, begin_, end_);
    for (Line& line : lines_) line.pending.clear();
    waiting_ = 0;
    for (auto& connection : connections_) {
      if (connection->state() != Connection::State::kBusy) continue;
      connection->close();
      --under_way_;
    }
    resting_.clear();
  }

  // --- requests fall due ---

  // Returns when the next one is due.
  std::uint64_t issue_due(std::uint64_t now) {
    while (!no_more(now)) {
      const std::uint64_t due = due_at(issued_);
      if (due > now) return due;
      if (due >= measured_from_) result_.latest_start = std::max(result_.latest_start, now - due);
      add_request(issued_ % count_, due);
    }
    return kForever;
  }

  void add_request(std::size_t target, std::uint64_t due) {
    ++issued_;
    ++waiting_;
    lines_[target].pending.push_back(due);
    give_turn(target);
  }

  void give_turn(std::size_t target) {
    Line& line = lines_[target];
    if (line.in_turn || line.pending.empty()) return;
    line.in_turn = true;
    turns_.push_back(target);
  }

  // --- closed loop ---

  void begin_closed_loop() {
    if (rotating()) {
      for (std::size_t i = 0; i < options_.connections; ++i) ask_again(next_target());
      return;
    }
    for (std::size_t i = 0; i < count_; ++i) {
      lines_[i].unopened = options_.connections / count_ + (i < options_.connections % count_ ? 1 : 0) - 1;
      ask_again(i);
    }
  }

  // The next target that nobody waits for, so that a slow one does not gather all connections. There are more
  // targets than connections.
  std::size_t next_target() {
    for (;;) {
      const std::size_t target = next_target_++ % count_;
      if (lines_[target].open == lines_[target].idle.size() && lines_[target].pending.empty()) return target;
    }
  }

  void ask_again(std::size_t target) {
    const std::uint64_t now = EventLoop::now_ns();
    if (!no_more(now)) add_request(target, now);
  }

  void go_on_after(const Connection& connection) {
    const bool failed = connection.outcome() != Outcome::kAnswered;
    const std::size_t target = rotating() ? next_target() : connection.target;
    // Where nobody listens there is no sense in asking as fast as the processor can.
    if (failed)
      resting_.emplace_back(EventLoop::now_ns() + kRest, target);
    else
      ask_again(target);
    if (lines_[connection.target].unopened > 0) {
      --lines_[connection.target].unopened;
      ask_again(connection.target);
    }
  }

  std::uint64_t wake_resting(std::uint64_t now) {
    while (!resting_.empty() && (resting_.front().first <= now || no_more(now))) {
      const std::size_t target = resting_.front().second;
      resting_.pop_front();
      ask_again(target);
    }
    const std::uint64_t next = resting_.empty() ? kForever : resting_.front().first;
    return now < end_ ? std::min(next, end_) : next;
  }

  // --- connections for them ---

  // Serves those in turn, as far as connections reach.
  void hand_out() {
    while (!turns_.empty()) {
      const std::size_t target = turns_.front();
      Line& line = lines_[target];
      while (!line.pending.empty()) {
        Connection* connection = connection_for(target);
        if (connection == nullptr) break;
        start(*connection, target);
      }
      // Without a free place every connection is busy, so nobody behind it is served either.
      if (!line.pending.empty() && line.open < most_each_) return;
      line.in_turn = false;
      turns_.pop_front();
    }
  }

  Connection* connection_for(std::size_t target) {
    Line& line = lines_[target];
    if (!line.idle.empty()) return take_idle(*line.idle.back());
    if (line.open >= most_each_) return nullptr;
    if (free_.empty()) {
      if (idle_.empty()) return nullptr;
      Connection* victim = take_idle(*idle_.front());
      drop(*victim);
      free_.pop_back();
      return victim;
    }
    Connection* connection = free_.back();
    free_.pop_back();
    return connection;
  }

  Connection* take_idle(Connection& connection) {
    std::vector<Connection*>& idle = lines_[connection.target].idle;
    if (idle.back() == &connection)
      idle.pop_back();
    else
      std::erase(idle, &connection);
    idle_.erase(connection.idle_place);
    return &connection;
  }

  // A connection that is neither idle nor busy any more.
  void drop(Connection& connection) {
    if (connection.is_open()) connection.close();
    --lines_[connection.target].open;
    free_.push_back(&connection);
  }

  void start(Connection& connection, std::size_t target) {
    Line& line = lines_[target];
    if (!connection.is_open()) {
      ++line.open;
      ++result_.connections;
    }
    connection.target = target;
    connection.due = line.pending.front();
    line.pending.pop_front();
    --waiting_;
    ++under_way_;
    connection.start(options_.targets[target], line.request);
  }

  // --- what came of them ---

  void look_at_finished() {
    std::vector<Connection*> finished;
    finished.swap(finished_);
    for (Connection* connection : finished) {
      if (connection->state() != Connection::State::kFinished) continue;
      connection->acknowledge();
      if (connection->closed_by_peer()) ++result_.closed_by_peer;
      if (!connection->had_request()) {
        take_idle(*connection);
        drop(*connection);
        continue;
      }
      --under_way_;
      record(*connection);
      const std::size_t target = connection->target;
      if (connection->is_open() && options_.keep_alive) {
        lines_[target].idle.push_back(connection);
        connection->idle_place = idle_.insert(idle_.end(), connection);
      } else {
        drop(*connection);
      }
      if (!open_loop()) go_on_after(*connection);
      give_turn(target);
    }
  }

  void record(const Connection& connection) {
    const bool measured = connection.due >= measured_from_;
    const Outcome outcome = connection.outcome();
    if (!measured) return count_warm_up(outcome);
    result_.bytes += connection.bytes();
    if (outcome == Outcome::kAnswered) {
      const std::uint64_t latency =
          connection.finished_at() - std::min(connection.due, connection.finished_at());
      result_.latency.record(latency);
      result_.service.record(connection.finished_at() - connection.sent_at());
      result_.body_bytes += connection.body_bytes();
      if (connection.finished_at() <= end_) ++result_.answered_in_time;
      result_.targets[connection.target].latency.record(latency);
      last_answer_ = std::max(last_answer_, connection.finished_at());
    } else if (outcome == Outcome::kBadStatus) {
      ++result_.bad_statuses[connection.status()];
    }
    count(outcome, connection.target, connection.detail());
  }

  void count_warm_up(Outcome outcome) {
    ++result_.warm_up_requests;
    if (outcome != Outcome::kAnswered) ++result_.warm_up_failures;
  }

  void count(Outcome outcome, std::size_t target, const std::string& detail) {
    TargetResult& of_target = result_.targets[target];
    ++result_.outcomes[static_cast<std::size_t>(outcome)];
    if (outcome == Outcome::kAnswered) {
      ++of_target.answered;
      return;
    }
    ++of_target.failed;
    if (result_.first_failure.empty()) result_.first_failure = fmt::format("{}: {}", of_target.name, detail);
  }

  void sweep(std::uint64_t now) {
    next_sweep_ = now + sweep_every_;
    if (now < options_.timeout_ns) return;
    const std::uint64_t limit = now - options_.timeout_ns;
    for (auto& connection : connections_) {
      if (connection->state() == Connection::State::kBusy && connection->due <= limit)
        connection->give_up(Outcome::kTimeout);
    }
    for (std::size_t i = 0; i < count_ && waiting_ > 0; ++i) {
      std::deque<std::uint64_t>& pending = lines_[i].pending;
      while (!pending.empty() && pending.front() <= limit) {
        if (pending.front() < measured_from_)
          count_warm_up(Outcome::kUnsent);
        else
          count(Outcome::kUnsent, i, "no connection became free in time");
        pending.pop_front();
        --waiting_;
      }
    }
  }

  void finish_result() {
    std::uint64_t until = end_;
    if (asked_enough()) until = std::min(end_, std::max(last_answer_, measured_from_));
    result_.measured = until - std::min(measured_from_, until);
  }

  static constexpr std::uint64_t kRest = 20 * kMillisecond;  // of a closed loop's connection after a failure

  const LoadOptions& options_;
  const std::size_t count_;      // of targets
  const std::size_t most_each_;  // connections to one target
  EventLoop loop_;
  std::vector<Connection*> finished_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;  // not open
  std::list<Connection*> idle_;    // open, longest idle first
  std::vector<Line> lines_;
  std::deque<std::size_t> turns_;  // targets with something pending that may have a connection
  std::deque<std::pair<std::uint64_t, std::size_t>> resting_;
  LoadResult result_;
  std::uint64_t begin_ = 0, measured_from_ = 0, end_ = 0;
  std::uint64_t last_answer_ = 0;
  std::uint64_t sweep_every_ = 0, next_sweep_ = 0;
  std::uint64_t issued_ = 0;
  std::uint64_t waiting_ = 0;    // due, without a connection
  std::uint64_t under_way_ = 0;  // on a connection
  std::size_t next_target_ = 0;
};

// Descriptors for the connections and some more; raised as far as the host lets everybody.
std::optional<std::string> raise_descriptor_limit(std::size_t connections) {
  constexpr rlim_t kOthers = 64;
  const rlim_t needed = connections + kOthers;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return std::nullopt;
  if (limit.rlim_max < needed)
    return fmt::format(
        "{} connections need {} open files, the limit is {}: raise it (ulimit -n) or ask for fewer",
        connections, needed, limit.rlim_max);
  limit.rlim_cur = needed;
  setrlimit(RLIMIT_NOFILE, &limit);
  return std::nullopt;
}

}  // namespace

std::expected<LoadResult, std::string> run_load(const LoadOptions& options) {
  if (auto problem = raise_descriptor_limit(options.connections)) return std::unexpected(*problem);
  return Generator(options).run();
}

}  // namespace espalier::load
