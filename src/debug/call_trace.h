// Follows requests from the network through the guest and back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "debug/call_recorder.h"
#include "debug/call_report.h"
#include "debug/frame_filter.h"
#include "net/ethernet_port.h"

namespace espalier::debug {

enum class CallTraceFormat : std::uint8_t { kText, kPerfetto };

struct CallTraceOptions {
  std::vector<FrameFilter> filters;  // of frames that are requests; any of them
  unsigned requests = 1;             // how many are followed
  unsigned depth = 64;               // of calls that are shown
  CallTraceFormat format = CallTraceFormat::kText;
};

// Sits in the cable, next to the MAC. A frame that is a request switches a CallRecorder on; the answer is a
// frame with data from the port that the request went to, to where that came from, and behind it the
// recording ends as soon as both cores wait, or the next request comes. So the machine runs at full speed but
// for that time.
class CallTrace final : public net::EthernetPort, public net::EthernetPeer {
 public:
  // `write` gets the text of each request when that is done, kPerfetto a whole file.
  CallTrace(esp32::Machine& machine, std::shared_ptr<const Symbols> symbols, CallTraceOptions options,
            std::function<void(std::string_view)> write);
  ~CallTrace();
  CallTrace(const CallTrace&) = delete;
  CallTrace& operator=(const CallTrace&) = delete;

  // Both have to stay until the next plug().
  void plug(net::EthernetPort& guest, net::EthernetPeer& network) { guest_ = &guest, network_ = &network; }
  // Writes what has been recorded of a request that is not done yet. How many have been followed.
  unsigned finish();

  bool can_receive() const override { return guest_->can_receive(); }
  bool receive(net::Frame frame) override;
  void on_receive_ready(std::function<void()> callback) override {
    guest_->on_receive_ready(std::move(callback));
  }
  void send(net::Frame frame) override;
  void guest_down() override { network_->guest_down(); }

  // A recording ends here, whatever happens: 2 million instructions are a second of a busy guest, or a
  // hundred requests of ESP-IDF's web server.
  static constexpr std::uint64_t kMostInstructions = 2'000'000;

 private:
  void turn_ended();
  void end(std::string_view why);

  esp32::Machine& machine_;
  std::shared_ptr<const Symbols> symbols_;
  CallTraceOptions options_;
  std::function<void(std::string_view)> write_;
  net::EthernetPort* guest_ = nullptr;
  net::EthernetPeer* network_ = nullptr;
  CallRecorder recorder_;
  std::vector<CallTraceEvent> events_;
  Endpoint client_, server_;  // of the request that is followed
  bool answered_ = false;
  unsigned followed_ = 0;
};

}  // namespace espalier::debug
