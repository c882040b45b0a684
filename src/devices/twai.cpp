#include "devices/twai.h"

#include <algorithm>

namespace espalier::devices {
namespace {

constexpr std::uint32_t MODE = 0x00, COMMAND = 0x04, STATUS = 0x08, INTERRUPT = 0x0c, INTERRUPT_ENABLE = 0x10;
constexpr std::uint32_t BUS_TIMING_0 = 0x18, BUS_TIMING_1 = 0x1c, ARBITRATION_LOST = 0x2c, ERROR_CODE = 0x30;
constexpr std::uint32_t ERROR_WARNING_LIMIT = 0x34, RX_ERRORS = 0x38, TX_ERRORS = 0x3c, BUFFER = 0x40;
constexpr std::uint32_t BUFFER_END = 0x74, RX_MESSAGES = 0x74, CLOCK_DIVIDER = 0x7c;

constexpr Reg kRegisters[] = {
    {MODE, 1, 0xf},
    {COMMAND, 0, 0},
    {STATUS, 0, 0},
    {INTERRUPT, 0, 0},
    {INTERRUPT_ENABLE, 0, 0xff},
    {BUS_TIMING_0, 0, 0xff, 2},
    {ARBITRATION_LOST, 0, 0, 2},
    {ERROR_WARNING_LIMIT, 96, 0xff},
    {RX_ERRORS, 0, 0, 2},
    {BUFFER, 0, 0xff, 13},  // the acceptance filter; the frame buffers are kept apart
    {RX_MESSAGES, 0, 0},
    {CLOCK_DIVIDER, 0, 0x8f},
};

// MODE, COMMAND
constexpr std::uint32_t RM = 1, LOM = 2, STM = 4, AFM = 8;
constexpr std::uint32_t TR = 1, AT = 2, RRB = 4, CDO = 8, SRR = 16;
// STATUS
constexpr std::uint32_t RBS = 1, DOS = 2, TBS = 4, TCS = 8, TS = 32, ES = 64, BS = 128;
// INTERRUPT
constexpr std::uint32_t RI = 1, TI = 2, EI = 4, DOI = 8, EPI = 32, BEI = 128;
constexpr std::uint32_t kInterrupts = 0xef;  // bit 4 of the enable register is the prescaler's

// ERROR_CODE of a missing acknowledge: "other" error while sending, in the acknowledge slot.
constexpr std::uint32_t kAcknowledgeSlot = 3u << 6 | 25;

constexpr std::uint32_t kFifoBytes = 64;
constexpr std::uint32_t kBusOff = 256, kPassive = 128;

// Frame information (length, remote, extended), identifier, data: the layout of both buffers.
CanFrame decode(const std::array<std::uint8_t, 13>& b) {
  CanFrame f;
  f.length = std::min<std::uint8_t>(b[0] & 0xf, 8);
  f.remote = b[0] >> 6 & 1;
  f.extended = b[0] >> 7 & 1;
  std::size_t at = 3;
  if (f.extended) {
    f.id = static_cast<std::uint32_t>(b[1] << 21 | b[2] << 13 | b[3] << 5 | b[4] >> 3);
    at = 5;
  } else {
    f.id = static_cast<std::uint32_t>(b[1] << 3 | b[2] >> 5);
  }
  if (!f.remote) std::copy_n(b.begin() + static_cast<std::ptrdiff_t>(at), f.length, f.data.begin());
  return f;
}

std::array<std::uint8_t, 13> encode(const CanFrame& f) {
  std::array<std::uint8_t, 13> b{};
  const std::uint8_t length = std::min<std::uint8_t>(f.length, 8);
  b[0] = static_cast<std::uint8_t>(length | f.remote << 6 | f.extended << 7);
  std::size_t at = 3;
  if (f.extended) {
    for (unsigned i = 0; i < 4; ++i) b[1 + i] = static_cast<std::uint8_t>(f.id << 3 >> 8 * (3 - i));
    at = 5;
  } else {
    b[1] = static_cast<std::uint8_t>(f.id >> 3);
    b[2] = static_cast<std::uint8_t>(f.id << 5);
  }
  if (!f.remote) std::copy_n(f.data.begin(), length, b.begin() + static_cast<std::ptrdiff_t>(at));
  return b;
}

std::uint32_t stored_bytes(const std::array<std::uint8_t, 13>& b) {
  const CanFrame f = decode(b);
  return (f.extended ? 5u : 3u) + (f.remote ? 0u : f.length);
}

}  // namespace

Twai::Twai(Context context)
    : RegisterBlock("twai", kSize, kRegisters, context), timer_(context.events, [this] { attempt_over(); }) {}

bool Twai::reset_mode() const {
  return get(MODE) & RM;
}

base::Ticks Twai::frame_time(const CanFrame& f) const {
  // Start, identifier and control, CRC, acknowledge, end of frame and the pause after it.
  const std::uint64_t bits = (f.extended ? 67u : 47u) + (f.remote ? 0u : 8u * f.length);
  const std::uint32_t prescaler = 2 * ((get(BUS_TIMING_0) & 0x3f) + 1) << (get(INTERRUPT_ENABLE) >> 4 & 1);
  const std::uint32_t quanta = 3 + (get(BUS_TIMING_1) & 0xf) + (get(BUS_TIMING_1) >> 4 & 7);
  return base::ticks_for(bits * prescaler * quanta, apb_hz_);
}

void Twai::raise(std::uint32_t bits) {
  interrupts_ |= bits & get(INTERRUPT_ENABLE) & kInterrupts;
  update_line();
}

void Twai::update_line() {
  line_.set(interrupts_ != 0 || (!rx_.empty() && (get(INTERRUPT_ENABLE) & RI)));
}

void Twai::update_error_state() {
  const std::uint32_t limit = get(ERROR_WARNING_LIMIT);
  const bool warning = tx_errors_ >= limit || rx_errors_ >= limit;
  const bool passive = tx_errors_ >= kPassive || rx_errors_ >= kPassive;
  if (warning != warning_) raise(EI);
  if (passive != passive_) raise(EPI);
  warning_ = warning;
  passive_ = passive;
}

void Twai::enter_reset_mode() {
  timer_.cancel();
  if (sending_) complete_ = false;
  sending_ = abort_ = false;
  rx_.clear();
  rx_bytes_ = 0;
  overrun_ = false;
  update_line();
}

void Twai::command(std::uint32_t value) {
  if (value & RRB && !rx_.empty()) {
    rx_bytes_ -= stored_bytes(rx_.front());
    rx_.pop_front();
    update_line();
  }
  if (value & CDO) overrun_ = false;
  if (reset_mode()) return;
  if ((value & (TR | SRR)) && !sending_ && !(get(MODE) & LOM)) {
    sending_ = true;
    complete_ = false;
    abort_ = false;
    single_shot_ = value & AT;
    self_reception_ = value & SRR;
    attempt();
  } else if ((value & AT) && sending_) {
    abort_ = true;
  }
}

void Twai::attempt() {
  const CanFrame frame = decode(tx_);
  tracer().trace<base::TraceEvent::twai_tx>(frame.id, frame.length);
  timer_.arm(events().now() + frame_time(frame));
}

void Twai::acknowledge_error() {
  // A node that is error passive counts no further for want of an acknowledge, or it would leave the bus.
  if (tx_errors_ < kPassive) tx_errors_ += 8;
  if (!code_captured_) {
    set(ERROR_CODE, kAcknowledgeSlot);
    code_captured_ = true;
  }
  raise(BEI);
  update_error_state();
}

void Twai::attempt_over() {
  const CanFrame frame = decode(tx_);
  const bool acknowledged = (on_transmit && on_transmit(frame)) || (get(MODE) & STM);
  if (!acknowledged) {
    acknowledge_error();
    if (!single_shot_ && !abort_) return attempt();
  } else {
    complete_ = true;
    if (tx_errors_ > 0) --tx_errors_;
    update_error_state();
  }
  sending_ = false;
  raise(TI);
  if (acknowledged && self_reception_) receive(frame);
}

bool Twai::accepted(const Buffer& b) const {
  std::array<std::uint8_t, 4> code, mask;
  for (unsigned i = 0; i < 4; ++i) {
    code[i] = static_cast<std::uint8_t>(get(BUFFER + 4 * i));
    mask[i] = static_cast<std::uint8_t>(get(BUFFER + 16 + 4 * i));  // 1: does not matter
  }
  const CanFrame f = decode(b);
  const auto differs = [&](unsigned i, unsigned value, unsigned relevant) {
    return ((code[i] ^ value) & ~mask[i] & relevant) != 0;
  };
  const auto remote = static_cast<unsigned>(f.remote);
  if (get(MODE) & AFM) {  // one filter of four bytes
    if (f.extended)
      return !differs(0, b[1], 0xff) && !differs(1, b[2], 0xff) && !differs(2, b[3], 0xff) &&
             !differs(3, (b[4] & 0xf8u) | remote << 2, 0xfc);
    // A data byte that is not there matches.
    return !differs(0, b[1], 0xff) && !differs(1, (b[2] & 0xe0u) | remote << 4, 0xf0) &&
           (f.remote || f.length < 1 || !differs(2, b[3], 0xff)) &&
           (f.remote || f.length < 2 || !differs(3, b[4], 0xff));
  }
  if (f.extended)  // two filters of the identifier's first 16 bits
    return (!differs(0, b[1], 0xff) && !differs(1, b[2], 0xff)) ||
           (!differs(2, b[1], 0xff) && !differs(3, b[2], 0xff));
  const unsigned second = (b[2] & 0xe0u) | remote << 4;
  const bool data_high = f.remote || f.length < 1 || !differs(1, b[3] >> 4, 0x0f);
  const bool data_low = f.remote || f.length < 1 || !differs(3, b[3], 0x0f);
  return (!differs(0, b[1], 0xff) && !differs(1, second, 0xf0) && data_high && data_low) ||
         (!differs(2, b[1], 0xff) && !differs(3, second, 0xf0));
}

void Twai::receive(const CanFrame& frame) {
  if (reset_mode()) return;
  const Buffer buffer = encode(frame);
  if (!accepted(buffer)) return;
  const std::uint32_t size = stored_bytes(buffer);
  if (rx_bytes_ + size > kFifoBytes) {
    overrun_ = true;
    raise(DOI);
    return;
  }
  rx_bytes_ += size;
  rx_.push_back(buffer);
  update_line();
}

std::uint32_t Twai::status() const {
  return (rx_.empty() ? 0 : RBS) | (overrun_ ? DOS : 0) | (sending_ ? TS : TBS) | (complete_ ? TCS : 0) |
         (warning_ ? ES : 0) | (tx_errors_ >= kBusOff ? BS : 0);
}

std::uint32_t Twai::peek(std::uint32_t offset) {
  switch (offset) {
    case STATUS:
      return status();
    case INTERRUPT:
      return interrupts_ | (!rx_.empty() && (get(INTERRUPT_ENABLE) & RI) ? RI : 0);
    case RX_ERRORS:
      return rx_errors_ & 0xff;
    case TX_ERRORS:
      return std::min(tx_errors_, 255u);
    case RX_MESSAGES:
      return static_cast<std::uint32_t>(rx_.size());
    default:
      break;
  }
  if (offset >= BUFFER && offset < BUFFER_END && !reset_mode())
    return rx_.empty() ? 0 : rx_.front()[(offset - BUFFER) / 4];
  return get(offset);
}

std::uint32_t Twai::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  const std::uint32_t value = peek(offset);
  if (offset == INTERRUPT) {
    interrupts_ = 0;
    update_line();
  }
  if (offset == ERROR_CODE) code_captured_ = false;
  return value;
}

