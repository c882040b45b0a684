#include "devices/sdmmc.h"

namespace espalier::devices {
namespace {

constexpr std::uint32_t SDMMC_CTRL_REG = 0x00;
constexpr std::uint32_t SDMMC_INTMASK_REG = 0x24;
constexpr std::uint32_t SDMMC_CMDARG_REG = 0x28;
constexpr std::uint32_t SDMMC_CMD_REG = 0x2c;
constexpr std::uint32_t SDMMC_RESP0_REG = 0x30;
constexpr std::uint32_t SDMMC_MINTSTS_REG = 0x40;
constexpr std::uint32_t SDMMC_RINTSTS_REG = 0x44;
constexpr std::uint32_t SDMMC_STATUS_REG = 0x48;
constexpr std::uint32_t SDMMC_CDETECT_REG = 0x50;
constexpr std::uint32_t SDMMC_BMOD_REG = 0x80;
constexpr std::uint32_t SDMMC_IDSTS_REG = 0x8c;
constexpr std::uint32_t SDMMC_IDINTEN_REG = 0x90;

constexpr Reg kRegisters[] = {
    {SDMMC_CTRL_REG, 0, 0x03fffff8},  // the three reset bits clear themselves
    {0x04, 0, 0x3},                   // PWREN
    {0x08},                           // CLKDIV
    {0x0c, 0, 0xf},                   // CLKSRC
    {0x10, 0, 0x00030003},            // CLKENA
    {0x14, 0xffffff40},               // TMOUT
    {0x18, 0, 0x00030003},            // CTYPE
    {0x1c, 0x200, 0xffff},            // BLKSIZ
    {0x20, 0x200},                    // BYTCNT
    {SDMMC_INTMASK_REG, 0, 0x0003ffff},
    {SDMMC_CMDARG_REG},
    {SDMMC_CMD_REG, 0x20000000, 0x7fffffff},  // START_CMD clears itself when the command is taken
    {SDMMC_RESP0_REG, 0, 0, 4},
    {SDMMC_MINTSTS_REG, 0, 0},
    {SDMMC_RINTSTS_REG, 0, 0},
    {SDMMC_STATUS_REG, 0x6, 0},      // FIFO empty and below its mark, data line not busy
    {0x4c, 0, 0x7fff0fff},           // FIFOTH
    {SDMMC_CDETECT_REG, 0x3, 0},     // no card in either slot
    {0x54, 0, 0},                    // WRTPRT
    {0x5c, 0, 0, 2},                 // TCBCNT, TBBCNT
    {0x64, 0x00ffffff, 0x00ffffff},  // DEBNCE
    {0x68},                          // USRID
    {0x6c, 0x5432270a, 0},           // VERID
    {0x70, 0x03444cc3, 0},           // HCON
    {0x74},                          // UHS
    {0x78, 0x1, 0x3},                // RST_N
    {SDMMC_BMOD_REG, 0, 0x7fe},      // SWR clears itself
    {0x84, 0, 0},                    // PLDMND
    {0x88},                          // DBADDR
    {SDMMC_IDSTS_REG, 0, 0},
    {SDMMC_IDINTEN_REG, 0, 0x337},
    {0x94, 0, 0, 2},  // DSCADDR, BUFADDR
    {0x100},          // CARDTHRCTL
    {0x104},
    {0x108},
    {0x10c},
    {0x110},
    {0x200},                 // FIFO
    {0x800, 0, 0x00ffffff},  // CLOCK
};

constexpr std::uint32_t CMD_DONE = 1u << 2, RTO = 1u << 8;
// CMD
constexpr unsigned RESPONSE_EXPECT = 6, UPDATE_CLOCK_REGISTERS_ONLY = 21, START_CMD = 31;
constexpr unsigned INT_ENABLE = 4;  // CTRL

// The response may take 64 clocks of the card, which runs at 400 kHz while it is identified.
constexpr base::Ticks kCommandTime = 200 * base::kTicksPerMicrosecond;

}  // namespace

Sdmmc::Sdmmc(Context context)
    : RegisterBlock("sdmmc", kSize, kRegisters, context),
      timer_(context.events, [this] { command_over(); }) {}

void Sdmmc::update_line() {
  const bool command = (get(SDMMC_RINTSTS_REG) & get(SDMMC_INTMASK_REG)) != 0;
  const bool dma = (get(SDMMC_IDSTS_REG) & get(SDMMC_IDINTEN_REG)) != 0;
  line_.set(bit(SDMMC_CTRL_REG, INT_ENABLE) && (command || dma));
}

void Sdmmc::command(std::uint32_t value) {
  if (!(value >> START_CMD & 1) || (value >> UPDATE_CLOCK_REGISTERS_ONLY & 1)) return;
  tracer().trace<base::TraceEvent::sdmmc_command>(value & 0x3f, get(SDMMC_CMDARG_REG));
  timer_.arm(events().now() + kCommandTime);
}

void Sdmmc::command_over() {
  const bool timeout = bit(SDMMC_CMD_REG, RESPONSE_EXPECT);
  set(SDMMC_RINTSTS_REG, get(SDMMC_RINTSTS_REG) | CMD_DONE | (timeout ? RTO : 0));
  update_line();
}

std::uint32_t Sdmmc::peek(std::uint32_t offset) {
  return offset == SDMMC_MINTSTS_REG ? get(SDMMC_RINTSTS_REG) & get(SDMMC_INTMASK_REG) : get(offset);
}

std::uint32_t Sdmmc::read(std::uint32_t offset) {
  RegisterBlock::read(offset);
  return peek(offset);
}

void Sdmmc::write(std::uint32_t offset, std::uint32_t value) {
  RegisterBlock::write(offset, value);
  switch (offset) {
    case SDMMC_CMD_REG:
      command(value);
      break;
    case SDMMC_RINTSTS_REG:
    case SDMMC_IDSTS_REG:
      set(offset, get(offset) & ~value);
      break;
    case SDMMC_CTRL_REG:
      if (value & 1) timer_.cancel();  // CONTROLLER_RESET
      break;
    default:
      break;
  }
  update_line();
}

void Sdmmc::reset(ResetKind kind) {
  RegisterBlock::reset(kind);
  timer_.cancel();
  update_line();
}

void Sdmmc::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  base::Ticks deadline = timer_.deadline();
  ar(deadline);
  if (ar.is_saving()) return;
  timer_.arm(deadline);
  update_line();
}

}  // namespace espalier::devices
