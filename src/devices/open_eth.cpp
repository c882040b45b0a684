#include "devices/open_eth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "devices/ethernet_fcs.h"

namespace espalier::devices {

using base::TraceEvent;

namespace {

// Offsets and bits: "Ethernet IP Core Specification", chapters "Registers" and "Buffer Descriptors".
enum : std::uint32_t {
  MODER = 0x00,
  INT_SOURCE = 0x04,
  INT_MASK = 0x08,
  IPGT = 0x0c,
  IPGR1 = 0x10,
  IPGR2 = 0x14,
  PACKETLEN = 0x18,
  COLLCONF = 0x1c,
  TX_BD_NUM = 0x20,
  CTRLMODER = 0x24,
  MIIMODER = 0x28,
  MIICOMMAND = 0x2c,
  MIIADDRESS = 0x30,
  MIITX_DATA = 0x34,
  MIIRX_DATA = 0x38,
  MIISTATUS = 0x3c,
  MAC_ADDR0 = 0x40,
  MAC_ADDR1 = 0x44,
  ETH_HASH0_ADR = 0x48,
  ETH_HASH1_ADR = 0x4c,
  ETH_TXCTRL = 0x50,
  DESCRIPTORS = 0x400,
};
constexpr std::uint32_t kDescriptors = 128;

enum : std::uint32_t {
  MODER_RXEN = 1u << 0,
  MODER_TXEN = 1u << 1,
  MODER_BRO = 1u << 3,
  MODER_IAM = 1u << 4,
  MODER_PRO = 1u << 5,
  MODER_LOOPBCK = 1u << 7,
  MODER_RST = 1u << 11,
  MODER_CRCEN = 1u << 13,
  MODER_HUGEN = 1u << 14,
  MODER_PAD = 1u << 15,
  MODER_RECSMALL = 1u << 16,

  INT_TXB = 1u << 0,
  INT_TXE = 1u << 1,
  INT_RXB = 1u << 2,
  INT_RXE = 1u << 3,
  INT_BUSY = 1u << 4,
  INT_TXC = 1u << 5,
  INT_RXC = 1u << 6,
  INT_ALL = 0x7f,

  CTRLMODER_PASSALL = 1u << 0,
  CTRLMODER_RXFLOW = 1u << 1,
  CTRLMODER_TXFLOW = 1u << 2,

  MIICOMMAND_SCANSTAT = 1u << 0,
  MIICOMMAND_RSTAT = 1u << 1,
  MIICOMMAND_WCTRLDATA = 1u << 2,

  MIISTATUS_LINKFAIL = 1u << 0,

  TXCTRL_TPAUSERQ = 1u << 16,

