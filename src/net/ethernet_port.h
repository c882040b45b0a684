// The cable between an Ethernet MAC and what is at its other end.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

namespace espalier::net {

// An Ethernet frame from destination address to payload: no preamble and no frame check sequence. May be
// shorter than 60 bytes; whoever needs the wire's minimum pads.
using Frame = std::span<const std::uint8_t>;

// The guest's end: a MAC. Both ends belong to the machine's thread.
class EthernetPort {
 public:
  // Whether receive() would find a free buffer now. Where it says no, keep the frame back: the callback set
  // with on_receive_ready() comes when that changes. A frame that is offered all the same is lost, as on a
  // real cable.
  virtual bool can_receive() const = 0;
  // Hands a frame to the guest. True if it was taken, which includes being filtered out by address; false if
  // there was no buffer for it.
  virtual bool receive(Frame frame) = 0;
  // `callback` runs each time can_receive() turns from false to true. It may call receive().
  virtual void on_receive_ready(std::function<void()> callback) = 0;

 protected:
  ~EthernetPort() = default;
};

// The outside's end: a network, a capture, a switch.
class EthernetPeer {
 public:
  // The guest sends a frame. May call back into the port's receive() before it returns.
  virtual void send(Frame frame) = 0;
  // The guest's MAC was reset or has stopped receiving: what is waiting for it is of no use any more.
  virtual void guest_down() {}

 protected:
  ~EthernetPeer() = default;
};

}  // namespace espalier::net
