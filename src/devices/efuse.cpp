#include "devices/efuse.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace espalier::devices {

namespace {

constexpr std::uint32_t EFUSE_BLK0_RDATA0_REG = 0x00;
constexpr std::uint32_t EFUSE_BLK0_WDATA0_REG = 0x1c;
constexpr std::uint32_t EFUSE_BLK1_RDATA0_REG = 0x38;
constexpr std::uint32_t EFUSE_BLK1_WDATA0_REG = 0x98;
constexpr std::uint32_t EFUSE_CLK_REG = 0xf8;
constexpr std::uint32_t EFUSE_CONF_REG = 0xfc;
constexpr std::uint32_t EFUSE_STATUS_REG = 0x100;
constexpr std::uint32_t EFUSE_CMD_REG = 0x104;
constexpr std::uint32_t EFUSE_INT_RAW_REG = 0x108;
constexpr std::uint32_t EFUSE_INT_ST_REG = 0x10c;
constexpr std::uint32_t EFUSE_INT_ENA_REG = 0x110;
constexpr std::uint32_t EFUSE_INT_CLR_REG = 0x114;
constexpr std::uint32_t EFUSE_DAC_CONF_REG = 0x118;
constexpr std::uint32_t EFUSE_DEC_STATUS_REG = 0x11c;
constexpr std::uint32_t EFUSE_DATE_REG = 0x1fc;

constexpr std::uint32_t EFUSE_READ_CMD = 1 << 0;
constexpr std::uint32_t EFUSE_PGM_CMD = 1 << 1;
constexpr std::uint32_t EFUSE_READ_OP_CODE = 0x5aa5;
constexpr std::uint32_t EFUSE_WRITE_OP_CODE = 0x5a5a;

// After reset (ESP-IDF soc/esp32/register/soc/efuse_reg.h).
constexpr std::pair<std::uint32_t, std::uint32_t> kResetValues[] = {{EFUSE_CLK_REG, 0x00004052},
                                                                    {EFUSE_CONF_REG, 0x00010000},
                                                                    {EFUSE_DAC_CONF_REG, 0x00000028},
                                                                    {EFUSE_DATE_REG, 0x16042600}};

// How long a command keeps the controller busy, about.
constexpr base::Ticks kReadTime = 20 * base::kTicksPerMicrosecond;
constexpr base::Ticks kProgramTime = 2 * base::kTicksPerMillisecond;

constexpr std::uint32_t kCodingSchemeMask = 3;
constexpr std::uint32_t kCoding34 = 1;

// Which bits of which word a bit of EFUSE_WR_DIS protects from burning (ESP-IDF
// components/efuse/esp32/esp_efuse_table.csv, the fields WR_DIS.*). Whole blocks have bits of their own.
struct Protection {
  unsigned bit;
  unsigned word;
  std::uint32_t mask;
};
constexpr Protection kProtections[] = {
    {0, 0, 0x000f0000},   // RD_DIS
    {1, 0, 0x0000ffff},   // WR_DIS
    {2, 0, 0x0ff00000},   // FLASH_CRYPT_CNT, UART_DOWNLOAD_DIS
    {3, 1, 0xffffffff},   // MAC
    {3, 2, 0x00ffffff},   // MAC and its check byte
    {3, 3, 0xffffffff},   // what the chip is
    {3, 5, 0x0ff00000},   // revision, voltage level
    {4, 4, 0x00001fff},   // CLK8M_FREQ, ADC_VREF
    {5, 4, 0x0001c000},   // XPD_SDIO
    {6, 5, 0x000fffff},   // SPI_PAD_CONFIG
    {10, 5, 0xf0000000},  // FLASH_CRYPT_CONFIG
    {10, 6, 0x00000403},  // CODING_SCHEME, KEY_STATUS
    {12, 6, 1u << 4},     // ABS_DONE_0
    {13, 6, 1u << 5},     // ABS_DONE_1
    {14, 6, 1u << 6},     // JTAG_DISABLE
    {15, 6, 0x00000384},  // CONSOLE_DEBUG_DISABLE, DISABLE_DL_*
};
constexpr unsigned kProtectBlock1 = 7;  // of EFUSE_WR_DIS; blocks 2 and 3 follow
constexpr unsigned kHideBlock1 = 16;    // of word 0: EFUSE_RD_DIS; blocks 2 and 3 follow
constexpr unsigned kHideCrypt = 19;     // FLASH_CRYPT_CONFIG, CODING_SCHEME, KEY_STATUS

// Where a register's word lies among the values, if it is a read or a write register.
std::optional<unsigned> value_index(std::uint32_t offset, std::uint32_t block0, std::uint32_t block1) {
  if (offset >= block0 && offset < block0 + 7 * 4) return (offset - block0) / 4;
  if (offset >= block1 && offset < block1 + 24 * 4) return kEfuseBlock[1] + (offset - block1) / 4;
  return std::nullopt;
}

// Decodes the 3/4 scheme in place: of each eight bytes six are data, the seventh their XOR and the eighth the
// sum of their numbers of ones, weighted by position (TRM, "3/4 coding scheme"). Returns false if a check
// fails.
bool decode34(std::uint32_t* words) {
  std::array<std::uint8_t, 32> coded;
  for (std::size_t i = 0; i < coded.size(); ++i)
    coded[i] = static_cast<std::uint8_t>(words[i / 4] >> i % 4 * 8);
  std::array<std::uint8_t, 32> data{};
  bool good = true;
  for (std::size_t group = 0; group < 4; ++group) {
    const std::uint8_t* from = &coded[group * 8];
    std::uint8_t parity = 0;
    std::uint8_t weight = 0;
    for (unsigned i = 0; i < 6; ++i) {
      data[group * 6 + i] = from[i];
      parity ^= from[i];
      weight = static_cast<std::uint8_t>(weight + (i + 1) * static_cast<unsigned>(std::popcount(from[i])));
    }
    good = good && parity == from[6] && weight == from[7];
  }
  for (std::size_t i = 0; i < 8; ++i) {
    words[i] =
        data[i * 4] | data[i * 4 + 1] << 8 | data[i * 4 + 2] << 16 | std::uint32_t{data[i * 4 + 3]} << 24;
  }
  return good;
}

}  // namespace

