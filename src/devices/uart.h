// The ESP32's UART controllers (ESP32 TRM, chapter "UART Controllers"; ESP-IDF
// soc/esp32/register/soc/uart_reg.h).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>

#include "devices/interrupts.h"
#include "devices/register_block.h"
#include "devices/uart_at_command.h"
#include "devices/uart_autobaud.h"

namespace espalier::devices {

// One UART. UART0 lies at 0x3FF40000, UART1 at 0x3FF50000, UART2 at 0x3FF6E000; drivers write the transmit
// FIFO through the AHB alias of the same registers (0x60000000, 0x60010000, 0x6002E000): mount the same
// object at both.
//
// The line takes virtual time. A character lasts what CLKDIV and the frame format say; FIFO counts are
// computed from the time, and timers run only for an enabled interrupt, a loopback, or characters that are
// arriving.
//
// Outwards: bytes are handed to on_transmit in the moment the guest writes them, in order, so nothing is late
// and nothing is lost in a reset; only the counts and interrupts follow the line. (While flow control holds
// the transmitter they wait.) Inwards: receive() takes what the line has room for, bytes enter the FIFO one
// character time apart, and while the FIFO is full the sender waits, so no byte is lost however slow the
// guest is.
class Uart : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x100;

  // `number` (0 to 2) places the FIFOs in the shared memory, as MEM_TX_STATUS and MEM_RX_STATUS show it.
  Uart(std::string_view name, unsigned number, Context context);

  std::function<void(std::span<const std::uint8_t>)> on_transmit;
  // Called when the line has room again after receive() took less than it was given.
  std::function<void()> on_receive_ready;
  // A break condition was put on the line.
  std::function<void()> on_break;
  // The line to the interrupt matrix.
  base::IrqLine& irq() { return interrupts_.line; }

  // Puts bytes on the receive line; returns how many it took. The caller keeps the rest until
  // on_receive_ready.
  std::size_t receive(std::span<const std::uint8_t> bytes);
  // A character with an error arrives at once. A break arrives as a zero byte, as it does on the chip.
  enum class LineError : std::uint8_t { kParity, kFrame, kBreak };
  void receive_error(std::uint8_t byte, LineError error);
  // The other end's modem lines; true means asserted (low on the wire). Both are asserted at first.
  void set_cts(bool asserted);
  void set_dsr(bool asserted);

  // The APB clock, which the chip derives from its clock tree: 80 MHz from the PLL, else the crystal's.
  void set_apb_hz(std::uint32_t hz);
  // The reference tick, 1 MHz as firmware configures it.
  void set_ref_tick_hz(std::uint32_t hz);
  // What the other end sends at while the guest measures it (AUTOBAUD); at all other times both ends agree.
  void set_peer_baud(std::uint32_t baud) { peer_baud_ = baud; }
  // The line runs `factor` times as fast as configured: for consoles on which nobody wants to wait.
  void set_speedup(std::uint32_t factor);
  // The sender no longer waits when the FIFO is full: what does not fit is lost, and RXFIFO_OVF is raised.
  void set_overrun(bool allowed) { overrun_ = allowed; }
  // True when the last bit has left.
  bool transmitter_idle();

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  // Time on the line.
  std::uint32_t source_hz() const;
  base::Ticks line_time(std::uint64_t half_bits) const;
  unsigned data_bits() const;
  unsigned frame_half_bits() const;
  base::Ticks receive_time() const;
  unsigned line_state(base::Ticks start, base::Ticks now) const;

  // Transmitter.
  std::uint32_t tx_level() const { return static_cast<std::uint32_t>(tx_.size()) - shifting_; }
  std::uint32_t tx_threshold() const;
  base::Ticks tx_end(std::uint64_t characters) const;
  bool tx_held() const;
  bool loops_back() const;
  void push(std::uint8_t byte);
  void emit();
  void start(base::Ticks at);
  void begin_character(base::Ticks at);
  void transmit(base::Ticks now);
  void restart_character();
  void arm_tx();
  void send_flow_character(std::uint8_t byte);

  // Receiver.
  std::uint32_t rx_threshold() const;
  std::uint32_t rx_flow_threshold() const;
  bool sender_waits() const;
  void arrive(base::Ticks now);
  void expire(base::Ticks until);
  void take(std::uint8_t byte, base::Ticks at, std::uint32_t errors = 0);
  bool take_flow_character(std::uint8_t byte);
  std::uint8_t pop();
  void restart_timeout(base::Ticks from);
  void check_software_flow();
  void arm_rx();

  base::Ticks catch_up();
  void settle(base::Ticks now);
  std::uint32_t capacity(unsigned high, unsigned low) const;
  std::uint32_t status(base::Ticks now) const;
  std::uint32_t memory_status(unsigned first_block, std::uint32_t size, std::uint32_t end,
                              std::size_t held) const;
  void write_conf0(std::uint32_t value);
  void write_flow_conf(std::uint32_t value);

  unsigned number_;
  Interrupts interrupts_;
  base::Timer tx_timer_;
  base::Timer rx_timer_;

  std::uint32_t apb_hz_ = 80'000'000;
  std::uint32_t ref_tick_hz_ = 1'000'000;
  std::uint32_t peer_baud_ = 115'200;
  std::uint32_t speedup_ = 1;
  bool overrun_ = false;

  // Transmitter: tx_ is the FIFO, with the character in the shifter in front of it while one is under way.
  std::deque<std::uint8_t> tx_;
  std::uint32_t unsent_ = 0;  // so many at the end of tx_ has on_transmit not had yet
  bool shifting_ = false;
  base::Ticks tx_epoch_ = 0;  // when the present run of characters began
  std::uint64_t tx_run_ = 0;  // characters of it that have left
  // When the character in the shifter began and ends; kNever while there is none. By the three above.
  base::Ticks tx_begun_ = base::kNever;
  base::Ticks tx_due_ = base::kNever;
  std::uint32_t tx_written_ = 0;
  bool break_sent_ = false;  // TXD_BRK has been obeyed; it is once, until it is cleared
  base::Ticks break_end_ = base::kNever;
  base::Ticks break_idle_end_ = base::kNever;
  bool xoff_ = false;  // the other end stopped us

  // Receiver: line_ is what the sender has handed over and has not arrived.
  std::deque<std::uint8_t> line_;
  std::deque<std::uint8_t> rx_;
  base::Ticks next_arrival_ = base::kNever;  // kNever also while the sender waits
  base::Ticks last_arrival_ = 0;
  base::Ticks timeout_at_ = base::kNever;
  bool sender_refused_ = false;  // receive() took less than offered
  bool sent_xoff_ = false;
  std::uint32_t rx_written_ = 0;
  std::uint8_t last_read_ = 0;
  bool cts_ = true;
  bool dsr_ = true;
  // Until then catch_up() has nothing to do unless something changes from outside, which settle() follows.
  base::Ticks quiet_until_ = 0;
  UartAtCommand at_command_;
  UartAutobaud autobaud_;
};

}  // namespace espalier::devices
