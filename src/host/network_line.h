// The cable's first piece, next to the MAC: counts what passes, and tells when something has come.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "net/ethernet_port.h"

namespace espalier::host {

// The MAC takes it for its peer, what is at the other end for its port. Both belong to the machine's thread.
class NetworkLine final : public net::EthernetPort, public net::EthernetPeer {
 public:
  // `came` runs after each frame that the MAC has taken or filtered out.
  NetworkLine(net::EthernetPort& mac, std::function<void()> came) : mac_(mac), came_(std::move(came)) {}

  // What is at the other end; nullptr: nothing, and frames sent go nowhere.
  void connect(net::EthernetPeer* peer) { peer_ = peer; }

  std::uint64_t frames_in() const { return in_; }    // to the guest; not those that found no buffer
  std::uint64_t frames_out() const { return out_; }  // from the guest

  bool can_receive() const override { return mac_.can_receive(); }
  bool receive(net::Frame frame) override {
    if (!mac_.receive(frame)) return false;
    ++in_;
    came_();
    return true;
  }
  void on_receive_ready(std::function<void()> callback) override {
    mac_.on_receive_ready(std::move(callback));
  }
  void send(net::Frame frame) override {
    ++out_;
    if (peer_ != nullptr) peer_->send(frame);
  }
  void guest_down() override {
    if (peer_ != nullptr) peer_->guest_down();
  }

 private:
  net::EthernetPort& mac_;
  std::function<void()> came_;
  net::EthernetPeer* peer_ = nullptr;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
};

}  // namespace espalier::host