  // A descriptor's first word; the upper half is the length.
  TXD_RD = 1u << 15,
  TXD_IRQ = 1u << 14,
  TXD_WR = 1u << 13,
  TXD_PAD = 1u << 12,
  TXD_CRC = 1u << 11,
  TXD_UR = 1u << 8,
  TXD_STATUS = 0x1ff,
  RXD_E = 1u << 15,
  RXD_IRQ = 1u << 14,
  RXD_WRAP = 1u << 13,
  RXD_CF = 1u << 8,
  RXD_M = 1u << 7,
  RXD_OR = 1u << 6,
  RXD_TL = 1u << 3,
  RXD_SF = 1u << 2,
  RXD_STATUS = 0x1ff,
};

// Bits outside the second mask don't exist in the core.
constexpr Reg kRegs[] = {
    {MODER, 0xa000, 0x1ffff},  // the driver takes this reset value as the sign that the MAC is there
    {INT_SOURCE, 0, 0},
    {INT_MASK, 0, INT_ALL},
    {IPGT, 0x12, 0x7f},
    {IPGR1, 0x0c, 0x7f},
    {IPGR2, 0x12, 0x7f},
    {PACKETLEN, 0x00400600},
    {COLLCONF, 0x000f003f, 0x000f003f},
    {TX_BD_NUM, 0x40, 0xff},
    {CTRLMODER, 0, 0x07},
    {MIIMODER, 0x64, 0x1ff},
    {MIICOMMAND, 0, MIICOMMAND_SCANSTAT},
    {MIIADDRESS, 0, 0x1f1f},
    {MIITX_DATA, 0, 0xffff},
    {MIIRX_DATA, 0, 0},
    {MIISTATUS, 0, 0},
    {MAC_ADDR0},
    {MAC_ADDR1, 0, 0xffff},
    {ETH_HASH0_ADR},
    {ETH_HASH1_ADR},
    {ETH_TXCTRL, 0, 0x1ffff},
    {DESCRIPTORS, 0, 0xffffffff, kDescriptors * 2},
};

constexpr std::size_t kFcs = 4;
constexpr std::size_t kWireMinimum = 60;  // without the check sequence
constexpr std::size_t kHeader = 14;
constexpr std::size_t kLongest = 0xffff;  // what a descriptor's length field holds

// The shortest frame with preamble and inter-frame gap, 84 bytes at 100 Mbit/s.
constexpr base::Ticks kShortestFrameTime = base::ticks_for(84 * 8, 100'000'000);
// A pause is counted in units of 512 bit times.
constexpr base::Ticks kPauseQuantum512Bits = base::ticks_for(512, 100'000'000);

constexpr std::array<std::uint8_t, 6> kPauseAddress = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};
constexpr std::array<std::uint8_t, 4> kPauseTypeAndOpcode = {0x88, 0x08, 0x00, 0x01};

}  // namespace

OpenEth::OpenEth(Context context, DmaBus& dma)
    : RegisterBlock("open_eth", kSize, kRegs, context),
      dma_(dma),
      rx_next_(tx_count()),
      ready_timer_(context.events,
                   [this] {
                     if (can_receive() && ready_callback_) ready_callback_();
                   }),
      pause_timer_(context.events, [this] { transmit_ready(); }) {}

std::uint32_t OpenEth::tx_count() const {
  return get(TX_BD_NUM);
}

std::uint32_t OpenEth::descriptor(std::uint32_t index) const {
  return get(DESCRIPTORS + index * 8);
}

void OpenEth::set_descriptor(std::uint32_t index, std::uint32_t word) {
  set(DESCRIPTORS + index * 8, word);
}

std::uint32_t OpenEth::buffer(std::uint32_t index) const {
  return get(DESCRIPTORS + index * 8 + 4);
}

bool OpenEth::receiving() const {
  return (get(MODER) & (MODER_RXEN | MODER_RST)) == MODER_RXEN && tx_count() < kDescriptors;
}

bool OpenEth::transmitting() const {
  return (get(MODER) & (MODER_TXEN | MODER_RST)) == MODER_TXEN && tx_count() > 0;
}

// Whether frames come in at all: from the wire, or back from the transmitter.
bool OpenEth::hears() const {
  return receiving() && (get(MODER) & MODER_LOOPBCK || phy_.loopback() || phy_.link_up());
}

bool OpenEth::has_buffer() const {
  return hears() && (descriptor(rx_next_) & RXD_E);
}

void OpenEth::update_irq() {
  const std::uint32_t bits = get(INT_SOURCE) & get(INT_MASK);
  if (irq.level() != (bits != 0)) tracer().trace<TraceEvent::open_eth_update_irq>(bits);
  irq.set(bits != 0);
}

void OpenEth::raise(std::uint32_t bits) {
  raised_again_ |= bits & seen_;
  set(INT_SOURCE, get(INT_SOURCE) | bits);
  update_irq();
}

// After everything that can give the receiver a buffer. The peer hears of it a frame's time later and not at
// once: a driver hands a descriptor back with several stores, and a frame that landed between two of them
// would be overwritten by the second. Until then can_receive() stays false.
void OpenEth::note_buffers() {
  const bool now = has_buffer();
  if (now && !had_buffer_ && !ready_timer_.armed()) ready_timer_.arm(events().now() + kShortestFrameTime);
  if (!now) ready_timer_.cancel();
  had_buffer_ = now;
}

