// The OpenCores 10/100 Ethernet MAC, where ESP-IDF's openeth driver looks for it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/event_queue.h"
#include "base/irq.h"
#include "devices/dma.h"
#include "devices/mii_phy.h"
#include "devices/register_block.h"
#include "net/ethernet_address.h"
#include "net/ethernet_port.h"

namespace espalier::devices {

// No ESP32 has this MAC: emulators mount it in the place of the chip's own EMAC (0x3FF69000, interrupt source
// ETH_MAC), and ESP-IDF has a driver for it (components/esp_eth/src/openeth). Facts: "Ethernet IP Core
// Specification" (opencores.org, ethmac), the core's behaviour where the text is silent, and what the driver
// expects.
//
// Registers lie at +0, 128 buffer descriptors at +0x400: transmit first, receive from number TX_BD_NUM on.
// A frame is sent in the moment its descriptor is made ready (the driver does not wait for completion and
// uses the buffer again), and a frame that arrives is in the guest's memory when receive() returns. Received
// lengths include the four bytes of the check sequence, as on the wire; frames are padded to the wire's 64
// bytes.
//
// Unlike the core's, INT_SOURCE's bits survive being cleared if their event has come again since the guest
// read them; the guest then gets one interrupt more. ESP-IDF's driver wakes its task before it clears RXB. On
// the chip it clears it long before that task, on the other core, can have emptied the ring and gone to sleep
// again. Our cores take turns, so it can, and a frame that came in between would lie there until the next
// one.
class OpenEth final : public RegisterBlock, public net::EthernetPort {
 public:
  static constexpr std::uint32_t kSize = 0x800;

  OpenEth(Context context, DmaBus& dma);

  base::IrqLine irq;

  // What is at the other end of the cable; none at first, and frames sent go nowhere.
  void connect(net::EthernetPeer* peer) { peer_ = peer; }
  // The MAC address that the guest has set; 0: none yet.
  net::EthernetAddress address() const;
  // Plugs the cable in or pulls it; plugged in at first. The PHY shows it, and without it nothing passes.
  void set_cable(bool plugged);

  bool can_receive() const override { return !ready_timer_.armed() && has_buffer(); }
  bool receive(net::Frame frame) override;
  void on_receive_ready(std::function<void()> callback) override { ready_callback_ = std::move(callback); }

  void write(std::uint32_t offset, std::uint32_t value) override;
  void write_masked(std::uint32_t offset, std::uint32_t value, std::uint32_t mask) override;
  std::uint32_t peek(std::uint32_t offset) override;
  std::uint32_t read(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  void mac_reset();
  bool receiving() const;
  bool transmitting() const;
  bool hears() const;
  bool has_buffer() const;
  bool address_matches(net::Frame frame) const;
  bool take_pause(net::Frame frame);
  void write_moder(std::uint32_t value);
  void write_mii_command(std::uint32_t value);
  void send_pause();
  void transmit_ready();
  void transmit_one();
  bool store(std::span<const std::uint8_t> frame, std::uint32_t status);
  void hand_over(std::span<const std::uint8_t> frame);
  template <base::TraceEvent event>
  void trace_frame(std::span<const std::uint8_t> frame);
  void raise(std::uint32_t bits);
  void update_irq();
  void note_buffers();

  std::uint32_t tx_count() const;
  std::uint32_t descriptor(std::uint32_t index) const;
  void set_descriptor(std::uint32_t index, std::uint32_t word);
  std::uint32_t buffer(std::uint32_t index) const;

  DmaBus& dma_;
  net::EthernetPeer* peer_ = nullptr;
  MiiPhy phy_;
  std::uint32_t tx_next_ = 0;  // the descriptor whose turn it is
  std::uint32_t rx_next_ = 0;
  bool in_transmit_ = false;
  bool had_buffer_ = false;
  // INT_SOURCE's bits that the guest has read as 1, and those of them that have been raised once more since.
  std::uint32_t seen_ = 0;
  std::uint32_t raised_again_ = 0;
  std::function<void()> ready_callback_;
  // Between the guest's freeing of a buffer and the next frame lies at least a frame's time on the wire.
  base::Timer ready_timer_;
  // A PAUSE frame holds the transmitter.
  base::Timer pause_timer_;
  std::vector<std::uint8_t> tx_frame_;
  std::vector<std::uint8_t> rx_frame_;
};

}  // namespace espalier::devices