Efuse::Efuse(Context context, const EfuseValues& fuses)
    : fuses_(fuses),
      registers_("efuse", kSize, context.log),
      events_(context.events),
      tracer_(context.tracer),
      done_(context.events, [this] { finish(); }) {
  reset(ResetKind::kSystem);
}

void Efuse::set_fuses(const EfuseValues& fuses) {
  fuses_ = fuses;
  load();
}

void Efuse::reset(ResetKind) {
  done_.cancel();
  command_ = unseen_ = interrupt_raw_ = interrupt_enabled_ = 0;
  to_burn_ = {};
  registers_.clear();
  for (const auto& [offset, value] : kResetValues) registers_.set(offset, value);
  load();
  update_interrupt();
}

void Efuse::archive(base::Archive& ar) {
  ar.section("efuse");
  base::Ticks deadline = done_.deadline();
  ar(fuses_, shown_, to_burn_, command_, unseen_, interrupt_raw_, interrupt_enabled_, decode_warnings_,
     deadline);
  registers_.archive(ar);
  if (ar.is_saving()) return;
  done_.cancel();
  if (deadline != base::kNever) done_.arm(deadline);
  update_interrupt();
}

std::uint32_t Efuse::peek(std::uint32_t offset) {
  if (const auto i = value_index(offset, EFUSE_BLK0_RDATA0_REG, EFUSE_BLK1_RDATA0_REG)) return shown_[*i];
  if (const auto i = value_index(offset, EFUSE_BLK0_WDATA0_REG, EFUSE_BLK1_WDATA0_REG)) return to_burn_[*i];
  switch (offset) {
    case EFUSE_STATUS_REG:
      return 0;
    case EFUSE_CMD_REG:
      return command_ | unseen_;
    case EFUSE_INT_RAW_REG:
      return interrupt_raw_;
    case EFUSE_INT_ST_REG:
      return interrupt_raw_ & interrupt_enabled_;
    case EFUSE_INT_ENA_REG:
      return interrupt_enabled_;
    case EFUSE_INT_CLR_REG:
      return 0;
    case EFUSE_DEC_STATUS_REG:
      return decode_warnings_;
    default:
      return registers_.get(offset);
  }
}