// ---- Registers ----

std::uint32_t OpenEth::peek(std::uint32_t offset) {
  if (offset == MIIRX_DATA && (get(MIICOMMAND) & MIICOMMAND_SCANSTAT)) {
    const std::uint32_t address = get(MIIADDRESS);
    return (address & 0x1f) == MiiPhy::kAddress ? phy_.read(address >> 8) : 0xffff;
  }
  if (offset == MIISTATUS) return phy_.link_up() ? 0u : std::uint32_t{MIISTATUS_LINKFAIL};
  return RegisterBlock::peek(offset);
}

std::uint32_t OpenEth::read(std::uint32_t offset) {
  if (offset == INT_SOURCE) {
    seen_ = get(INT_SOURCE);
    raised_again_ = 0;
  }
  const std::uint32_t value =
      offset == MIIRX_DATA || offset == MIISTATUS ? peek(offset) : RegisterBlock::read(offset);
  if (offset < DESCRIPTORS)
    tracer().trace<TraceEvent::open_eth_reg_read>(offset, value);
  else
    tracer().trace<TraceEvent::open_eth_desc_read>(offset - DESCRIPTORS, value);
  return value;
}

void OpenEth::write_masked(std::uint32_t offset, std::uint32_t value, std::uint32_t mask) {
  // The other bytes of a register that is cleared by writing ones must not write what was read.
  const std::uint32_t others = offset == INT_SOURCE ? 0 : peek(offset) & ~mask;
  write(offset, others | (value & mask));
}

void OpenEth::write(std::uint32_t offset, std::uint32_t value) {
  if (offset < DESCRIPTORS)
    tracer().trace<TraceEvent::open_eth_reg_write>(offset, value);
  else
    tracer().trace<TraceEvent::open_eth_desc_write>(offset - DESCRIPTORS, value);
  switch (offset) {
    case MODER:
      return write_moder(value);
    case INT_SOURCE:
      set(INT_SOURCE, get(INT_SOURCE) & ~(value & ~raised_again_));
      seen_ &= ~value;
      raised_again_ &= ~value;
      return update_irq();
    case INT_MASK:
      RegisterBlock::write(offset, value);
      return update_irq();
    case TX_BD_NUM:
      if ((value & 0xff) > kDescriptors) return;  // the core refuses it
      RegisterBlock::write(offset, value);
      // Neither ring's place may lie in the other's part.
      if (tx_next_ >= tx_count()) tx_next_ = 0;
      if (rx_next_ < tx_count()) rx_next_ = std::min(tx_count(), kDescriptors - 1);
      transmit_ready();
      return note_buffers();
    case MIICOMMAND:
      return write_mii_command(value);
    case ETH_TXCTRL:
      RegisterBlock::write(offset, value);
      if (value & TXCTRL_TPAUSERQ) send_pause();
      return;
    default:
      RegisterBlock::write(offset, value);
      if (offset < DESCRIPTORS) return;
      transmit_ready();
      note_buffers();
  }
}

void OpenEth::write_moder(std::uint32_t value) {
  const std::uint32_t before = get(MODER);
  if (value & ~before & MODER_RST) mac_reset();
  const std::uint32_t rising = value & ~before;
  const bool was_receiving = receiving();
  RegisterBlock::write(MODER, value);
  if (was_receiving && !receiving() && peer_) peer_->guest_down();
  // Enabling starts each ring at its first descriptor.
  if (rising & MODER_RXEN) rx_next_ = std::min(tx_count(), kDescriptors - 1);
  if (rising & MODER_TXEN) tx_next_ = 0;
  transmit_ready();
  note_buffers();
}

