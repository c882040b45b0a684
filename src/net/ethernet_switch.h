// A switch: many machines' Ethernet on one network, whatever threads they run in.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/doorbell.h"
#include "base/event_loop.h"
#include "net/ethernet_address.h"
#include "net/ethernet_port.h"

namespace espalier::net {

// It learns behind which port an address is from the frames that come from there, and sends frames for an
// address that it does not know, and those for groups, to all ports but theirs. An address belongs to the
// port that it was last seen at, until that is unplugged.
//
// Each thread that drives machines has a bay of the switch, with the ports of its machines. Within a bay
// frames go from port to port at once; those for other bays go through an inbox, at most 16,384 deep, of
// which a frame for all of a bay's ports takes one place. A port whose machine has no buffer keeps up to 256.
// What finds no room is dropped and counted, as a switch does.
class EthernetSwitch {
 public:
  class Bay;
  class Port;
  static constexpr std::size_t kMostInInbox = 16'384;
  static constexpr std::size_t kMostWaiting = 256;
  // More addresses behind uplinks than this, and those are forgotten and learned anew.
  static constexpr std::size_t kMostAddresses = 65'536;

  struct Counts {
    std::uint64_t forwarded = 0;  // frames for one port
    std::uint64_t flooded = 0;    // for all
    std::uint64_t dropped = 0;    // for want of room
  };

  EthernetSwitch() = default;
  EthernetSwitch(const EthernetSwitch&) = delete;
  EthernetSwitch& operator=(const EthernetSwitch&) = delete;

  // Told, the first time, of an address that has been seen at two ports which are both plugged in; by
  // whichever thread sees it. Before the first bay.
  void on_duplicate(std::function<void(EthernetAddress)> tell) { duplicate_ = std::move(tell); }
  // Any thread:
  Counts counts() const;
  std::size_t addresses() const;

 private:
  using SharedFrame = std::shared_ptr<const std::vector<std::uint8_t>>;
  struct Place {
    Bay* bay = nullptr;
    std::uint32_t port = 0;
    bool uplink = false;
  };
  enum class Scope : std::uint8_t { kAll, kUplinks };

  bool learn(EthernetAddress address, const Place& place);
  void count_drop() { dropped_.fetch_add(1, std::memory_order_relaxed); }

  std::function<void(EthernetAddress)> duplicate_;
  mutable std::mutex mutex_;  // guards the table, the list of bays and their inboxes
  std::unordered_map<EthernetAddress, Place> table_;
  std::vector<Bay*> bays_;
  bool duplicate_told_ = false;
  std::uint32_t next_port_ = 1;
  std::atomic<std::uint64_t> forwarded_{0};
  std::atomic<std::uint64_t> flooded_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

// Made, used and destroyed in its loop's thread, after its ports.
class EthernetSwitch::Bay {
 public:
  Bay(EthernetSwitch& of, base::EventLoop& loop);
  ~Bay();
  Bay(const Bay&) = delete;
  Bay& operator=(const Bay&) = delete;

  // `uplink`: other networks are behind it.
  std::unique_ptr<Port> plug(bool uplink = false);

 private:
  friend class EthernetSwitch;
  friend class Port;
  static constexpr std::uint32_t kEveryPort = 0;
  struct Item {
    SharedFrame frame;
    std::uint32_t port;  // or kEveryPort
    Scope scope;
  };
  void put(Item item);  // any thread, with the switch's mutex
  void drain();
  void flood(const SharedFrame& frame, const Port* except, Scope scope);

  EthernetSwitch& switch_;
  std::map<std::uint32_t, Port*> ports_;
  std::vector<Item> inbox_;
  base::Doorbell bell_;
};

// What one machine is plugged into. Its bay's thread only.
class EthernetSwitch::Port final : public EthernetPeer {
 public:
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  // The MAC at the other end (or what stands between); nullptr for none. Nothing is called on it after the
  // port's end, nor on the port after the MAC has got another one. `listens`: whether it is to tell the MAC
  // what to call when there is room; otherwise whoever does calls room().
  void attach(EthernetPort* port, bool listens = true);
  // The MAC has a free buffer.
  void room();

  // To the address that the frame names. Frames shorter than a header are dropped.
  void send(Frame frame) override;
  // To that address, whatever the frame names. False: nobody is known to have it.
  bool send_to(EthernetAddress address, Frame frame);
  // To all uplinks but this one.
  void send_to_uplinks(Frame frame);
  // To nobody: it is there, and that is its address.
  void hear(Frame frame);
  // The same without a frame: the machine has been there before.
  void has(EthernetAddress address);
  // A frame for this port's own machine.
  void give(Frame frame) { deliver(frame, nullptr); }
  void guest_down() override;

  std::size_t waiting() const { return waiting_.size(); }

 private:
  friend class Bay;
  Port(Bay& bay, std::uint32_t id, bool uplink) : bay_(bay), id_(id), uplink_(uplink), link_up_(uplink) {}
  enum class Found : std::uint8_t { kUnknown, kDone };
  void note_source(Frame frame);
  void learn(EthernetAddress source);
  Found forward(EthernetAddress address, Frame frame);
  void flood(Frame frame, Scope scope);
  void deliver(Frame frame, const SharedFrame* shared);

  Bay& bay_;
  const std::uint32_t id_;
  const bool uplink_;
  EthernetPort* port_ = nullptr;
  std::shared_ptr<Port*> attached_;  // lives as long as port_ may call back
  bool link_up_;                     // the MAC has sent something or had room since it last went down
  std::deque<SharedFrame> waiting_;
};

}  // namespace espalier::net