std::uint32_t Efuse::read(std::uint32_t offset) {
  if (offset > EFUSE_DEC_STATUS_REG && offset != EFUSE_DATE_REG) return registers_.read(offset);
  const std::uint32_t value = peek(offset);
  if (offset == EFUSE_CMD_REG) unseen_ = 0;
  return value;
}

void Efuse::write(std::uint32_t offset, std::uint32_t value) {
  if (const auto i = value_index(offset, EFUSE_BLK0_WDATA0_REG, EFUSE_BLK1_WDATA0_REG)) {
    to_burn_[*i] = value;
    return;
  }
  switch (offset) {
    case EFUSE_CMD_REG:
      start(value);
      return;
    case EFUSE_INT_ENA_REG:
      interrupt_enabled_ = value & (EFUSE_READ_CMD | EFUSE_PGM_CMD);
      break;
    case EFUSE_INT_CLR_REG:
      interrupt_raw_ &= ~value;
      break;
    case EFUSE_CLK_REG:
    case EFUSE_CONF_REG:
    case EFUSE_DAC_CONF_REG:
    case EFUSE_DATE_REG:
      registers_.set(offset, value);
      return;
    default:
      if (offset > EFUSE_DEC_STATUS_REG) registers_.write(offset, value);
      return;  // the others cannot be written
  }
  update_interrupt();
}

void Efuse::update_interrupt() {
  interrupt.set((interrupt_raw_ & interrupt_enabled_) != 0);
}

void Efuse::start(std::uint32_t command) {
  if (command_ != 0) return;
  const std::uint32_t code = registers_.get(EFUSE_CONF_REG) & 0xffff;
  if ((command & EFUSE_READ_CMD) && code == EFUSE_READ_OP_CODE) {
    command_ = unseen_ = EFUSE_READ_CMD;
    done_.arm(events_.now() + kReadTime);
  } else if ((command & EFUSE_PGM_CMD) && code == EFUSE_WRITE_OP_CODE) {
    command_ = unseen_ = EFUSE_PGM_CMD;
    done_.arm(events_.now() + kProgramTime);
  }
}

void Efuse::finish() {
  if (command_ == EFUSE_READ_CMD) {
    tracer_.trace<base::TraceEvent::efuse_read>();
    load();
  }
  if (command_ == EFUSE_PGM_CMD) burn();
  interrupt_raw_ |= command_;
  command_ = 0;
  update_interrupt();
}

// Copies the fuses into the read registers.
void Efuse::load() {
  shown_ = fuses_;
  decode_warnings_ = 0;
  for (unsigned block = 1; block <= 3; ++block) {
    std::uint32_t* words = &shown_[kEfuseBlock[block]];
    if ((fuses_[6] & kCodingSchemeMask) == kCoding34 && !decode34(words)) {
      decode_warnings_ |= 0xfu << (block - 1) * 4;
    }
    if (fuses_[0] >> (kHideBlock1 + block - 1) & 1) std::fill_n(words, 8, 0);
  }
  if (fuses_[0] >> kHideCrypt & 1) {
    shown_[5] &= 0x0fffffff;
    shown_[6] &= ~0x00000403u;
  }
}

// The bits of a word that EFUSE_WR_DIS, as last read, keeps from being burnt.
std::uint32_t Efuse::write_protected(unsigned word) const {
  const std::uint32_t wr_dis = shown_[0];
  if (word >= kEfuseBlock[1]) {
    const unsigned block = (word - kEfuseBlock[1]) / 8;
    return wr_dis >> (kProtectBlock1 + block) & 1 ? ~0u : 0;
  }
  std::uint32_t mask = 0;
  for (const Protection& p : kProtections) {
    if (p.word == word && (wr_dis >> p.bit & 1)) mask |= p.mask;
  }
  return mask;
}

void Efuse::burn() {
  const EfuseValues before = fuses_;
  for (unsigned word = 0; word < fuses_.size(); ++word) {
    fuses_[word] |= to_burn_[word] & ~write_protected(word);
    if (fuses_[word] != before[word])
      tracer_.trace<base::TraceEvent::efuse_burn>(word, before[word], fuses_[word]);
  }
  to_burn_ = {};
  if (fuses_ != before && burnt_) burnt_(fuses_);
}

}  // namespace espalier::devices