void OpenEth::write_mii_command(std::uint32_t value) {
  RegisterBlock::write(MIICOMMAND, value);  // the two commands finish at once and read back as zero
  const std::uint32_t address = get(MIIADDRESS);
  const bool present = (address & 0x1f) == MiiPhy::kAddress;
  if ((value & MIICOMMAND_WCTRLDATA) && present) {
    tracer().trace<TraceEvent::open_eth_mii_write>(address >> 8, get(MIITX_DATA));
    phy_.write(address >> 8, static_cast<std::uint16_t>(get(MIITX_DATA)));
    note_buffers();
  }
  // Nobody drives the data line where there is no PHY: all ones.
  if (value & MIICOMMAND_RSTAT) {
    const std::uint16_t data = present ? phy_.read(address >> 8) : 0xffff;
    if (present) tracer().trace<TraceEvent::open_eth_mii_read>(address >> 8, data);
    set(MIIRX_DATA, data);
  }
}

void OpenEth::set_cable(bool plugged) {
  phy_.set_cable(plugged);
  note_buffers();
}

// ---- Reset and state ----

// MODER.RST: registers, not the descriptors, which are RAM (the driver sets them up before it resets the
// MAC), and not the PHY, which has a reset of its own.
void OpenEth::mac_reset() {
  const bool was_receiving = receiving();
  for (const Reg& reg : kRegs)
    if (reg.offset < DESCRIPTORS) set(reg.offset, reg.reset);
  tx_next_ = 0;
  rx_next_ = tx_count();
  seen_ = raised_again_ = 0;
  pause_timer_.cancel();
  update_irq();
  if (was_receiving && peer_) peer_->guest_down();
  note_buffers();
}

void OpenEth::reset(ResetKind kind) {
  mac_reset();
  phy_.reset();
  RegisterBlock::reset(kind);
  note_buffers();
}

void OpenEth::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  base::Ticks ready = ready_timer_.deadline();
  base::Ticks pause = pause_timer_.deadline();
  ar(phy_, tx_next_, rx_next_, had_buffer_, seen_, raised_again_, ready, pause);
  if (ar.is_saving()) return;
  tx_next_ %= kDescriptors;  // whatever a damaged file says
  rx_next_ %= kDescriptors;
  if (tx_count() > kDescriptors) set(TX_BD_NUM, kDescriptors);
  ready == base::kNever ? ready_timer_.cancel() : ready_timer_.arm(ready);
  pause == base::kNever ? pause_timer_.cancel() : pause_timer_.arm(pause);
  update_irq();
}

// ---- Transmission ----

void OpenEth::transmit_ready() {
  // The peer may answer from within send(), and the answer may lead back here.
  if (in_transmit_) return;
  in_transmit_ = true;
  // Each turn takes RD from a descriptor and nothing in here gives it back, so this ends. The core looks at
  // no descriptor whose length is 4 or less; drivers that fill in the length last rely on it.
  while (transmitting() && !pause_timer_.armed() && (descriptor(tx_next_) & TXD_RD) &&
         descriptor(tx_next_) >> 16 > 4) {
    transmit_one();
  }
  in_transmit_ = false;
}

void OpenEth::transmit_one() {
  const std::uint32_t index = tx_next_;
  const std::uint32_t word = descriptor(index);
  const std::uint32_t moder = get(MODER);
  const std::uint32_t minimum = get(PACKETLEN) >> 16;
  const std::uint32_t maximum = get(PACKETLEN) & 0xffff;
  // PACKETLEN counts the check sequence, which the peer does not get to see.
  const std::size_t fcs = (moder & MODER_CRCEN) || (word & TXD_CRC) ? kFcs : 0;
  std::size_t length = word >> 16;
  if (!(moder & MODER_HUGEN)) length = std::min<std::size_t>(length, maximum > fcs ? maximum - fcs : 0);
  tx_frame_.resize(length);
  const bool ok = dma_.read(buffer(index), tx_frame_);
  if ((moder & MODER_PAD) || (word & TXD_PAD)) {
    const std::size_t padded = minimum > fcs ? minimum - fcs : 0;
    if (tx_frame_.size() < padded) tx_frame_.resize(padded);
  }
  tracer().trace<TraceEvent::open_eth_start_xmit>(buffer(index), word >> 16, tx_frame_.size());
  std::uint32_t done = word & ~(TXD_RD | TXD_STATUS);
  if (!ok) done |= TXD_UR;  // the core's FIFO ran dry
  set_descriptor(index, done);
  tx_next_ = (word & TXD_WR) || index + 1 >= tx_count() ? 0 : index + 1;
  if (ok) {
    hand_over(tx_frame_);
  } else {
    log().debug(base::LogArea::kGuestError,
                "open_eth: transmit descriptor {} points to {:#010x}, which is no RAM", index, buffer(index));
  }
  if (word & TXD_IRQ) raise(ok ? INT_TXB : INT_TXE);
}

