// One terminal for several: QEMU's multiplexer (mon:stdio), switched by Ctrl-A C.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/serial_backend.h"

namespace espalier::host {

// Behind the escape key (Ctrl-A): c goes to the next channel, x asks for the end, h or ? helps, s says what
// becomes of the disk, t has lines begin with the time, the key itself is sent. Input goes to the channel
// that has the focus, the first one at first; output of every channel is shown.
class Mux {
 public:
  struct Options {
    std::uint8_t escape = 0x01;            // 1 to 26: Ctrl-A to Ctrl-Z; 0: none
    std::function<void()> on_exit;         // Ctrl-A X, once "QEMU: Terminated" is written
    std::function<std::string()> on_save;  // Ctrl-A S: one line to show
  };
  // A channel that is not the first has no client until it gets the focus.
  class Channel : public base::SerialBackend {
   public:
    // Told when the focus comes back (not of the first time, which is on_client()'s) and when it goes.
    virtual void on_focus(std::function<void(bool)> callback) = 0;
  };

  Mux(std::unique_ptr<base::SerialBackend> terminal, Options options);
  ~Mux();
  // One more channel. It may outlive the Mux and be gone before it.
  std::unique_ptr<Channel> add_channel();

 private:
  class Core;
  class Line;
  std::shared_ptr<Core> core_;
};

}  // namespace espalier::host
