#include "devices/plain_blocks.h"

namespace espalier::devices {
namespace {

constexpr Reg kFe[] = {{0x7c, 0xffffffff, 0}};  // status that the PHY library waits for

constexpr Reg kHinf[] = {
    {0x00, 0x22226666},                 // CFG_DATA0
    {0x04, 0x01110011, 0xeffff077},     // CFG_DATA1
    {0x1c, 0x00020000, 0x0003ffff},     // CFG_DATA7
    {0x20, 0xffffffff, 0xffffffff, 8},  // CIS_CONF0 to 7
    {0x40, 0x33336666},                 // CFG_DATA16
    {0xfc, 0x15030200},                 // DATE
};

constexpr Reg kSlc[] = {
    {0x00, 0xff3cff30},  // CONF0
    {0x04, 0, 0, 2},
    {0x0c, 0, 0x07ffffff},
    {0x10, 0, 0},  // 0INT_RAW, ST, ENA, CLR
    {0x14, 0, 0, 2},
    {0x1c, 0, 0x01ffffff},
    {0x20, 0, 0},                    // 1INT
    {0x24, 0x00020002, 0},           // RX_STATUS
    {0x28, 0, 0x000001ff, 2},        // 0, 1RXFIFO_PUSH
    {0x30, 0x00020002, 0},           // TX_STATUS
    {0x34, 0, 0, 2},                 // 0, 1TXFIFO_POP
    {0x3c, 0, 0x000fffff, 2},        // 0RX_LINK, 0TX_LINK: start, stop, restart act at once
    {0x44, 0x00100000, 0x001fffff},  // 1RX_LINK
    {0x48, 0, 0x000fffff},           // 1TX_LINK
    {0x4c, 0, 0x00ff0000},           // INTVEC_TOHOST
    {0x50, 0, 0x00000fff, 4},        // 0, 1TOKEN0, 1
    {0x60, 0x00300078, 0x007f007f},  // CONF1
    {0x64, 0, 0, 4},                 // STATE
    {0x74, 0x000a7720, 0xffff7f3f},  // BRIDGE_CONF
    {0x78, 0, 0, 6},                 // EOF descriptors
    {0x90, 0, 0x37},                 // AHB_TEST
    {0x94, 0, 0},                    // SDIO_ST
    {0x98, 0x101b101a},              // RX_DSCR_CONF
    {0x9c, 0, 0, 15},                // descriptors
    {0xd8, 0x80, 0x7ff},             // TX_DSCR_CONF
    {0xdc, 0, 0, 2},                 // CMD_INFOR
    {0xe4, 0, 0x000fffff},           // 0_LEN_CONF
    {0xe8, 0, 0},                    // 0_LENGTH
    {0x114, 0x0509, 0xffff},         // SEQ_POSITION
    {0x118, 0x3ff, 0x3ff},           // DSCR_REC_CONF
    {0x138, 0x5400, 0x000fffff},     // LEN_LIM_CONF
    {0x1f8, 0x16022500},
    {0x1fc, 0x100},  // DATE, ID
};

constexpr Reg kSlcHost[] = {
    {0x20, 1, 1},      // FUNC2_2
    {0x34, 0, 0, 14},  // GPIO and interrupt status, token and packet length
    {0x78, 0xc0},
    {0x7c, 0x1ff},                    // CONF_W3, W4
    {0xd4, 0, 0, 2},                  // 0, 1INT_CLR
    {0xdc, 0, 0x03ffffff, 6},         // interrupt enables
    {0x10c, 0x0003c044, 0x0003ffff},  // RDCLR0
    {0x110, 0x0003c1e0, 0x0003ffff},  // RDCLR1
    {0x178, 0x16022500},
    {0x17c, 0x600},  // DATE, ID
    {0x1f0, 0, 0x0fffffff},
    {0x1f4, 0, 0},  // CONF, INF_ST
};

constexpr Reg kRtcI2c[] = {
    {0x00, 0, 0x7ffff}, {0x04, 0, 0xf3},    {0x08, 0, 0},       {0x0c, 0, 0xfffff},    {0x10, 0, 0x80007fff},
    {0x1c, 0, 0},       {0x20, 0, 0},       {0x24, 0, 0},       {0x2c, 0, 0},          {0x30, 0, 0xfffff},
    {0x38, 0, 0xfffff}, {0x40, 0, 0xfffff}, {0x44, 0, 0xfffff}, {0x48, 0, 0x80003fff},
};

constexpr PlainBlock kBlocks[] = {
    {"fe2", 0x3ff45000, 0x1000, {}},
    {"fe", 0x3ff46000, 0x1000, kFe},
    {"rtc_i2c", 0x3ff48c00, 0x400, kRtcI2c, RegisterBlock::Domain::kRtc},
    {"hinf", 0x3ff4b000, 0x1000, kHinf},
    {"bt", 0x3ff51000, 0x2000, {}},
    {"slchost", 0x3ff55000, 0x1000, kSlcHost},
    {"slc", 0x3ff58000, 0x1000, kSlc},
    {"nrx", 0x3ff5c000, 0x1000, {}},
    {"bb", 0x3ff5d000, 0x1000, {}},
    {"emac_ext", 0x3ff69800, 0x800, {}},
};

}  // namespace

std::span<const PlainBlock> plain_blocks() {
  return kBlocks;
}

std::unique_ptr<RegisterBlock> make_plain_block(const PlainBlock& block, Context context) {
  return std::make_unique<RegisterBlock>(block.name, block.size, block.registers, context, block.domain);
}

}  // namespace espalier::devices
