// Repeats requests for a connection that the guest leaves without an answer.
#pragma once

#include <cstdint>
#include <vector>

#include "net/ethernet_port.h"
#include "net/tcp_segment.h"

namespace espalier::net {

// A guest drops a SYN for which its server's backlog has no room (ESP-IDF's HTTP server: five connections)
// and counts on its being repeated. libslirp does that after 5.6 s only.
class SynRepeater {
 public:
  static constexpr std::uint64_t kInterval = 150'000'000;  // ns
  // Then libslirp's own repetition is due, which begins another series.
  static constexpr unsigned kRepetitions = 30;

  // A frame for the guest from libslirp, and one of the guest's. `now_ns` by any clock that never goes back.
  void to_guest(Frame frame, const TcpSegment& segment, std::uint64_t now_ns);
  void from_guest(const TcpSegment& segment);
  // When the next repetition is due; ~0 if none is.
  std::uint64_t deadline() const;
  // The frames that are to be sent again now.
  std::vector<std::vector<std::uint8_t>> due(std::uint64_t now_ns);
  // Puts off what is due by an interval: the guest takes no frames at present.
  void put_off(std::uint64_t now_ns);
  void clear() { requests_.clear(); }

 private:
  struct Request {
    TcpConnection connection;
    std::vector<std::uint8_t> frame;
    std::uint64_t next_ns;
    unsigned left;
  };
  std::vector<Request> requests_;
};

}  // namespace espalier::net
