// Captures of a guest's Ethernet port, for Wireshark and its kin.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "net/ethernet_port.h"

namespace espalier::net {

// A capture file: classic pcap with nanosecond time stamps, link type Ethernet. Every frame is in the file
// when write() returns, so a capture is whole however the emulator ends.
class PcapFile {
 public:
  // Creates or replaces the file. Otherwise one line that names it and says what is wrong.
  static std::expected<std::unique_ptr<PcapFile>, std::string> create(const std::string& path,
                                                                      const base::Logger& log);
  ~PcapFile();
  PcapFile(const PcapFile&) = delete;
  PcapFile& operator=(const PcapFile&) = delete;

  // `time_ns`: since 1970, or since whatever the capture's clock counts from. If the file cannot take it (a
  // full disk), says so once and leaves the capture as it was, whole records only.
  void write(Frame frame, std::uint64_t time_ns);

 private:
  PcapFile(std::string path, int fd, const base::Logger& log);
  bool put(std::span<const std::uint8_t> header, Frame frame);

  std::string path_;
  int fd_;
  const base::Logger& log_;
  std::uint64_t written_ = 0;
  bool failed_ = false;
};

// Sits in the cable: the MAC takes it for its peer, the network for its port. Frames that the guest sends are
// captured before the network sees them, frames for the guest once it has taken them.
class PcapTap final : public EthernetPort, public EthernetPeer {
 public:
  using Clock = std::function<std::uint64_t()>;
  // `clock` gives the time stamps; host_clock() or the machine's virtual time.
  PcapTap(PcapFile& file, Clock clock, EthernetPort& guest, EthernetPeer& network)
      : file_(file), clock_(std::move(clock)), guest_(guest), network_(network) {}

  // The host's time of day in nanoseconds.
  static std::uint64_t host_clock();

  bool can_receive() const override { return guest_.can_receive(); }
  bool receive(Frame frame) override;
  void on_receive_ready(std::function<void()> callback) override {
    guest_.on_receive_ready(std::move(callback));
  }
  void send(Frame frame) override;
  void guest_down() override { network_.guest_down(); }

 private:
  PcapFile& file_;
  Clock clock_;
  EthernetPort& guest_;
  EthernetPeer& network_;
};

}  // namespace espalier::net
