#include "devices/spi_flash_controller.h"

#include <algorithm>
#include <utility>

namespace espalier::devices {

namespace {

constexpr std::uint32_t SPI_CMD_REG = 0x00;
constexpr std::uint32_t SPI_ADDR_REG = 0x04;
constexpr std::uint32_t SPI_CTRL_REG = 0x08;
constexpr std::uint32_t SPI_CTRL1_REG = 0x0c;
constexpr std::uint32_t SPI_RD_STATUS_REG = 0x10;
constexpr std::uint32_t SPI_CTRL2_REG = 0x14;
constexpr std::uint32_t SPI_CLOCK_REG = 0x18;
constexpr std::uint32_t SPI_USER_REG = 0x1c;
constexpr std::uint32_t SPI_USER1_REG = 0x20;
constexpr std::uint32_t SPI_USER2_REG = 0x24;
constexpr std::uint32_t SPI_MOSI_DLEN_REG = 0x28;
constexpr std::uint32_t SPI_MISO_DLEN_REG = 0x2c;
constexpr std::uint32_t SPI_SLV_WR_STATUS_REG = 0x30;
constexpr std::uint32_t SPI_PIN_REG = 0x34;
constexpr std::uint32_t SPI_SLAVE_REG = 0x38;
constexpr std::uint32_t SPI_SLAVE1_REG = 0x3c;
constexpr std::uint32_t SPI_SLV_RD_BIT_REG = 0x64;
constexpr std::uint32_t SPI_CACHE_SCTRL_REG = 0x54;
constexpr std::uint32_t SPI_W0_REG = 0x80;
constexpr std::uint32_t SPI_TX_CRC_REG = 0xc0;
constexpr std::uint32_t SPI_EXT0_REG = 0xf0;
constexpr std::uint32_t SPI_EXT1_REG = 0xf4;
constexpr std::uint32_t SPI_EXT2_REG = 0xf8;
constexpr std::uint32_t SPI_DMA_CONF_REG = 0x100;
constexpr std::uint32_t SPI_DMA_STATUS_REG = 0x10c;
constexpr std::uint32_t SPI_DMA_TSTATUS_REG = 0x14c;
constexpr std::uint32_t SPI_DATE_REG = 0x3fc;

// Values after reset that are not zero (ESP-IDF soc/esp32/register/soc/spi_reg.h, "default").
constexpr std::pair<std::uint32_t, std::uint32_t> kResetValues[] = {
    {SPI_CTRL_REG, 0x0020a400},   {SPI_CTRL1_REG, 0x5fff0000},       {SPI_CTRL2_REG, 0x00000011},
    {SPI_CLOCK_REG, 0x80003043},  {SPI_USER_REG, 0x80000040},        {SPI_USER1_REG, 0x5c000007},
    {SPI_USER2_REG, 0x70000000},  {SPI_PIN_REG, 0x00000006},         {SPI_SLAVE_REG, 0x00000200},
    {SPI_SLAVE1_REG, 0x02000000}, {SPI_CACHE_SCTRL_REG, 0x15c04830}, {SPI_EXT0_REG, 0x800a0050},
    {SPI_EXT1_REG, 0x800f0000},   {SPI_DMA_CONF_REG, 0x00000200},    {SPI_DATE_REG, 0x01604270},
};

// SPI_CMD_REG
constexpr std::uint32_t SPI_FLASH_READ = 1u << 31;
constexpr std::uint32_t SPI_FLASH_WREN = 1u << 30;
constexpr std::uint32_t SPI_FLASH_WRDI = 1u << 29;
constexpr std::uint32_t SPI_FLASH_RDID = 1u << 28;
constexpr std::uint32_t SPI_FLASH_RDSR = 1u << 27;
constexpr std::uint32_t SPI_FLASH_WRSR = 1u << 26;
constexpr std::uint32_t SPI_FLASH_PP = 1u << 25;
constexpr std::uint32_t SPI_FLASH_SE = 1u << 24;
constexpr std::uint32_t SPI_FLASH_BE = 1u << 23;
constexpr std::uint32_t SPI_FLASH_CE = 1u << 22;
constexpr std::uint32_t SPI_FLASH_DP = 1u << 21;
constexpr std::uint32_t SPI_FLASH_RES = 1u << 20;
constexpr std::uint32_t SPI_FLASH_HPM = 1u << 19;
constexpr std::uint32_t SPI_USR = 1u << 18;
constexpr std::uint32_t SPI_FLASH_PES = 1u << 17;
constexpr std::uint32_t SPI_FLASH_PER = 1u << 16;

// SPI_CTRL_REG
constexpr std::uint32_t SPI_WR_BIT_ORDER = 1u << 26;
constexpr std::uint32_t SPI_RD_BIT_ORDER = 1u << 25;
constexpr std::uint32_t SPI_FREAD_QIO = 1u << 24;
constexpr std::uint32_t SPI_FREAD_DIO = 1u << 23;
constexpr std::uint32_t SPI_WRSR_2B = 1u << 22;
constexpr std::uint32_t SPI_FREAD_QUAD = 1u << 20;
constexpr std::uint32_t SPI_RESANDRES = 1u << 15;
constexpr std::uint32_t SPI_FREAD_DUAL = 1u << 14;
constexpr std::uint32_t SPI_FASTRD_MODE = 1u << 13;

// SPI_USER_REG
constexpr std::uint32_t SPI_USR_COMMAND = 1u << 31;
constexpr std::uint32_t SPI_USR_ADDR = 1u << 30;
constexpr std::uint32_t SPI_USR_DUMMY = 1u << 29;
constexpr std::uint32_t SPI_USR_MISO = 1u << 28;
constexpr std::uint32_t SPI_USR_MOSI = 1u << 27;
constexpr std::uint32_t SPI_USR_MOSI_HIGHPART = 1u << 25;
constexpr std::uint32_t SPI_USR_MISO_HIGHPART = 1u << 24;
constexpr std::uint32_t SPI_FWRITE_QIO = 1u << 15;
constexpr std::uint32_t SPI_FWRITE_DIO = 1u << 14;
constexpr std::uint32_t SPI_FWRITE_QUAD = 1u << 13;
constexpr std::uint32_t SPI_FWRITE_DUAL = 1u << 12;
constexpr std::uint32_t SPI_WR_BYTE_ORDER = 1u << 11;
constexpr std::uint32_t SPI_RD_BYTE_ORDER = 1u << 10;

// SPI_SLAVE_REG
constexpr std::uint32_t SPI_TRANS_CNT_ONE = 1u << 23;
constexpr std::uint32_t SPI_TRANS_CNT_MASK = 0xfu << 23;
constexpr std::uint32_t SPI_TRANS_DONE = 1u << 4;
constexpr std::uint32_t kSlaveReadOnly = SPI_TRANS_CNT_MASK | 0x3fu << 17;
constexpr std::uint32_t kSlaveDoneMask = 0x1f;
constexpr unsigned kSlaveEnableShift = 5;

constexpr std::size_t kBufferBytes = 64;
constexpr std::size_t kHighPart = 32;

// The order of bits in a byte turned round, for the LSB-first modes.
constexpr std::uint8_t reverse_bits(std::uint8_t b) {
  b = static_cast<std::uint8_t>((b & 0xf0) >> 4 | (b & 0x0f) << 4);
  b = static_cast<std::uint8_t>((b & 0xcc) >> 2 | (b & 0x33) << 2);
  return static_cast<std::uint8_t>((b & 0xaa) >> 1 | (b & 0x55) << 1);
}

// Commands that the controller knows by a bit of SPI_CMD_REG and that have no data, or an address at most.
struct FixedCommand {
  std::uint32_t bit;
  std::uint8_t opcode;
  bool has_address;
};
constexpr FixedCommand kFixedCommands[] = {
    {SPI_FLASH_WREN, 0x06, false}, {SPI_FLASH_WRDI, 0x04, false}, {SPI_FLASH_SE, 0x20, true},
    {SPI_FLASH_BE, 0xd8, true},    {SPI_FLASH_CE, 0xc7, false},   {SPI_FLASH_DP, 0xb9, false},
    {SPI_FLASH_HPM, 0xa3, false},  {SPI_FLASH_PES, 0x75, false},  {SPI_FLASH_PER, 0x7a, false},
};

bool is_documented(std::uint32_t offset) {
  return offset <= SPI_SLV_RD_BIT_REG || (offset >= SPI_W0_REG && offset <= SPI_TX_CRC_REG) ||
         (offset >= SPI_EXT0_REG && offset <= SPI_DMA_TSTATUS_REG) || offset == SPI_DATE_REG;
}

}  // namespace

SpiFlashController::SpiFlashController(Context context, unsigned number)
    : name_(number == 0 ? "spi0" : "spi1"), registers_(name_, kSize, context.log) {
  reset(ResetKind::kSystem);
}

void SpiFlashController::reset(ResetKind) {
  registers_.clear();
  for (const auto& [offset, value] : kResetValues) registers_.set(offset, value);
  update_interrupt();
}

void SpiFlashController::archive(base::Archive& ar) {
  ar.section(name_);
  registers_.archive(ar);
  update_interrupt();
}

std::uint32_t SpiFlashController::read(std::uint32_t offset) {
  return is_documented(offset) ? registers_.get(offset) : registers_.read(offset);
}

void SpiFlashController::write(std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case SPI_CMD_REG:
      start(value);
      return;
    case SPI_SLAVE_REG:
      registers_.set(offset, (value & ~kSlaveReadOnly) | (registers_.get(offset) & kSlaveReadOnly));
      update_interrupt();
      return;
    case SPI_EXT2_REG:
    case SPI_DMA_STATUS_REG:
      return;
    default:
      if (is_documented(offset)) {
        registers_.set(offset, value);
      } else {
        registers_.write(offset, value);
      }
  }
}

