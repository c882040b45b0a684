// GPIO: levels, the GPIO matrix and pin interrupts (ESP32 TRM, chapter "IO_MUX and GPIO Matrix"; ESP-IDF
// soc/esp32/register/soc/gpio_reg.h, gpio_sd_reg.h). Base address 0x3FF44000; the sigma-delta registers at
// 0x3FF44F00 are part of it.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <functional>

#include "base/irq.h"
#include "devices/io_mux.h"
#include "devices/register_block.h"

namespace espalier::devices {

// A pad's level is what drives it: the guest's output (through the matrix, with inversion and open drain),
// else what set_input() puts on it from outside, else its pull resistors, else the level it last had.
class Gpio : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x1000;
  static constexpr unsigned kPins = IoMux::kPins;
  static constexpr unsigned kSignals = 256;  // of the matrix
  // GPIO_STRAPPING as the ROM prints it ("boot:0x13"): MTDI, GPIO0, GPIO2, GPIO4, MTDO, GPIO5 from bit 5
  // down.
  static constexpr std::uint32_t kStrapFlashBoot = 0x13;
  static constexpr std::uint32_t kStrapDownload = 0x0f;

  // Takes IoMux's on_change. `io_mux` must outlive this.
  Gpio(IoMux& io_mux, Context context);

  // A pad that the guest drives has changed, or the guest has begun to drive it.
  std::function<void(unsigned pin, bool level)> on_output;
  // A peripheral's input signal has changed, as the matrix routes it (gpio_sig_map.h numbers them).
  std::function<void(unsigned signal, bool level)> on_signal;
  // A pin with WAKEUP_ENABLE is at its wake-up level.
  std::function<void()> on_wakeup;

  // One line a core, and one a core for the NMI (interrupt sources 22 and 23).
  base::IrqLine& irq(unsigned cpu) { return irq_[cpu]; }
  base::IrqLine& nmi(unsigned cpu) { return nmi_[cpu]; }

  // The outside world drives a pin, or lets go of it.
  void set_input(unsigned pin, bool level);
  void release_input(unsigned pin);
  // A peripheral drives an output signal of the matrix; pins whose OUT_SEL names it follow.
  void set_signal(unsigned signal, bool level);
  // Level of a peripheral's input signal as the matrix routes it.
  bool signal_level(unsigned signal) const;
  bool level(unsigned pin) const { return levels_[pin]; }
  bool driven(unsigned pin) const;
  // What the RTC domain does with a pad of its own (RtcIo calls this). Such a pad's pulls are always the RTC
  // domain's; while it is `owned`, the RTC domain drives it, and the digital side neither drives nor reads
  // it.
  struct RtcPad {
    bool pull_up = false, pull_down = false;
    bool owned = false;
    bool drives = false, level = false;
  };
  void set_rtc_pad(unsigned pin, const RtcPad& pad);
  // The strapping pins' levels at the last power-on; what firmware and the ROM read.
  void set_strapping(std::uint32_t value) { strapping_ = value & 0x3f; }
  std::uint32_t strapping() const { return strapping_; }
  bool wakes() const;

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  // What a pin's pad is driven with from inside: nothing, or a level.
  enum class Drive : std::uint8_t { kNone, kLow, kHigh };

  Drive drive(unsigned pin) const;
  bool settled(unsigned pin) const;
  bool readable(unsigned pin) const;
  void update(unsigned pin);
  void update_word(unsigned word, std::uint32_t pins);
  void check_level_interrupt(unsigned pin);
  void trigger(unsigned pin);
  void update_lines();
  std::uint32_t input_word(unsigned word) const;
  std::uint32_t pending(unsigned word, unsigned enable_bit) const;

  IoMux& io_mux_;
  std::array<base::IrqLine, 2> irq_;
  std::array<base::IrqLine, 2> nmi_;
  std::uint32_t strapping_ = kStrapFlashBoot;

  std::bitset<kPins> levels_;
  std::bitset<kPins> driven_;
  std::bitset<kPins> external_;  // driven from outside
  std::bitset<kPins> external_level_;
  std::bitset<kPins> rtc_;  // pads of the RTC domain
  std::array<RtcPad, kPins> rtc_pads_{};
  std::bitset<kSignals> signals_;
  bool awake_ = false;
};

}  // namespace espalier::devices
