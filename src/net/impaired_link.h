// A piece of cable that is as bad as it is told to be.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/event_queue.h"
#include "base/random.h"
#include "net/ethernet_port.h"
#include "net/impairment.h"

namespace espalier::net {

// Sits in the cable: the guest's side takes it for its peer, the network for its port. Time is the machine's
// virtual time, so a paused machine finds its frames where they were, and runs in warp repeat. Which frames
// are lost, come twice or late follows from the seed and the frames' order alone.
class ImpairedLink final : public EthernetPort, public EthernetPeer {
 public:
  // As netem's default limit; what comes beyond it is lost.
  static constexpr std::size_t kMostWaiting = 1'000;

  // `queued` runs after a frame has been kept back, which gives the machine work at a time that it has not
  // reckoned with.
  ImpairedLink(base::EventQueue& events, std::function<void()> queued);

  // What is at both ends; frames under way stay so.
  void plug(EthernetPort& guest, EthernetPeer& network);

  // From now on. Frames that are under way come as they would have; another seed begins its sequence anew.
  void set(const LinkImpairment& link);
  const LinkImpairment& impairment() const { return link_; }
  // Nothing passes while this is set, whatever the impairment says: a network that is stuck.
  void set_stuck(bool stuck) { stuck_ = stuck; }
  bool stuck() const { return stuck_; }

  struct Counts {
    std::uint64_t lost = 0;  // by loss, partition, a stuck network or too many that waited
    std::uint64_t duplicated = 0;
  };
  const Counts& in_counts() const { return in_.counts; }
  const Counts& out_counts() const { return out_.counts; }

  bool can_receive() const override { return bypassed(in_, link_.in) ? guest_->can_receive() : true; }
  bool receive(Frame frame) override;
  void on_receive_ready(std::function<void()> callback) override { ready_ = std::move(callback); }
  void send(Frame frame) override;
  void guest_down() override;

 private:
  using Bytes = std::vector<std::uint8_t>;
  struct Way {
    base::Random random{0};
    std::multimap<base::Ticks, Bytes> waiting;  // by when they are due
    base::Ticks free_at = 0;                    // the rate's limit has let the last frame go
    base::Ticks last_due = 0;                   // of the frames that keep their order
    Counts counts;
  };

  bool bypassed(const Way& way, const Impairment& impairment) const {
    return impairment.none() && way.waiting.empty() && !stuck_;
  }
  void take(Way& way, const Impairment& impairment, Frame frame);
  void wait(Way& way, const Impairment& impairment, double jitter, bool overtakes, Frame frame);
  void deliver();
  void arm();

  base::EventQueue& events_;
  std::function<void()> queued_;
  EthernetPort* guest_ = nullptr;
  EthernetPeer* network_ = nullptr;
  std::function<void()> ready_;
  LinkImpairment link_;
  bool stuck_ = false;
  bool delivering_ = false;
  Way in_;
  Way out_;
  base::Timer timer_;
};

}  // namespace espalier::net