void SpiFlashController::update_interrupt() {
  const std::uint32_t slave = registers_.get(SPI_SLAVE_REG);
  interrupt.set((slave & slave >> kSlaveEnableShift & kSlaveDoneMask) != 0);
}

std::uint8_t SpiFlashController::data_byte(std::size_t index) const {
  return static_cast<std::uint8_t>(registers_.get(SPI_W0_REG + static_cast<std::uint32_t>(index & ~3u)) >>
                                   index % 4 * 8);
}

void SpiFlashController::set_data_byte(std::size_t index, std::uint8_t value) {
  const auto offset = SPI_W0_REG + static_cast<std::uint32_t>(index & ~3u);
  const unsigned shift = index % 4 * 8;
  registers_.set(offset, (registers_.get(offset) & ~(0xffu << shift)) | std::uint32_t{value} << shift);
}

void SpiFlashController::start(std::uint32_t command) {
  if (command == 0) return;
  if (command & SPI_USR) {
    run_user_command();
  } else if (command & SPI_FLASH_READ) {
    run_flash_read();
  } else {
    run_flash_command(command);
  }
  std::uint32_t slave = registers_.get(SPI_SLAVE_REG);
  slave = (slave & ~SPI_TRANS_CNT_MASK) | ((slave + SPI_TRANS_CNT_ONE) & SPI_TRANS_CNT_MASK) | SPI_TRANS_DONE;
  registers_.set(SPI_SLAVE_REG, slave);
  update_interrupt();
}