void OpenEth::hand_over(std::span<const std::uint8_t> frame) {
  trace_frame<TraceEvent::ethernet_tx>(frame);
  if ((get(MODER) & MODER_LOOPBCK) || phy_.loopback()) {
    receive(frame);
  } else if (peer_ && phy_.link_up()) {
    peer_->send(frame);
  }
}

template <base::TraceEvent event>
void OpenEth::trace_frame(std::span<const std::uint8_t> frame) {
  if (!tracer().on(event) || frame.size() < kHeader) return;
  const auto address = [&](std::size_t at) {
    return fmt::format("{:02x}", fmt::join(frame.subspan(at, 6), ":"));
  };
  tracer().trace<event>(frame.size(), address(0), address(6), frame[12] << 8 | frame[13]);
}

// TXCTRL.TPAUSERQ: the core composes a PAUSE frame by itself.
void OpenEth::send_pause() {
  if (!(get(CTRLMODER) & CTRLMODER_TXFLOW) || !transmitting()) return;
  std::array<std::uint8_t, kWireMinimum> frame{};
  const std::uint32_t mac0 = get(MAC_ADDR0);
  const std::uint32_t mac1 = get(MAC_ADDR1);
  const std::uint32_t txctrl = get(ETH_TXCTRL);
  auto at = std::copy(kPauseAddress.begin(), kPauseAddress.end(), frame.begin());
  for (const std::uint32_t byte : {mac1 >> 8, mac1, mac0 >> 24, mac0 >> 16, mac0 >> 8, mac0})
    *at++ = static_cast<std::uint8_t>(byte);
  at = std::copy(kPauseTypeAndOpcode.begin(), kPauseTypeAndOpcode.end(), at);
  *at++ = static_cast<std::uint8_t>(txctrl >> 8);
  *at = static_cast<std::uint8_t>(txctrl);
  set(ETH_TXCTRL, txctrl & ~TXCTRL_TPAUSERQ);
  hand_over(frame);
  raise(INT_TXC);
}

// ---- Reception ----

net::EthernetAddress OpenEth::address() const {
  return net::EthernetAddress{get(MAC_ADDR1)} << 32 | get(MAC_ADDR0);
}

bool OpenEth::address_matches(net::Frame frame) const {
  const std::uint32_t moder = get(MODER);
  const auto destination = frame.first<6>();
  if (std::ranges::all_of(destination, [](std::uint8_t b) { return b == 0xff; })) return !(moder & MODER_BRO);
  if ((destination[0] & 1) || (moder & MODER_IAM)) {
    const unsigned bit = multicast_hash_bit(destination);
    tracer().trace<TraceEvent::open_eth_receive_mcast>(bit, get(ETH_HASH0_ADR), get(ETH_HASH1_ADR));
    return get(bit < 32 ? ETH_HASH0_ADR : ETH_HASH1_ADR) >> bit % 32 & 1;
  }
  const std::uint32_t mac1 = static_cast<std::uint32_t>(destination[0]) << 8 | destination[1];
  const std::uint32_t mac0 = static_cast<std::uint32_t>(destination[2]) << 24 |
                             static_cast<std::uint32_t>(destination[3]) << 16 |
                             static_cast<std::uint32_t>(destination[4]) << 8 | destination[5];
  return mac1 == get(MAC_ADDR1) && mac0 == get(MAC_ADDR0);
}

