// The guest's Ethernet on a TAP interface of the host: on a real network, through a bridge or routes.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/log.h"
#include "net/ethernet_port.h"
#include "net/network.h"

namespace espalier::net {

// Frames go to and come from the kernel (Documentation/networking/tuntap.rst). While the guest has no buffer
// nothing is read: the kernel's queue holds what comes, and drops what it cannot hold, as a switch would.
class TapNetwork final : public Network {
 public:
  // `interface` exists already, or is made if the process may (CAP_NET_ADMIN); empty: one that the kernel
  // names. Otherwise one line that names the interface and what is wrong.
  static std::expected<std::unique_ptr<TapNetwork>, std::string> open(base::EventLoop& loop,
                                                                      const base::Logger& log,
                                                                      const std::string& interface);
  ~TapNetwork() override;
  TapNetwork(const TapNetwork&) = delete;
  TapNetwork& operator=(const TapNetwork&) = delete;

  void attach(EthernetPort* port) override;
  void send(Frame frame) override;
  const std::string& interface() const { return interface_; }

 private:
  TapNetwork(base::EventLoop& loop, const base::Logger& log, int fd, std::string interface);
  void receive();

  const base::Logger& log_;
  int fd_;
  std::string interface_;
  EthernetPort* port_ = nullptr;
  std::shared_ptr<TapNetwork*> attached_;  // lives as long as port_ may call back
  base::EventLoop::Watch watch_;
  bool warned_ = false;
};

}  // namespace espalier::net