void SpiFlashController::transfer(SpiTransfer& transfer) {
  std::ranges::fill(transfer.miso, std::uint8_t{0xff});
  const std::uint32_t disabled = registers_.get(SPI_PIN_REG);
  for (unsigned i = 0; i < kChipSelects; ++i) {
    if (!(disabled >> i & 1) && chips_[i] != nullptr) chips_[i]->transfer(transfer);
  }
}

// The commands that have a bit of their own. Address and length, where there are any, are in SPI_ADDR_REG:
// the address in its low 24 bits, the number of bytes above.
void SpiFlashController::run_flash_command(std::uint32_t command) {
  SpiTransfer t{.command_bits = 8};
  for (const FixedCommand& fixed : kFixedCommands) {
    if (!(command & fixed.bit)) continue;
    t.command = fixed.opcode;
    if (fixed.has_address) {
      t.address_bits = 24;
      t.address = registers_.get(SPI_ADDR_REG) & 0xffffff;
    }
    transfer(t);
    return;
  }
  const std::uint32_t status = registers_.get(SPI_RD_STATUS_REG);
  std::array<std::uint8_t, kBufferBytes> bytes{};
  if (command & SPI_FLASH_RDID) {
    t.command = 0x9f;
    t.miso = std::span(bytes).first(3);
    transfer(t);
    registers_.set(SPI_W0_REG, bytes[0] | bytes[1] << 8 | bytes[2] << 16);
  } else if (command & SPI_FLASH_RDSR) {
    t.command = 0x05;
    t.miso = std::span(bytes).first(1);
    transfer(t);
    registers_.set(SPI_RD_STATUS_REG, (status & ~0xffffu) | bytes[0]);
  } else if (command & SPI_FLASH_WRSR) {
    t.command = 0x01;
    bytes[0] = static_cast<std::uint8_t>(status);
    bytes[1] = static_cast<std::uint8_t>(status >> 8);
    t.mosi = std::span(bytes).first(bit(SPI_CTRL_REG, SPI_WRSR_2B) ? 2 : 1);
    transfer(t);
  } else if (command & SPI_FLASH_PP) {
    t.command = 0x02;
    t.address_bits = 24;
    t.address = registers_.get(SPI_ADDR_REG) & 0xffffff;
    const std::size_t n = std::min<std::size_t>(registers_.get(SPI_ADDR_REG) >> 24, kBufferBytes);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = data_byte(i);
    t.mosi = std::span(bytes).first(n);
    transfer(t);
  } else if (command & SPI_FLASH_RES) {
    t.command = 0xab;
    if (bit(SPI_CTRL_REG, SPI_RESANDRES)) {
      t.dummy_cycles = 24;
      t.miso = std::span(bytes).first(1);
    }
    transfer(t);
    if (!t.miso.empty()) registers_.set(SPI_RD_STATUS_REG, (status & ~0xffffu) | bytes[0]);
  }
}

