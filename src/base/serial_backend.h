// What is at the other end of a UART's wires, on the host: the option --serial.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"

namespace espalier::base {

// stdio | tcp:ADDR:PORT | unix:PATH | file:PATH | pty | none; the rest is for QEMU's command line.
struct SerialSpec {
  enum class Kind : std::uint8_t { kNone, kStdio, kTcp, kUnix, kFile, kPty };
  Kind kind = Kind::kNone;
  std::string path{};       // kUnix, kFile
  std::string address{};    // kTcp: numeric; IPv6 without its brackets
  std::uint16_t port = 0;   // kTcp; 0: any free one
  bool connect = false;     // kTcp, kUnix: a client of somebody's server, not a server
  bool wait = false;        // kTcp, kUnix: open_serial() returns when the first client is there
  bool telnet = false;      // kTcp, kUnix: the TELNET protocol on top
  bool plain_keys = false;  // kStdio: Ctrl-] is a key like any other
  bool signals = false;     // kStdio: Ctrl-C, Ctrl-\ and Ctrl-Z are the terminal's signals
  bool operator==(const SerialSpec&) const = default;
};

// Otherwise one line that names the text and what is wrong with it.
std::expected<SerialSpec, std::string> parse_serial_spec(std::string_view text);

// One UART's line to the host. Belongs to the event loop's thread: bytes from outside arrive during poll().
class SerialBackend {
 public:
  enum class Leave : std::uint8_t {
    kEscape,        // the user has typed Ctrl-]
    kOutputClosed,  // the output's reader is gone, as after `| head`, or the disk is full
  };
  // Is offered bytes and returns how many it took, from the front; the rest is offered again after
  // resume_input().
  using Input = std::function<std::size_t(std::span<const std::uint8_t>)>;

  virtual ~SerialBackend() = default;

  // Bytes from the guest. All are taken, in order and unchanged; with nobody at the other end they are lost,
  // as on a wire. They leave at the loop's next poll() at the latest.
  virtual void write(std::span<const std::uint8_t> bytes) = 0;
  // The other end is not keeping up (over a MiB waits): better let the guest wait, by running the event loop
  // alone, until this is false again. A guest that does not wait is made to at 8 MiB.
  virtual bool congested() const { return false; }
  // Before the process ends: sends what still waits, for at most `timeout_ns`. False if something was left.
  virtual bool drain(std::uint64_t timeout_ns) = 0;

  // Where bytes from outside go. Until there is somebody to take them they wait, in the host where possible.
  void on_input(Input input) {
    input_ = std::move(input);
    resume_input();
  }
  // The UART has room again.
  void resume_input();
  // Whether anybody is at the other end; where nobody has to connect there always is.
  virtual bool has_client() const { return true; }
  // Called for each client that connects, and at once for one that is there already: who greets does it now.
  void on_client(std::function<void()> callback) {
    client_ = std::move(callback);
    if (client_ && has_client()) client_();
  }
  // Reasons to stop the emulator. The end of standard input is none.
  void on_leave(std::function<void(Leave)> callback) { leave_ = std::move(callback); }
  // Where a client finds this, with the port that was bound; empty where nobody has to.
  virtual std::string where() const { return {}; }

 protected:
  // Hands bytes over, behind those that wait already.
  void deliver(std::span<const std::uint8_t> bytes);
  std::size_t held() const { return held_.size(); }
  void drop_held() { held_.clear(); }
  // Nothing is held any more: the source may be read again.
  virtual void input_wanted() {}
  void client_came() {
    if (client_) client_();
  }
  void leave(Leave why) {
    if (leave_) leave_(why);
  }

 private:
  Input input_;
  std::function<void()> client_;
  std::function<void(Leave)> leave_;
  std::vector<std::uint8_t> held_;
  bool offering_ = false;
  bool offer_again_ = false;
};

// Opens what `spec` names. Otherwise one line that says what could not be opened and why.
std::expected<std::unique_ptr<SerialBackend>, std::string> open_serial(EventLoop& loop,
                                                                       const SerialSpec& spec);

}  // namespace espalier::base