// True if the frame was a PAUSE frame and the core keeps it to itself.
bool OpenEth::take_pause(net::Frame frame) {
  if (frame.size() < kHeader + 4 || !std::ranges::equal(frame.first<6>(), kPauseAddress) ||
      !std::ranges::equal(frame.subspan<12, 4>(), kPauseTypeAndOpcode)) {
    return false;
  }
  const std::uint32_t mode = get(CTRLMODER);
  if (mode & CTRLMODER_RXFLOW) {
    const base::Ticks quanta = static_cast<base::Ticks>(frame[16]) << 8 | frame[17];
    raise(INT_RXC);
    if (quanta == 0) {
      pause_timer_.cancel();
      transmit_ready();
    } else {
      pause_timer_.arm(events().now() + quanta * kPauseQuantum512Bits);
    }
  }
  return !(mode & CTRLMODER_PASSALL);
}

bool OpenEth::receive(net::Frame frame) {
  if (!hears()) return false;
  tracer().trace<TraceEvent::open_eth_receive>(frame.size());
  if (frame.size() < kHeader || frame.size() > kLongest - kFcs) return true;  // not Ethernet
  const std::uint32_t moder = get(MODER);
  const bool control = std::ranges::equal(frame.first<6>(), kPauseAddress);
  if (control && take_pause(frame)) return true;
  std::uint32_t status = control ? RXD_CF : 0u;
  if (!address_matches(frame) && !control) {
    if (!(moder & MODER_PRO)) {
      tracer().trace<TraceEvent::open_eth_receive_reject>();
      return true;
    }
    status |= RXD_M;
  }
  const std::size_t wire = std::max(frame.size(), kWireMinimum) + kFcs;
  if (wire < get(PACKETLEN) >> 16) {
    if (!(moder & MODER_RECSMALL)) return true;
    status |= RXD_SF;
  }
  return store(frame, status);
}

// Puts a frame that has passed the filters into the next buffer.
bool OpenEth::store(std::span<const std::uint8_t> frame, std::uint32_t status) {
  const std::uint32_t index = rx_next_;
  const std::uint32_t word = descriptor(index);
  if (!(word & RXD_E)) {
    raise(INT_BUSY);
    return false;
  }
  // As the wire would carry it: padded by the sender, the check sequence at the end.
  rx_frame_.assign(frame.begin(), frame.end());
  if (rx_frame_.size() < kWireMinimum) rx_frame_.resize(kWireMinimum);
  const std::uint32_t fcs = ethernet_fcs(rx_frame_);
  for (unsigned shift = 0; shift < 32; shift += 8)
    rx_frame_.push_back(static_cast<std::uint8_t>(fcs >> shift));

  const std::size_t maximum = get(PACKETLEN) & 0xffff;
  const bool huge = get(MODER) & MODER_HUGEN;
  bool error = false;
  if (rx_frame_.size() > maximum) {
    status |= RXD_TL;
    if (!huge) {
      rx_frame_.resize(maximum);
      error = true;
    }
  }
  if (!dma_.write(buffer(index), rx_frame_)) {
    log().debug(base::LogArea::kGuestError,
                "open_eth: receive descriptor {} points to {:#010x}, which is no RAM", index, buffer(index));
    status |= RXD_OR;
    rx_frame_.clear();
    error = true;
  }
  const auto length = static_cast<std::uint32_t>(rx_frame_.size());
  const std::uint32_t done = (word & 0xffff & ~(RXD_E | RXD_STATUS)) | length << 16 | status;
  set_descriptor(index, done);
  tracer().trace<TraceEvent::open_eth_receive_desc>(buffer(index), done);
  trace_frame<TraceEvent::ethernet_rx>(frame);
  rx_next_ = (word & RXD_WRAP) || index + 1 >= kDescriptors ? tx_count() : index + 1;
  note_buffers();
  if (word & RXD_IRQ) raise(error ? INT_RXE : INT_RXB);
  return true;
}

}  // namespace espalier::devices
