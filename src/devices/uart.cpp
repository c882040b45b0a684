#include "devices/uart.h"

#include <algorithm>

#include "devices/uart_registers.h"

namespace espalier::devices {
using namespace uart;
using base::kNever;
using base::Ticks;

namespace {

// Reset values: ESP-IDF soc/esp32/register/soc/uart_reg.h.
constexpr Reg kRegisters[] = {
    {UART_FIFO_REG, 0, 0},
    {UART_INT_RAW_REG, 0, 0},
    {UART_INT_ST_REG, 0, 0},
    {UART_INT_ENA_REG, 0, 0},
    {UART_INT_CLR_REG, 0, 0},
    {UART_CLKDIV_REG, 0x2b6, 0x00ffffff},
    {UART_AUTOBAUD_REG, 0x1000, 0x0000ff01},
    {UART_STATUS_REG, 0, 0},
    {UART_CONF0_REG, 0x0800001c, 0x0fffffff},
    {UART_CONF1_REG, 0x00006060, 0xffff7f7f},
    {UART_LOWPULSE_REG, 0, 0},
    {UART_HIGHPULSE_REG, 0, 0},
    {UART_RXD_CNT_REG, 0, 0},
    {UART_FLOW_CONF_REG, 0, 0x3f},
    {UART_SLEEP_CONF_REG, 0xf0, 0x3ff},
    {UART_SWFC_CONF_REG, 0x1311e000, 0xffffffff},
    {UART_IDLE_CONF_REG, 0x00a40100, 0x0fffffff},
    {UART_RS485_CONF_REG, 0, 0x3ff},
    {UART_AT_CMD_PRECNT_REG, 0x00186a00, 0x00ffffff},
    {UART_AT_CMD_POSTCNT_REG, 0x00186a00, 0x00ffffff},
    {UART_AT_CMD_GAPTOUT_REG, 0x1e00, 0x00ffffff},
    {UART_AT_CMD_CHAR_REG, 0x32b, 0xffff},
    {UART_MEM_CONF_REG, 0x88, 0x7fff87f9},
    {UART_MEM_TX_STATUS_REG, 0, 0},
    {UART_MEM_RX_STATUS_REG, 0, 0},
    {UART_MEM_CNT_STATUS_REG, 0, 0},
    {UART_POSPULSE_REG, 0, 0},
    {UART_NEGPULSE_REG, 0, 0},
    {UART_DATE_REG, 0x15122500, 0xffffffff},
    {UART_ID_REG, 0x500, 0xffffffff},
};

}  // namespace

Uart::Uart(std::string_view name, unsigned number, Context context)
    : RegisterBlock(name, kSize, kRegisters, context),
      number_(number),
      interrupts_({UART_INT_RAW_REG, UART_INT_ST_REG, UART_INT_ENA_REG, UART_INT_CLR_REG, 0x7ffff}),
      tx_timer_(context.events, [this] { catch_up(); }),
      rx_timer_(context.events, [this] { catch_up(); }) {}

// Brings counts and interrupts up to the present, and tells it.
Ticks Uart::catch_up() {
  const Ticks now = events().now();
  if (now < quiet_until_) return now;
  transmit(now);
  arrive(now);
  settle(now);
  return now;
}

// After anything changed: hands out and restarts what may go on, raises the interrupts that are levels, sets
// the timers.
void Uart::settle(Ticks now) {
  emit();
  start(now);
  if (next_arrival_ == kNever && !line_.empty() && !sender_waits()) {
    // Outside, bytes are known as soon as the guest writes them, but nobody on a wire answers what has not
    // left yet. Firmware counts on it: ESP-IDF's test menu prompts, waits for the line to fall idle and drops
    // what came before.
    const Ticks heard = shifting_ ? std::max(now, tx_end(tx_.size())) : now;
    next_arrival_ = heard + receive_time();
  }
  interrupts_.raise((tx_level() <= tx_threshold() ? TXFIFO_EMPTY : 0) |
                    (rx_.size() >= rx_threshold() ? RXFIFO_FULL : 0));
  arm_tx();
  arm_rx();
  if (sender_refused_ && line_.size() <= kLineRoom / 2) {
    sender_refused_ = false;
    if (on_receive_ready) on_receive_ready();
  }
  quiet_until_ =
      std::min({break_end_, break_idle_end_, tx_due_, next_arrival_, timeout_at_, at_command_.due()});
}

std::uint32_t Uart::status(Ticks now) const {
  const bool receiving = next_arrival_ != kNever;
  const bool rts =
      bit(UART_CONF1_REG, RX_FLOW_EN) ? rx_.size() < rx_flow_threshold() : bit(UART_CONF0_REG, SW_RTS);
  std::uint32_t s = static_cast<std::uint32_t>(rx_.size() & 0xff) | (tx_level() & 0xff) << 16;
  if (receiving) s |= line_state(next_arrival_ - receive_time(), now) << 8;
  if (shifting_) s |= line_state(tx_begun_, now) << 24;
  if (break_end_ != kNever) s |= 2u << 24;
  s |= 1u << 15;                                                                // RXD
  s |= static_cast<std::uint32_t>(break_end_ == kNever) << 31;                  // TXD
  s |= static_cast<std::uint32_t>(cts_ == bit(UART_CONF0_REG, CTS_INV)) << 14;  // CTSN
  s |= static_cast<std::uint32_t>(dsr_ == bit(UART_CONF0_REG, DSR_INV)) << 13;
  s |= static_cast<std::uint32_t>(rts == bit(UART_CONF0_REG, RTS_INV)) << 30;
  s |= static_cast<std::uint32_t>(bit(UART_CONF0_REG, SW_DTR) == bit(UART_CONF0_REG, DTR_INV)) << 29;
  return s;
}

// Read and write addresses of a FIFO in the shared memory; drivers take the number of bytes from their
// difference.
std::uint32_t Uart::memory_status(unsigned first_block, std::uint32_t size, std::uint32_t end,
                                  std::size_t held) const {
  const std::uint32_t base = first_block * kBlock;
  const std::uint32_t write_at = base + end % size;
  const std::uint32_t read_at = base + (end - static_cast<std::uint32_t>(held)) % size;
  return (read_at & 0x7ff) << 2 | (write_at & 0x7ff) << 13;
}

std::uint32_t Uart::peek(std::uint32_t offset) {
  const Ticks now = catch_up();
  if (interrupts_.owns(offset)) return interrupts_.read(offset);
  switch (offset) {
    case UART_FIFO_REG:
      return rx_.empty() ? last_read_ : rx_.front();
    case UART_STATUS_REG:
      return status(now);
    case UART_LOWPULSE_REG:
      return autobaud_.low();
    case UART_HIGHPULSE_REG:
      return autobaud_.high();
    case UART_POSPULSE_REG:
      return autobaud_.positive();
    case UART_NEGPULSE_REG:
      return autobaud_.negative();
    case UART_RXD_CNT_REG:
      return autobaud_.edges();
    case UART_MEM_TX_STATUS_REG:
      return memory_status(number_, capacity(10, 7), tx_written_, tx_level());
    case UART_MEM_RX_STATUS_REG:
      return memory_status(kFirstReceiveBlock + number_, capacity(6, 3), rx_written_, rx_.size());
    case UART_MEM_CNT_STATUS_REG:
      return static_cast<std::uint32_t>(rx_.size() >> 8 & 7) | (tx_level() >> 8 & 7) << 3;
    default:
      return get(offset);
  }
}

std::uint32_t Uart::read(std::uint32_t offset) {
  // Drivers look before each character that they write.
  if (offset == UART_STATUS_REG) return status(catch_up());
  if (offset == UART_FIFO_REG) {
    const Ticks now = catch_up();
    const std::uint8_t byte = pop();
    settle(now);
    return byte;
  }
  RegisterBlock::read(offset);  // for the log
  return peek(offset);
}

void Uart::write(std::uint32_t offset, std::uint32_t value) {
  const Ticks now = catch_up();
  if (offset == UART_FIFO_REG) {
    push(static_cast<std::uint8_t>(value));
    return settle(now);
  }
  if (interrupts_.owns(offset)) {
    interrupts_.write(offset, value);
    // The timeout counts again while there is something to fetch, so that no driver loses a tail of data.
    if (offset == UART_INT_CLR_REG && (value & RXFIFO_TOUT)) restart_timeout(now);
    return settle(now);
  }
  const std::uint32_t before = get(offset);
  RegisterBlock::write(offset, value);
  const std::uint32_t changed = before ^ get(offset);
  switch (offset) {
    case UART_CONF0_REG:
      write_conf0(changed);
      break;
    case UART_CLKDIV_REG:
    case UART_RS485_CONF_REG:
      if (changed) restart_character();
      break;
    case UART_AUTOBAUD_REG:
      if (changed & value & 1) autobaud_.start();
      break;
    case UART_CONF1_REG:
      if (changed & (1u << RX_TOUT_EN | 0x7fu << 24)) restart_timeout(now);
      break;
    case UART_FLOW_CONF_REG:
      write_flow_conf(changed);
      break;
    default:
      break;
  }
  settle(now);
}

void Uart::write_conf0(std::uint32_t changed) {
  if (bit(UART_CONF0_REG, RXFIFO_RST)) {
    rx_.clear();
    rx_written_ = 0;
    timeout_at_ = kNever;
    check_software_flow();
  }
  if (bit(UART_CONF0_REG, TXFIFO_RST)) {
    tx_.resize(shifting_ ? 1 : 0);  // what is in the shifter leaves
    unsent_ = 0;
    tx_written_ = 0;
  }
  if (!bit(UART_CONF0_REG, TXD_BRK)) break_sent_ = false;
  constexpr std::uint32_t kFormat = 0x3e | 1u << TICK_REF_ALWAYS_ON;
  if (changed & kFormat) restart_character();
}

void Uart::write_flow_conf(std::uint32_t changed) {
  const std::uint32_t set_now = changed & get(UART_FLOW_CONF_REG);
  if (set_now >> FORCE_XON & 1) xoff_ = false;
  if (set_now >> SEND_XON & 1)
    send_flow_character(static_cast<std::uint8_t>(field(UART_SWFC_CONF_REG, 23, 16)));
  if (set_now >> SEND_XOFF & 1)
    send_flow_character(static_cast<std::uint8_t>(field(UART_SWFC_CONF_REG, 31, 24)));
  if (!bit(UART_FLOW_CONF_REG, SW_FLOW_CON_EN)) xoff_ = sent_xoff_ = false;
}

void Uart::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  tx_.clear();
  rx_.clear();
  unsent_ = 0;
  shifting_ = break_sent_ = xoff_ = sent_xoff_ = false;
  tx_begun_ = tx_due_ = kNever;
  tx_written_ = rx_written_ = 0;
  break_end_ = break_idle_end_ = timeout_at_ = next_arrival_ = kNever;
  last_read_ = 0;
  at_command_ = {};
  autobaud_ = {};
  interrupts_.reset();
  settle(events().now());  // what the sender still holds arrives in the new life
}

void Uart::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  ar(interrupts_, apb_hz_, ref_tick_hz_, peer_baud_, speedup_, overrun_, tx_, unsent_, shifting_, tx_epoch_,
     tx_run_, tx_written_, break_sent_, break_end_, break_idle_end_, xoff_, line_, rx_, next_arrival_,
     last_arrival_, timeout_at_, sender_refused_, sent_xoff_, rx_written_, last_read_, cts_, dsr_,
     at_command_, autobaud_);
  if (ar.is_saving()) return;
  // A damaged state must not lead outside the FIFOs.
  unsent_ = std::min(unsent_, static_cast<std::uint32_t>(tx_.size()));
  shifting_ = shifting_ && !tx_.empty();
  if (line_.empty()) next_arrival_ = kNever;
  for (std::uint32_t* hz : {&apb_hz_, &ref_tick_hz_, &peer_baud_, &speedup_}) *hz = std::max(*hz, 1u);
  begin_character(tx_end(0));
  arm_tx();
  arm_rx();
  quiet_until_ = 0;
}

}  // namespace espalier::devices