// Reads with the command that the mode bits of SPI_CTRL_REG choose.
void SpiFlashController::run_flash_read() {
  struct Mode {
    std::uint32_t bit;
    std::uint8_t opcode, dummy_cycles, address_lines, miso_lines;
  };
  constexpr Mode kModes[] = {{SPI_FREAD_QIO, 0xeb, 6, 4, 4},
                             {SPI_FREAD_DIO, 0xbb, 4, 2, 2},
                             {SPI_FREAD_QUAD, 0x6b, 8, 1, 4},
                             {SPI_FREAD_DUAL, 0x3b, 8, 1, 2},
                             {SPI_FASTRD_MODE, 0x0b, 8, 1, 1}};
  const std::uint32_t ctrl = registers_.get(SPI_CTRL_REG);
  Mode mode{0, 0x03, 0, 1, 1};
  if (ctrl & SPI_FASTRD_MODE)
    mode = *std::ranges::find_if(kModes, [&](const Mode& m) { return ctrl & m.bit; });

  const std::uint32_t address = registers_.get(SPI_ADDR_REG);
  std::array<std::uint8_t, kBufferBytes> bytes{};
  SpiTransfer t{.command_bits = 8, .command = mode.opcode, .address_bits = 24, .address = address & 0xffffff};
  t.dummy_cycles = mode.dummy_cycles;
  t.address_lines = mode.address_lines;
  t.miso_lines = mode.miso_lines;
  t.miso = std::span(bytes).first(std::min<std::size_t>(address >> 24, kBufferBytes));
  transfer(t);
  for (std::size_t i = 0; i < t.miso.size(); ++i) set_data_byte(i, bytes[i]);
}

