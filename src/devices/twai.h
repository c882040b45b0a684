// TWAI, the CAN controller: an SJA1000 in its extended (PeliCAN) layout, a byte a word (ESP32 TRM, chapter
// "Two-wire Automotive Interface"; ESP-IDF soc/esp32/register/soc/twai_struct.h; NXP SJA1000 data sheet).
// Base 0x3FF6B000.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "devices/register_block.h"

namespace espalier::devices {

// What a CAN bus carries.
struct CanFrame {
  bool extended = false;
  bool remote = false;
  std::uint32_t id = 0;  // 11 or 29 bits
  std::uint8_t length = 0;
  std::array<std::uint8_t, 8> data{};
  bool operator==(const CanFrame&) const = default;
};

// A frame takes the bus time of its bits (stuffing apart). Somebody must acknowledge it: on_transmit says
// whether anybody did. Without, it is an acknowledge error and sent again until it is aborted, as on a bus
// with one node; in self-test mode no acknowledge is needed.
class Twai : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;

  explicit Twai(Context context);

  std::function<bool(const CanFrame&)> on_transmit;
  // A frame on the bus, kept if it passes the acceptance filter and there is room.
  void receive(const CanFrame& frame);
  base::IrqLine& irq() { return line_; }
  void set_apb_hz(std::uint32_t hz) { apb_hz_ = hz ? hz : apb_hz_; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  using Buffer = std::array<std::uint8_t, 13>;

  bool reset_mode() const;
  void enter_reset_mode();
  void command(std::uint32_t value);
  void attempt();
  void attempt_over();
  void acknowledge_error();
  void update_error_state();
  void raise(std::uint32_t bits);
  void update_line();
  bool accepted(const Buffer& buffer) const;
  std::uint32_t status() const;
  base::Ticks frame_time(const CanFrame& frame) const;

  base::IrqLine line_;
  base::Timer timer_;
  std::uint32_t apb_hz_ = 80'000'000;

  std::uint32_t interrupts_ = 0;  // IR without the receive interrupt, which is a level
  Buffer tx_{};
  bool sending_ = false;
  bool single_shot_ = false, self_reception_ = false, abort_ = false;
  bool complete_ = true;  // TCS
  bool overrun_ = false;
  bool code_captured_ = false;  // ECC is held until it is read
  bool warning_ = false, passive_ = false;
  std::uint32_t tx_errors_ = 0, rx_errors_ = 0;
  std::deque<Buffer> rx_;
  std::uint32_t rx_bytes_ = 0;  // of the 64-byte FIFO
};

}  // namespace espalier::devices
