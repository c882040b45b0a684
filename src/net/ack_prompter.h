// Has libslirp acknowledge the guest's TCP data before its timer does.
#pragma once

#include <cstdint>
#include <vector>

#include "net/ethernet_port.h"
#include "net/tcp_segment.h"

namespace espalier::net {

// libslirp acknowledges data in the moment it comes, but only if the segment says nothing else (the header
// prediction of the 4.4BSD stack that it descends from). Data that acknowledges something new as well, as the
// first piece of any answer does, waits for a timer of 2 ms. A stack with Nagle's algorithm, such as lwIP,
// holds back the rest of its answer for so long. Acknowledging at once would be no better: each of the rest's
// pieces would leave as a segment of its own. So whoever knows that the guest has said all it has to say for
// now asks for what is owed then.
//
// What asks is a keep-alive probe: a segment without data whose number lies one before what is expected. TCP
// answers it with an acknowledgement at once (RFC 9293, 3.8.4).
class AckPrompter {
 public:
  // A frame of the guest's, before libslirp sees it, and one for the guest.
  void from_guest(Frame frame, const TcpSegment& segment);
  void to_guest(const TcpSegment& segment);
  // Whether data waits for an acknowledgement.
  bool owed() const { return !owed_.empty(); }
  // Probes for all that is owed, in the guest's name; nothing is owed afterwards.
  std::vector<std::vector<std::uint8_t>> take();
  // Forgets all connections: the guest's stack starts anew.
  void clear() { owed_.clear(); }

 private:
  struct Owed {
    TcpConnection connection;
    std::uint32_t end;                  // the sequence number behind the data
    std::vector<std::uint8_t> headers;  // of the last segment
  };
  std::vector<Owed> owed_;
};

}  // namespace espalier::net