void SpiFlashController::run_user_command() {
  const std::uint32_t user = registers_.get(SPI_USER_REG);
  const std::uint32_t ctrl = registers_.get(SPI_CTRL_REG);
  const auto lines = [](std::uint32_t value, std::uint32_t quad, std::uint32_t dual) -> unsigned {
    return value & quad ? 4 : value & dual ? 2 : 1;
  };
  const std::uint32_t read_modes = ctrl & SPI_FASTRD_MODE ? ctrl : 0;

  SpiTransfer t;
  if (user & SPI_USR_COMMAND) {
    t.command_bits = field(SPI_USER2_REG, 28, 4) + 1;
    t.command = static_cast<std::uint16_t>(registers_.get(SPI_USER2_REG));
  }
  if (user & SPI_USR_ADDR) {
    // Left-aligned in SPI_ADDR_REG; what does not fit follows in SPI_SLV_WR_STATUS_REG.
    t.address_bits = field(SPI_USER1_REG, 26, 6) + 1;
    const std::uint64_t both =
        std::uint64_t{registers_.get(SPI_ADDR_REG)} << 32 | registers_.get(SPI_SLV_WR_STATUS_REG);
    t.address = both >> (64 - t.address_bits);
    // The address of a read goes as the read mode says, all else as the write mode says.
    t.address_lines = lines(user, SPI_FWRITE_QIO, SPI_FWRITE_DIO);
    if (user & SPI_USR_MISO) {
      t.address_lines = std::max(t.address_lines, lines(read_modes, SPI_FREAD_QIO, SPI_FREAD_DIO));
    }
  }
  if (user & SPI_USR_DUMMY) t.dummy_cycles = field(SPI_USER1_REG, 0, 8) + 1;

  const auto length = [&](std::uint32_t offset, std::size_t start) {
    const std::size_t bytes = (std::size_t{field(offset, 0, 24)} + 8) / 8;
    return std::min(bytes, kBufferBytes - start);
  };
  std::array<std::uint8_t, kBufferBytes> mosi;
  if (user & SPI_USR_MOSI) {
    const std::size_t start = user & SPI_USR_MOSI_HIGHPART ? kHighPart : 0;
    const std::size_t n = length(SPI_MOSI_DLEN_REG, start);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t from = user & SPI_WR_BYTE_ORDER ? i ^ 3 : i;
      mosi[i] = data_byte(start + from);
      if (ctrl & SPI_WR_BIT_ORDER) mosi[i] = reverse_bits(mosi[i]);
    }
    t.mosi = std::span(mosi).first(n);
    t.mosi_lines = lines(user, SPI_FWRITE_QIO | SPI_FWRITE_QUAD, SPI_FWRITE_DIO | SPI_FWRITE_DUAL);
  }
  std::array<std::uint8_t, kBufferBytes> miso;
  const std::size_t miso_start = user & SPI_USR_MISO_HIGHPART ? kHighPart : 0;
  if (user & SPI_USR_MISO) {
    t.miso = std::span(miso).first(length(SPI_MISO_DLEN_REG, miso_start));
    t.miso_lines = lines(read_modes, SPI_FREAD_QIO | SPI_FREAD_QUAD, SPI_FREAD_DIO | SPI_FREAD_DUAL);
  }
  transfer(t);
  for (std::size_t i = 0; i < t.miso.size(); ++i) {
    const std::size_t to = user & SPI_RD_BYTE_ORDER ? i ^ 3 : i;
    set_data_byte(miso_start + to, ctrl & SPI_RD_BIT_ORDER ? reverse_bits(miso[i]) : miso[i]);
  }
}

}  // namespace espalier::devices
