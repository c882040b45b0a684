#include "devices/i2c.h"

#include <algorithm>

namespace espalier::devices {
namespace {

constexpr std::uint32_t I2C_SCL_LOW_PERIOD_REG = 0x00;
constexpr std::uint32_t I2C_CTR_REG = 0x04;
constexpr std::uint32_t I2C_SR_REG = 0x08;
constexpr std::uint32_t I2C_RXFIFO_ST_REG = 0x14;
constexpr std::uint32_t I2C_FIFO_CONF_REG = 0x18;
constexpr std::uint32_t I2C_DATA_REG = 0x1c;
constexpr std::uint32_t I2C_INT_RAW_REG = 0x20;
constexpr std::uint32_t I2C_INT_CLR_REG = 0x24;
constexpr std::uint32_t I2C_INT_ENA_REG = 0x28;
constexpr std::uint32_t I2C_INT_STATUS_REG = 0x2c;
constexpr std::uint32_t I2C_SCL_HIGH_PERIOD_REG = 0x38;
constexpr std::uint32_t I2C_COMD0_REG = 0x58;
constexpr std::uint32_t I2C_DATE_REG = 0xf8;

constexpr Reg kRegisters[] = {
    {I2C_SCL_LOW_PERIOD_REG, 0, 0x3fff},
    {I2C_CTR_REG, 0x3, 0x1d7},  // TRANS_START acts and reads as 0
    {I2C_SR_REG, 0, 0},
    {0x0c, 0, 0x000fffff},  // TO
    {0x10, 0, 0x80007fff},  // SLAVE_ADDR
    {I2C_RXFIFO_ST_REG, 0, 0},
    {I2C_FIFO_CONF_REG, 0x0155408b, 0x03ffffff},
    {I2C_DATA_REG, 0, 0},
    {I2C_INT_RAW_REG, 0, 0, 4},
    {0x30, 0, 0x3ff, 2},  // SDA_HOLD, SDA_SAMPLE
    {I2C_SCL_HIGH_PERIOD_REG, 0, 0x3fff},
    {0x40, 8, 0x3ff, 2},  // SCL_START_HOLD, SCL_RSTART_SETUP
    {0x48, 0, 0x3fff},    // SCL_STOP_HOLD
    {0x4c, 0, 0x3ff},     // SCL_STOP_SETUP
    {0x50, 8, 0xf, 2},    // SCL_FILTER_CFG, SDA_FILTER_CFG
    {I2C_COMD0_REG, 0, 0x80003fff, 16},
    {I2C_DATE_REG, 0x16042000},
    {0x100, 0, 0xffffffff, 64},  // the FIFOs' memory in non-FIFO mode
};

constexpr std::uint32_t RXFIFO_FULL = 1u << 0, TXFIFO_EMPTY = 1u << 1, END_DETECT = 1u << 3;
constexpr std::uint32_t MASTER_TRAN_COMP = 1u << 6, TRANS_COMPLETE = 1u << 7, TRANS_START = 1u << 9,
                        ACK_ERR = 1u << 10;

// Commands: operation code in bits 13:11, the acknowledge bits, the number of bytes.
enum Operation : unsigned { kStart = 0, kWrite = 1, kRead = 2, kStop = 3, kEnd = 4 };
constexpr unsigned operation(std::uint32_t command) {
  return command >> 11 & 7;
}
constexpr unsigned bytes(std::uint32_t command) {
  return command & 0xff;
}
constexpr bool ack_check(std::uint32_t command) {
  return command >> 8 & 1;
}
constexpr bool ack_expected(std::uint32_t command) {
  return command >> 9 & 1;
}
constexpr unsigned kCommands = 16;
constexpr std::uint32_t DONE = 1u << 31;

constexpr std::uint8_t kNobody = 0xff;

}  // namespace

I2c::I2c(std::string_view name, Context context)
    : RegisterBlock(name, kSize, kRegisters, context),
      interrupts_({I2C_INT_RAW_REG, I2C_INT_STATUS_REG, I2C_INT_ENA_REG, I2C_INT_CLR_REG, 0x1fff}),
      timer_(context.events, [this] { step(); }) {}

void I2c::attach(std::uint8_t address, I2cSlave* slave) {
  if (slave)
    slaves_[address & 0x7f] = slave;
  else
    slaves_.erase(address & 0x7f);
}

I2cSlave* I2c::selected() const {
  const auto found = slaves_.find(address_);
  return found == slaves_.end() ? nullptr : found->second;
}

base::Ticks I2c::bit_time() const {
  const std::uint64_t cycles = get(I2C_SCL_LOW_PERIOD_REG) + get(I2C_SCL_HIGH_PERIOD_REG);
  return base::ticks_for(std::max<std::uint64_t>(cycles, 2), apb_hz_);
}

void I2c::begin() {
  command_ = 0;
  done_bytes_ = 0;
  state_ = State::kRunning;
  pending_ = 0;
  interrupts_.raise(TRANS_START);
  step();
}

void I2c::next_command() {
  set(I2C_COMD0_REG + 4 * command_, get(I2C_COMD0_REG + 4 * command_) | DONE);
  done_bytes_ = 0;
  ++command_;
}

void I2c::release() {
  if (I2cSlave* slave = selected()) slave->stop();
  address_ = kNobody;
  bus_busy_ = false;
  expect_address_ = false;
}

void I2c::finish(std::uint32_t interrupts) {
  state_ = State::kIdle;
  interrupts_.raise(interrupts);
}

// Called when the time of the previous step is over.
void I2c::step() {
  if (pending_ & (ACK_ERR | TRANS_COMPLETE)) {
    finish(pending_);
    pending_ = 0;
    return;
  }
  interrupts_.raise(pending_);
  pending_ = 0;
  for (;;) {
    if (command_ >= kCommands) return finish(0);
    const std::uint32_t command = get(I2C_COMD0_REG + 4 * command_);
    const unsigned n = bytes(command);
    unsigned bits = 1;
    switch (operation(command)) {
      case kStart:
        bus_busy_ = true;
        expect_address_ = true;
        next_command();
        break;
      case kWrite:
        bits = n == 0 ? 0 : write_byte(command);
        break;
      case kRead:
        bits = n == 0 ? 0 : read_byte(command);
        break;
      case kStop:
        release();
        pending_ = TRANS_COMPLETE;
        next_command();
        break;
      case kEnd:
      default:
        next_command();
        return finish(END_DETECT);
    }
    if (state_ == State::kWaiting) return;
    if (bits == 0) {  // a command without bytes takes no time
      next_command();
      continue;
    }
    update_levels();
    return timer_.arm(events().now() + bits * bit_time());
  }
}

unsigned I2c::write_byte(std::uint32_t command) {
  if (tx_.empty()) {
    state_ = State::kWaiting;
    return 0;
  }
  const std::uint8_t byte = tx_.front();
  tx_.pop_front();
  bool acknowledged = false;
  if (expect_address_) {
    expect_address_ = false;
    if (I2cSlave* slave = selected(); slave && address_ != byte >> 1) slave->stop();
    address_ = byte >> 1;
    I2cSlave* slave = selected();
    acknowledged = slave && slave->start(byte & 1);
    if (!acknowledged) address_ = kNobody;
  } else if (I2cSlave* slave = selected()) {
    acknowledged = slave->write(byte);
  }
  nack_ = !acknowledged;
  tracer().trace<base::TraceEvent::i2c_write>(name(), byte, acknowledged);
  pending_ |= MASTER_TRAN_COMP;
  if (ack_check(command) && nack_ != ack_expected(command)) {
    pending_ |= ACK_ERR;
    release();
    return 9;
  }
  if (++done_bytes_ == bytes(command)) next_command();
  return 9;
}

unsigned I2c::read_byte(std::uint32_t command) {
  if (rx_.size() >= kFifo) {
    state_ = State::kWaiting;
    return 0;
  }
  I2cSlave* slave = selected();
  rx_.push_back(slave ? slave->read() : 0xff);
  tracer().trace<base::TraceEvent::i2c_read>(name(), rx_.back());
  pending_ |= MASTER_TRAN_COMP;
  if (++done_bytes_ == bytes(command)) next_command();
  return 9;
}

// The FIFO that the clock was stretched for has changed.
void I2c::wake() {
  if (state_ != State::kWaiting) return;
  state_ = State::kRunning;
  step();
}

void I2c::update_levels() {
  const bool empty = tx_.size() <= field(I2C_FIFO_CONF_REG, 9, 5);
  const bool full = rx_.size() >= std::max(field(I2C_FIFO_CONF_REG, 4, 0), 1u);
  interrupts_.raise((empty ? TXFIFO_EMPTY : 0) | (full ? RXFIFO_FULL : 0));
}

std::uint32_t I2c::status() const {
  return static_cast<std::uint32_t>(nack_) | static_cast<std::uint32_t>(bus_busy_) << 4 |
         static_cast<std::uint32_t>(rx_.size()) << 8 | static_cast<std::uint32_t>(tx_.size()) << 18;
}

std::uint32_t I2c::peek(std::uint32_t offset) {
  if (interrupts_.owns(offset)) {
    update_levels();
    return interrupts_.read(offset);
  }
  switch (offset) {
    case I2C_SR_REG:
      return status();
    case I2C_DATA_REG:
      return rx_.empty() ? 0 : rx_.front();
    case I2C_RXFIFO_ST_REG:
      return static_cast<std::uint32_t>(rx_.size() & 0x1f) << 5 |
             static_cast<std::uint32_t>(tx_.size() & 0x1f) << 15;
    default:
      return get(offset);
  }
}

std::uint32_t I2c::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  const std::uint32_t value = peek(offset);
  if (offset == I2C_DATA_REG && !rx_.empty()) {
    rx_.pop_front();
    wake();
  }
  return value;
}

