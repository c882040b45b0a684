// Writes to a descriptor of the host's without ever blocking the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/event_loop.h"

namespace espalier::base {

// A queue in front of a pipe, terminal, socket or file. Bytes go out in order and unchanged: at the loop's
// next poll(), so that a console that is written character by character costs one system call a line and not
// one a character, or at once when many are waiting. What the descriptor does not take waits for it to become
// writable.
class FdWriter {
 public:
  // `fd` stays the caller's and must stay open. Flags of the open file, which other processes may share (a
  // shell's terminal), are left alone.
  FdWriter(EventLoop& loop, int fd);
  ~FdWriter();
  FdWriter(const FdWriter&) = delete;
  FdWriter& operator=(const FdWriter&) = delete;

  // Takes all of it. Beyond kMost bytes queued this waits for the reader, the one place that does; callers
  // that look at congested() never get there.
  void write(std::span<const std::uint8_t> bytes);
  std::size_t queued() const { return queue_.size() - begin_; }
  // The reader is not keeping up: better hold the writer until this is false again.
  bool congested() const { return queued() > kMany; }
  // Sends all that is queued, waiting at most `timeout_ns`. False if something is left.
  bool drain(std::uint64_t timeout_ns);
  // Called once when the reader is gone or the disk is full (errno). All later bytes are thrown away.
  void on_error(std::function<void(int error)> callback) { on_error_ = std::move(callback); }
  bool failed() const { return failed_; }

  static constexpr std::size_t kAtOnce = 4096;
  static constexpr std::size_t kMany = 1 << 20;
  static constexpr std::size_t kMost = 8 << 20;

 private:
  enum class Kind : std::uint8_t { kFile, kSocket, kNonBlocking, kBlocking };
  void flush();
  long write_some(const std::uint8_t* data, std::size_t size);
  bool drain_to(std::size_t left, std::uint64_t timeout_ns);
  void fail(int error);

  int fd_;
  int own_fd_ = -1;
  Kind kind_ = Kind::kBlocking;
  bool failed_ = false;
  bool blocked_ = false;  // waits for EPOLLOUT
  std::vector<std::uint8_t> queue_;
  std::size_t begin_ = 0;
  std::function<void(int)> on_error_;
  EventLoop::Watch watch_;
  EventLoop::Hook hook_;
};

}  // namespace espalier::base
