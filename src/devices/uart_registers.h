// The names that the two halves of the UART's implementation share.
#pragma once

#include <cstdint>

namespace espalier::devices::uart {

// Offsets: ESP-IDF soc/esp32/register/soc/uart_reg.h.
inline constexpr std::uint32_t UART_FIFO_REG = 0x00;
inline constexpr std::uint32_t UART_INT_RAW_REG = 0x04;
inline constexpr std::uint32_t UART_INT_ST_REG = 0x08;
inline constexpr std::uint32_t UART_INT_ENA_REG = 0x0c;
inline constexpr std::uint32_t UART_INT_CLR_REG = 0x10;
inline constexpr std::uint32_t UART_CLKDIV_REG = 0x14;
inline constexpr std::uint32_t UART_AUTOBAUD_REG = 0x18;
inline constexpr std::uint32_t UART_STATUS_REG = 0x1c;
inline constexpr std::uint32_t UART_CONF0_REG = 0x20;
inline constexpr std::uint32_t UART_CONF1_REG = 0x24;
inline constexpr std::uint32_t UART_LOWPULSE_REG = 0x28;
inline constexpr std::uint32_t UART_HIGHPULSE_REG = 0x2c;
inline constexpr std::uint32_t UART_RXD_CNT_REG = 0x30;
inline constexpr std::uint32_t UART_FLOW_CONF_REG = 0x34;
inline constexpr std::uint32_t UART_SLEEP_CONF_REG = 0x38;
inline constexpr std::uint32_t UART_SWFC_CONF_REG = 0x3c;
inline constexpr std::uint32_t UART_IDLE_CONF_REG = 0x40;
inline constexpr std::uint32_t UART_RS485_CONF_REG = 0x44;
inline constexpr std::uint32_t UART_AT_CMD_PRECNT_REG = 0x48;
inline constexpr std::uint32_t UART_AT_CMD_POSTCNT_REG = 0x4c;
inline constexpr std::uint32_t UART_AT_CMD_GAPTOUT_REG = 0x50;
inline constexpr std::uint32_t UART_AT_CMD_CHAR_REG = 0x54;
inline constexpr std::uint32_t UART_MEM_CONF_REG = 0x58;
inline constexpr std::uint32_t UART_MEM_TX_STATUS_REG = 0x5c;
inline constexpr std::uint32_t UART_MEM_RX_STATUS_REG = 0x60;
inline constexpr std::uint32_t UART_MEM_CNT_STATUS_REG = 0x64;
inline constexpr std::uint32_t UART_POSPULSE_REG = 0x68;
inline constexpr std::uint32_t UART_NEGPULSE_REG = 0x6c;
inline constexpr std::uint32_t UART_DATE_REG = 0x78;
inline constexpr std::uint32_t UART_ID_REG = 0x7c;

// Interrupt bits.
inline constexpr std::uint32_t RXFIFO_FULL = 1u << 0;
inline constexpr std::uint32_t TXFIFO_EMPTY = 1u << 1;
inline constexpr std::uint32_t PARITY_ERR = 1u << 2;
inline constexpr std::uint32_t FRM_ERR = 1u << 3;
inline constexpr std::uint32_t RXFIFO_OVF = 1u << 4;
inline constexpr std::uint32_t DSR_CHG = 1u << 5;
inline constexpr std::uint32_t CTS_CHG = 1u << 6;
inline constexpr std::uint32_t BRK_DET = 1u << 7;
inline constexpr std::uint32_t RXFIFO_TOUT = 1u << 8;
inline constexpr std::uint32_t SW_XON = 1u << 9;
inline constexpr std::uint32_t SW_XOFF = 1u << 10;
inline constexpr std::uint32_t TX_BRK_DONE = 1u << 12;
inline constexpr std::uint32_t TX_BRK_IDLE_DONE = 1u << 13;
inline constexpr std::uint32_t TX_DONE = 1u << 14;
inline constexpr std::uint32_t AT_CMD_CHAR_DET = 1u << 18;

// CONF0.
inline constexpr unsigned PARITY_EN = 1, SW_RTS = 6, SW_DTR = 7, TXD_BRK = 8, LOOPBACK = 14, TX_FLOW_EN = 15;
inline constexpr unsigned RXFIFO_RST = 17, TXFIFO_RST = 18, CTS_INV = 20, DSR_INV = 21, RTS_INV = 23,
                          DTR_INV = 24;
inline constexpr unsigned ERR_WR_MASK = 26, TICK_REF_ALWAYS_ON = 27;
// CONF1.
inline constexpr unsigned RX_FLOW_EN = 23, RX_TOUT_EN = 31;
// FLOW_CONF.
inline constexpr unsigned SW_FLOW_CON_EN = 0, XONOFF_DEL = 1, FORCE_XON = 2, FORCE_XOFF = 3, SEND_XON = 4,
                          SEND_XOFF = 5;
// RS485_CONF.
inline constexpr unsigned RS485_EN = 0, DL0_EN = 1, DL1_EN = 2, RS485TX_RX_EN = 3;

// MEM_CONF sizes the FIFOs in blocks of the 1024-byte memory that the three UARTs share.
inline constexpr std::uint32_t kBlock = 128;
inline constexpr unsigned kFirstReceiveBlock = 3;
// How much a sender hands over at a time.
inline constexpr std::size_t kLineRoom = 256;

}  // namespace espalier::devices::uart
