// What a machine's Ethernet may be plugged into, as far as whoever runs the machine has to know.
#pragma once

#include "net/ethernet_port.h"
#include "net/guest_lease.h"

namespace espalier::net {

// Belongs to the machine's thread.
class Network : public EthernetPeer {
 public:
  virtual ~Network() = default;
  // The MAC at the other end (or what stands between); nullptr for none. Nothing is called on it after the
  // network's end, nor on the network after the port has got another one.
  virtual void attach(EthernetPort* port) = 0;
  // Both cores wait: whatever the guest had to send has been sent. True if the guest was given something.
  virtual bool guest_idle() { return false; }
  // Whether the guest has used its address, as far as the network gives it one.
  virtual bool guest_known() const { return true; }
  // It has: a machine that goes on from a saved state has been up for long.
  virtual void guest_is_there() {}
  // What the guest has been given and uses; none where the network gives no addresses, or it does not use
  // its.
  virtual GuestLease guest_lease() const { return {}; }
};

}  // namespace espalier::net
