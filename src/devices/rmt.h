// RMT: the remote control peripheral, which sends and records pulse trains (ESP32 TRM, chapter "Remote
// Control Peripheral"; ESP-IDF soc/esp32/register/soc/rmt_reg.h). Base address 0x3FF56000, its memory at
// 0x3FF56800.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// 8 channels over 512 words of memory. A word is two pulses, each a duration in bits 14:0 and a level in bit
// 15; a duration of 0 ends the train. Sending takes the time the pulses take; TX_THR_EVENT comes after every
// TX_LIM words, so that drivers can refill what has been sent.
class Rmt : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kChannels = 8;
  static constexpr unsigned kBlock = 64;  // words of memory a channel
  static constexpr unsigned kWords = kChannels * kBlock;

  explicit Rmt(Context context);

  // Words that a channel has begun to send, without the one that ends the train.
  std::function<void(unsigned channel, std::span<const std::uint32_t> words)> on_transmit;
  // A pulse train arrives at a channel; it is recorded if the channel listens, and the rest is lost if it is
  // longer than the channel's memory (an error interrupt).
  void receive(unsigned channel, std::span<const std::uint32_t> words);

  base::IrqLine& irq() { return interrupts_.line; }
  void set_apb_hz(std::uint32_t hz) { apb_hz_ = hz ? hz : apb_hz_; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  struct Channel {
    std::uint32_t read_at = 0;   // next word to send, from the channel's first
    std::uint32_t write_at = 0;  // next word to record
    std::uint32_t apb_at = 0;    // next word through the DATA register
    bool sending = false;
    bool last = false;  // the running stretch ends the train
    base::Ticks due = base::kNever;
    void archive(base::Archive& ar) { ar(read_at, write_at, apb_at, sending, last, due); }
  };

  std::uint32_t size(unsigned channel) const;
  std::uint32_t word(unsigned channel, std::uint32_t at) const;
  void put(unsigned channel, std::uint32_t at, std::uint32_t word);
  base::Ticks duration(unsigned channel, std::uint64_t units) const;
  void conf1_written(unsigned channel, std::uint32_t value);
  void send_stretch(unsigned channel, base::Ticks from);
  void advance();
  void arm();
  std::uint32_t status(unsigned channel) const;

  Interrupts interrupts_;
  base::Timer alarm_;
  std::uint32_t apb_hz_ = 80'000'000;
  std::array<Channel, kChannels> channels_;
};

}  // namespace espalier::devices