void I2c::write(std::uint32_t offset, std::uint32_t value) {
  if (interrupts_.owns(offset)) {
    interrupts_.write(offset, value);
    return update_levels();
  }
  RegisterBlock::write(offset, value);
  switch (offset) {
    case I2C_DATA_REG:
      if (tx_.size() < kFifo)
        tx_.push_back(static_cast<std::uint8_t>(value));
      else
        log().debug(base::LogArea::kGuestError, "{}: byte written to a full transmit FIFO is lost", name());
      wake();
      break;
    case I2C_CTR_REG:  // TRANS_START, as master
      if ((value >> 5 & 1) && (value >> 4 & 1) && state_ == State::kIdle) begin();
      break;
    case I2C_FIFO_CONF_REG:
      if (value >> 12 & 1) rx_.clear();
      if (value >> 13 & 1) tx_.clear();
      break;
    default:
      break;
  }
  update_levels();
}

void I2c::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  timer_.cancel();
  release();
  tx_.clear();
  rx_.clear();
  state_ = State::kIdle;
  command_ = done_bytes_ = 0;
  pending_ = 0;
  nack_ = false;
  interrupts_.reset();
}

void I2c::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  base::Ticks deadline = timer_.deadline();
  ar(interrupts_, apb_hz_, tx_, rx_, state_, command_, done_bytes_, bus_busy_, expect_address_, address_,
     nack_, pending_, deadline);
  if (ar.is_saving()) return;
  command_ = std::min(command_, kCommands);
  apb_hz_ = std::max(apb_hz_, 1u);
  timer_.arm(deadline);
}

}  // namespace espalier::devices
