// The UART's line: characters leaving and arriving in virtual time.
#include <algorithm>
#include <array>

#include "devices/uart.h"
#include "devices/uart_registers.h"

namespace espalier::devices {

using namespace uart;
using base::kNever;
using base::Ticks;

// ---- Time on the line

std::uint32_t Uart::source_hz() const {
  return bit(UART_CONF0_REG, TICK_REF_ALWAYS_ON) ? apb_hz_ : ref_tick_hz_;
}

Ticks Uart::line_time(std::uint64_t half_bits) const {
  // A bit lasts CLKDIV + CLKDIV_FRAG / 16 cycles of the source clock.
  const std::uint64_t sixteenths =
      std::max(field(UART_CLKDIV_REG, 19, 0) << 4 | field(UART_CLKDIV_REG, 23, 20), std::uint32_t{16});
  const std::uint64_t per = std::uint64_t{32} * source_hz() * speedup_;
  // Firmware polls the status register, so this is worth a division of 64 bits where the numbers fit: in runs
  // of up to some 10,000 characters.
  constexpr std::uint64_t kFits = (~std::uint64_t{0} >> 1) / base::kTicksPerSecond;
  if (half_bits < (std::uint64_t{1} << 32) && half_bits * sixteenths <= kFits)
    return (half_bits * sixteenths * base::kTicksPerSecond + per - 1) / per;
  return static_cast<Ticks>(
      (static_cast<unsigned __int128>(half_bits) * sixteenths * base::kTicksPerSecond + per - 1) / per);
}

unsigned Uart::data_bits() const {
  return 5 + field(UART_CONF0_REG, 3, 2);
}

unsigned Uart::frame_half_bits() const {
  // STOP_BIT_NUM 1, 2, 3 is 1, 1.5, 2 bits; the DLn_EN bits add one each (drivers make 2 stop bits that way).
  const unsigned stop = std::max(field(UART_CONF0_REG, 5, 4), 1u) + 1;
  return 2 * (1 + data_bits() + bit(UART_CONF0_REG, PARITY_EN)) + stop +
         2 * (bit(UART_RS485_CONF_REG, DL0_EN) + bit(UART_RS485_CONF_REG, DL1_EN));
}

Ticks Uart::receive_time() const {
  if (bit(UART_AUTOBAUD_REG, 0)) return base::ticks_for(frame_half_bits(), 2 * peer_baud_);
  return line_time(frame_half_bits());
}

// Of a character that began at `start`.
unsigned Uart::line_state(Ticks start, Ticks now) const {
  // 1: start bit, 2 to 9: data, 10: parity, 11: stop (STATUS, ST_UTX_OUT and ST_URX_OUT).
  const Ticks passed = now > start ? now - start : 0;
  const auto index = static_cast<unsigned>(passed / std::max(line_time(2), Ticks{1}));
  if (index == 0) return 1;
  if (index <= data_bits()) return 1 + index;
  return index == data_bits() + 1 && bit(UART_CONF0_REG, PARITY_EN) ? 10 : 11;
}

void Uart::set_apb_hz(std::uint32_t hz) {
  if (hz == apb_hz_ || hz == 0) return;
  catch_up();
  apb_hz_ = hz;
  restart_character();
}

void Uart::set_ref_tick_hz(std::uint32_t hz) {
  if (hz == ref_tick_hz_ || hz == 0) return;
  catch_up();
  ref_tick_hz_ = hz;
  restart_character();
}

void Uart::set_speedup(std::uint32_t factor) {
  catch_up();
  speedup_ = std::max(factor, std::uint32_t{1});
  restart_character();
}

// ---- Transmitter

std::uint32_t Uart::capacity(unsigned high, unsigned low) const {
  return std::max(field(UART_MEM_CONF_REG, high, low), 1u) * kBlock;
}

std::uint32_t Uart::tx_threshold() const {
  return field(UART_MEM_CONF_REG, 30, 28) << 7 | field(UART_CONF1_REG, 14, 8);
}

Ticks Uart::tx_end(std::uint64_t characters) const {
  return tx_epoch_ + line_time((tx_run_ + characters) * frame_half_bits());
}

bool Uart::tx_held() const {
  return bit(UART_FLOW_CONF_REG, FORCE_XOFF) || (xoff_ && bit(UART_FLOW_CONF_REG, SW_FLOW_CON_EN)) ||
         (bit(UART_CONF0_REG, TX_FLOW_EN) && cts_ == bit(UART_CONF0_REG, CTS_INV) &&
          !bit(UART_CONF0_REG, LOOPBACK));
}

bool Uart::loops_back() const {
  return bit(UART_CONF0_REG, LOOPBACK) ||
         (bit(UART_RS485_CONF_REG, RS485_EN) && bit(UART_RS485_CONF_REG, RS485TX_RX_EN));
}

bool Uart::transmitter_idle() {
  catch_up();
  return tx_.empty() && break_end_ == kNever;
}

void Uart::push(std::uint8_t byte) {
  if (bit(UART_CONF0_REG, TXFIFO_RST)) return;
  if (tx_level() >= capacity(10, 7)) {
    log().debug(base::LogArea::kGuestError, "{}: byte {:#04x} written to a full transmit FIFO is lost",
                name(), byte);
    return;
  }
  tx_.push_back(byte & ((1u << data_bits()) - 1));
  ++tx_written_;
  ++unsent_;
}

void Uart::emit() {
  if (unsent_ == 0 || tx_held()) return;
  std::array<std::uint8_t, 2048> bytes;  // more than the largest FIFO and the shifter
  const std::size_t n = std::min<std::size_t>(unsent_, bytes.size());
  std::copy(tx_.end() - unsent_, tx_.end() - unsent_ + static_cast<std::ptrdiff_t>(n), bytes.begin());
  unsent_ = 0;
  if (tracer().on(base::TraceEvent::uart_tx))
    for (std::size_t i = 0; i < n; ++i) tracer().trace<base::TraceEvent::uart_tx>(number_, bytes[i]);
  if (on_transmit) on_transmit(std::span(bytes.data(), n));
}

void Uart::start(Ticks at) {
  if (shifting_ || break_end_ != kNever || tx_held()) return;
  if (!tx_.empty()) {
    shifting_ = true;
    tx_epoch_ = at;
    tx_run_ = 0;
    begin_character(at);
  } else if (bit(UART_CONF0_REG, TXD_BRK) && !break_sent_) {
    break_sent_ = true;
    break_end_ = at + line_time(std::uint64_t{2} * field(UART_IDLE_CONF_REG, 27, 20));
    if (on_break) on_break();
  }
}

// One whose end is kept, as each look at the line would have to divide for it.
void Uart::begin_character(Ticks at) {
  tx_begun_ = shifting_ ? at : kNever;
  tx_due_ = shifting_ ? tx_end(1) : kNever;
}

void Uart::transmit(Ticks now) {
  for (;;) {
    if (break_end_ <= now) {
      const Ticks end = break_end_;
      break_end_ = kNever;
      break_idle_end_ = end + line_time(std::uint64_t{2} * field(UART_IDLE_CONF_REG, 19, 10));
      interrupts_.raise(TX_BRK_DONE);
      if (loops_back()) take(0, end, BRK_DET);
      start(end);
    }
    if (break_idle_end_ <= now) {
      break_idle_end_ = kNever;
      interrupts_.raise(TX_BRK_IDLE_DONE);
    }
    if (!shifting_) return;
    const Ticks end = tx_due_;
    if (end > now) return;
    const std::uint8_t byte = tx_.front();
    tx_.pop_front();
    ++tx_run_;
    if (tx_.empty() || tx_held()) shifting_ = false;
    begin_character(end);
    if (tx_.empty()) interrupts_.raise(TX_DONE);
    if (loops_back()) take(byte, end);
    start(end);
  }
}

void Uart::restart_character() {
  const Ticks now = events().now();
  if (shifting_) {
    tx_epoch_ = now;
    tx_run_ = 0;
    begin_character(now);
  }
  if (next_arrival_ != kNever) next_arrival_ = now + receive_time();
  settle(now);
}

void Uart::arm_tx() {
  Ticks at = std::min(break_end_, (interrupts_.enabled() & TX_BRK_IDLE_DONE) ? break_idle_end_ : kNever);
  if (shifting_) {
    const std::uint32_t wanted = interrupts_.enabled() & ~interrupts_.raw();
    if (loops_back() || (bit(UART_CONF0_REG, TXD_BRK) && !break_sent_) || tx_held())
      at = std::min(at, tx_due_);
    if ((wanted & TXFIFO_EMPTY) && tx_level() > tx_threshold())
      at = std::min(at, tx_end(tx_level() - tx_threshold()));
    if (wanted & TX_DONE) at = std::min(at, tx_end(tx_.size()));
  }
  if (at != tx_timer_.deadline()) tx_timer_.arm(at);
}

// Goes out ahead of what lies in the FIFO; its time on the line is not counted.
void Uart::send_flow_character(std::uint8_t byte) {
  if (on_transmit) on_transmit(std::span(&byte, 1));
}

// ---- Receiver

std::uint32_t Uart::rx_threshold() const {
  // "At least" and never 0: drivers set 1 and expect an interrupt for the first character.
  return std::max(field(UART_MEM_CONF_REG, 27, 25) << 7 | field(UART_CONF1_REG, 6, 0), 1u);
}

std::uint32_t Uart::rx_flow_threshold() const {
  return std::max(field(UART_MEM_CONF_REG, 17, 15) << 7 | field(UART_CONF1_REG, 22, 16), 1u);
}

bool Uart::sender_waits() const {
  if (bit(UART_CONF0_REG, LOOPBACK)) return true;  // the pin is not connected
  if (overrun_) return false;
  return rx_.size() >= capacity(6, 3) || bit(UART_CONF0_REG, RXFIFO_RST) || sent_xoff_ ||
         (bit(UART_CONF1_REG, RX_FLOW_EN) && rx_.size() >= rx_flow_threshold());
}

std::size_t Uart::receive(std::span<const std::uint8_t> bytes) {
  const Ticks now = catch_up();
  const std::size_t n = std::min(bytes.size(), kLineRoom - std::min(line_.size(), kLineRoom));
  line_.insert(line_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
  sender_refused_ = n < bytes.size();
  settle(now);
  return n;
}

void Uart::receive_error(std::uint8_t byte, LineError error) {
  const Ticks now = catch_up();
  constexpr std::uint32_t kBits[] = {PARITY_ERR, FRM_ERR, BRK_DET};
  take(error == LineError::kBreak ? 0 : byte, now, kBits[static_cast<unsigned>(error)]);
  settle(now);
}

void Uart::set_cts(bool asserted) {
  const Ticks now = catch_up();
  if (asserted != cts_) interrupts_.raise(CTS_CHG);
  cts_ = asserted;
  settle(now);
}

void Uart::set_dsr(bool asserted) {
  catch_up();
  if (asserted != dsr_) interrupts_.raise(DSR_CHG);
  dsr_ = asserted;
}

// Raises what silence on the line brings, up to `until`.
void Uart::expire(Ticks until) {
  if (timeout_at_ <= until) {
    timeout_at_ = kNever;
    if (!rx_.empty()) interrupts_.raise(RXFIFO_TOUT);
  }
  if (at_command_.due() <= until) {
    at_command_.done();
    interrupts_.raise(AT_CMD_CHAR_DET);
  }
}

void Uart::arrive(Ticks now) {
  while (next_arrival_ <= now) {
    if (sender_waits()) {
      next_arrival_ = kNever;
      break;
    }
    const Ticks at = next_arrival_;
    const std::uint8_t byte = line_.front();
    line_.pop_front();
    next_arrival_ = line_.empty() ? kNever : at + receive_time();
    take(byte, at);
  }
  expire(now);
}

void Uart::take(std::uint8_t byte, Ticks at, std::uint32_t errors) {
  const Ticks time = receive_time();
  const Ticks begin = at > time ? at - time : 0;
  expire(begin);
  byte &= static_cast<std::uint8_t>((1u << data_bits()) - 1);
  if (bit(UART_AUTOBAUD_REG, 0))
    autobaud_.character(byte, data_bits(), apb_hz_ / peer_baud_,
                        begin <= last_arrival_ && last_arrival_ != 0);
  const UartAtCommand::Rule rule = {
      static_cast<std::uint8_t>(field(UART_AT_CMD_CHAR_REG, 7, 0)), field(UART_AT_CMD_CHAR_REG, 15, 8),
      base::ticks_for(get(UART_AT_CMD_PRECNT_REG), apb_hz_),
      base::ticks_for(get(UART_AT_CMD_GAPTOUT_REG), apb_hz_) + line_time(1),  // half a bit of rounding
      base::ticks_for(get(UART_AT_CMD_POSTCNT_REG), apb_hz_)};
  at_command_.character(rule, byte, begin, at);
  last_arrival_ = at;
  tracer().trace<base::TraceEvent::uart_rx>(number_, byte);
  interrupts_.raise(errors);
  const bool drop = bit(UART_CONF0_REG, RXFIFO_RST) || (errors && bit(UART_CONF0_REG, ERR_WR_MASK));
  if (drop || take_flow_character(byte)) return;
  if (rx_.size() >= capacity(6, 3)) {
    interrupts_.raise(RXFIFO_OVF);
    return;
  }
  rx_.push_back(byte);
  ++rx_written_;
  restart_timeout(at);
  check_software_flow();
}

// XON and XOFF steer the transmitter; true if the character is to be kept out of the FIFO.
bool Uart::take_flow_character(std::uint8_t byte) {
  if (!bit(UART_FLOW_CONF_REG, SW_FLOW_CON_EN)) return false;
  const bool on = byte == field(UART_SWFC_CONF_REG, 23, 16);
  const bool off = byte == field(UART_SWFC_CONF_REG, 31, 24);
  if (!on && !off) return false;
  xoff_ = off;
  interrupts_.raise(off ? SW_XOFF : SW_XON);
  return bit(UART_FLOW_CONF_REG, XONOFF_DEL);
}

std::uint8_t Uart::pop() {
  if (rx_.empty()) return last_read_;
  last_read_ = rx_.front();
  rx_.pop_front();
  check_software_flow();
  return last_read_;
}

void Uart::restart_timeout(Ticks from) {
  timeout_at_ = kNever;
  if (!bit(UART_CONF1_REG, RX_TOUT_EN) || rx_.empty()) return;
  const std::uint32_t threshold = field(UART_MEM_CONF_REG, 20, 18) << 7 | field(UART_CONF1_REG, 30, 24);
  // Counted in 8 bit times on the APB clock; on the reference tick, by ESP-IDF's calibration, in 1/8.
  timeout_at_ =
      from + (bit(UART_CONF0_REG, TICK_REF_ALWAYS_ON) ? line_time(std::uint64_t{16} * threshold)
                                                      : line_time(std::uint64_t{2} * threshold) / 8);
}

void Uart::check_software_flow() {
  if (!bit(UART_FLOW_CONF_REG, SW_FLOW_CON_EN)) return;
  const std::uint32_t on = field(UART_MEM_CONF_REG, 22, 21) << 8 | field(UART_SWFC_CONF_REG, 7, 0);
  const std::uint32_t off = field(UART_MEM_CONF_REG, 24, 23) << 8 | field(UART_SWFC_CONF_REG, 15, 8);
  if (!sent_xoff_ && rx_.size() > off) {
    sent_xoff_ = true;
    send_flow_character(static_cast<std::uint8_t>(field(UART_SWFC_CONF_REG, 31, 24)));
  } else if (sent_xoff_ && rx_.size() <= on) {
    sent_xoff_ = false;
    send_flow_character(static_cast<std::uint8_t>(field(UART_SWFC_CONF_REG, 23, 16)));
  }
}

void Uart::arm_rx() {
  Ticks at = std::min(next_arrival_, at_command_.due());
  if (interrupts_.enabled() & ~interrupts_.raw() & RXFIFO_TOUT) at = std::min(at, timeout_at_);
  if (at != rx_timer_.deadline()) rx_timer_.arm(at);
}

}  // namespace espalier::devices
