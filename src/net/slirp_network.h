// The guest's network by default: libslirp, a TCP/IP stack in user space that needs no privileges.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/log.h"
#include "net/ack_prompter.h"
#include "net/ethernet_port.h"
#include "net/network.h"
#include "net/publish.h"
#include "net/relay.h"
#include "net/slirp_options.h"
#include "net/syn_repeater.h"

struct Slirp;

namespace espalier::net {

// A guest's view of the world: DHCP, ARP, a name server at .3 (the host's), the host itself at .2, everything
// else through the host's own sockets; in IPv6 fec0::/64 with router advertisements. Frames for a guest that
// has no buffer wait here, and while more than a few wait nothing further is read from the host's sockets, so
// TCP's flow control reaches the other end and nothing is lost on the way.
//
// All work is done in the event loop's thread: inside send(), and inside EventLoop::poll(). Networks of
// several threads take turns in libslirp, which keeps its clock and what it knows of the host's name server
// in variables of the process.
class SlirpNetwork final : public Network {
 public:
  // Otherwise one line that says which option is wrong.
  static std::expected<std::unique_ptr<SlirpNetwork>, std::string> create(base::EventLoop& loop,
                                                                          const base::Logger& log,
                                                                          const SlirpOptions& options = {});
  ~SlirpNetwork() override;

  void attach(EthernetPort* port) override;
  // Published ports wait for it.
  bool guest_known() const override { return guest_known_; }
  void guest_is_there() override;
  GuestLease guest_lease() const override;
  // Leads a port of the host to one of the guest's. Returns the host's port (which one, if 0 was asked for),
  // or one line that names the port and what is wrong. Connections that arrive before the guest has its
  // address wait.
  std::expected<std::uint16_t, std::string> publish(const Publish& publish);
  // Listens there no longer; connections that are there go on. `host` is the host's end as it was published
  // (its guest port does not count) with the port that was bound. False: nothing is published there.
  bool unpublish(const Publish& host);
  // A table of published ports and of connections, a line each, as libslirp words it (QEMU's `info usernet`).
  std::string connections() const;
  const SlirpOptions& options() const { return options_; }

  void send(Frame frame) override;
  void guest_down() override;
  // Both cores wait: whatever the guest had to send has been sent, so data that libslirp would acknowledge
  // later is acknowledged now. True if the guest was given something. Without this it happens when
  // the machine's thread has worked for another 2 ms, and after 40 ms at the latest.
  bool guest_idle() override;

  // Frames that wait for a buffer of the guest's.
  std::size_t waiting() const { return outbound_.size(); }

 private:
  struct Callbacks;
  struct PollEntry {
    int fd;
    std::uint32_t wanted;   // EPOLL* bits
    std::uint32_t present;  // within one service()
  };
  struct SlirpTimer;
  struct Published {
    Publish asked;
    int fd;             // libslirp's
    sockaddr_in bound;  // the same
    std::unique_ptr<Relay> relay;
  };

  SlirpNetwork(base::EventLoop& loop, const base::Logger& log);
  bool start(const SlirpOptions& options);
  void from_slirp(Frame frame);
  void to_guest(Frame frame);
  void acks_overdue();
  void arm_syn_timer();
  void repeat_syns();
  void deliver();
  void input(Frame frame);
  void catch_up();
  void note_guest(Frame frame);
  void update_watches();
  void ask_what_to_watch();
  void service(int fd, std::uint32_t events);
  void run_timers();
  void fill();
  bool held_back(int fd) const;
  void changed();
  std::expected<int, int> forward(const Publish& publish);
  void stop_forwarding(const Published& published);

  base::EventLoop& loop_;
  const base::Logger& log_;
  SlirpOptions options_;
  ::Slirp* slirp_ = nullptr;
  EthernetPort* port_ = nullptr;
  std::shared_ptr<SlirpNetwork*> attached_;  // lives as long as port_ may call back
  std::uint32_t mask_ = 0;                   // of the virtual network; network byte order
  bool warned_ = false;
  std::uint32_t guest_address_ = 0;  // network byte order
  bool link_up_ = false;  // the guest's MAC has been heard or has announced buffers since it last went down
  bool guest_known_ = false;  // it has used its address since
  mutable bool in_slirp_ = false;
  bool changed_ = false;  // libslirp may want other descriptors than are watched
  bool stale_ = false;    // the same, and the loop has waited on since
  std::uint64_t last_timers_ns_ = 0;
  std::deque<std::vector<std::uint8_t>> outbound_;  // to the guest
  std::deque<std::vector<std::uint8_t>> inbound_;   // from the guest while libslirp is busy
  std::uint64_t given_ = 0;                         // frames to the guest and to outbound_
  AckPrompter acks_;
  std::uint64_t owed_since_ns_ = 0;       // when ack_timer_ was first armed
  std::uint64_t owed_since_work_ns_ = 0;  // the same by the thread's processor time
  SynRepeater syns_;
  base::EventLoop::Timer ack_timer_;
  base::EventLoop::Timer syn_timer_;
  std::vector<PollEntry> entries_;
  std::map<int, std::unique_ptr<base::EventLoop::Watch>> watches_;
  std::vector<Published> published_;
  base::EventLoop::Timer timer_;
  base::EventLoop::Deferred update_;
};

}  // namespace espalier::net