void Twai::write(std::uint32_t offset, std::uint32_t value) {
  if (offset >= BUFFER && offset < BUFFER_END && !reset_mode()) {
    tx_[(offset - BUFFER) / 4] = static_cast<std::uint8_t>(value);
    return;
  }
  switch (offset) {
    case MODE: {
      const bool was = reset_mode();
      // All but the reset bit changes in reset mode only.
      RegisterBlock::write(MODE, was ? value : (get(MODE) & ~RM) | (value & RM));
      if (!was && reset_mode()) enter_reset_mode();
      return;
    }
    case COMMAND:
      return command(value);
    case BUS_TIMING_0:
    case BUS_TIMING_1:
    case ERROR_WARNING_LIMIT:
      if (reset_mode()) RegisterBlock::write(offset, value);
      return;
    case RX_ERRORS:
      if (reset_mode()) rx_errors_ = value & 0xff;
      return;
    case TX_ERRORS:
      if (reset_mode()) tx_errors_ = value & 0xff;
      return;
    default:
      RegisterBlock::write(offset, value);
      if (offset == INTERRUPT_ENABLE) update_line();
      return;
  }
}

void Twai::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  enter_reset_mode();
  interrupts_ = 0;
  tx_ = {};
  complete_ = true;
  code_captured_ = warning_ = passive_ = false;
  tx_errors_ = rx_errors_ = 0;
  update_line();
}

void Twai::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  base::Ticks deadline = timer_.deadline();
  ar(apb_hz_, interrupts_, tx_, sending_, single_shot_, self_reception_, abort_, complete_, overrun_,
     code_captured_, warning_, passive_, tx_errors_, rx_errors_, rx_, deadline);
  if (ar.is_saving()) return;
  apb_hz_ = std::max(apb_hz_, 1u);
  rx_bytes_ = 0;
  for (const Buffer& b : rx_) rx_bytes_ += stored_bytes(b);
  timer_.arm(deadline);
  update_line();
}

}  // namespace espalier::devices
