/* The analog blocks' registers (PLLs, bias...), behind a command register for each "host" at 0x6000E000: bits 0-7 the
   block, 8-15 the register, 16-23 the data, 24 write, 25 busy. */
#include "rom.h"

#define REGI2C(host) REG(0x6000e000u + 4 * (uint32_t)(uint8_t)(host))
#define REGI2C_WRITE BIT(24)
#define REGI2C_BUSY BIT(25)

static uint32_t transfer(uint8_t host, uint32_t command) {
  REGI2C(host) = command;
  while (REGI2C(host) & REGI2C_BUSY) {
  }
  return REGI2C(host) >> 16 & 0xff;
}

uint8_t rom_chip_i2c_readReg(uint8_t block, uint8_t host, uint8_t reg) {
  return (uint8_t)transfer(host, block | (uint32_t)reg << 8);
}
void rom_chip_i2c_writeReg(uint8_t block, uint8_t host, uint8_t reg, uint8_t data) {
  transfer(host, block | (uint32_t)reg << 8 | (uint32_t)data << 16 | REGI2C_WRITE);
}
uint8_t rom_i2c_readReg(uint8_t block, uint8_t host, uint8_t reg) { return rom_chip_i2c_readReg(block, host, reg); }
void rom_i2c_writeReg(uint8_t block, uint8_t host, uint8_t reg, uint8_t data) {
  rom_chip_i2c_writeReg(block, host, reg, data);
}
/* Bits `high` to `low` of a register. */
uint8_t rom_i2c_readReg_Mask(uint8_t block, uint8_t host, uint8_t reg, uint8_t high, uint8_t low) {
  return (uint8_t)(rom_chip_i2c_readReg(block, host, reg) >> low & ((1u << (high - low + 1)) - 1));
}
void rom_i2c_writeReg_Mask(uint8_t block, uint8_t host, uint8_t reg, uint8_t high, uint8_t low, uint8_t data) {
  const uint32_t mask = ((1u << (high - low + 1)) - 1) << low;
  const uint32_t rest = rom_chip_i2c_readReg(block, host, reg) & ~mask;
  rom_chip_i2c_writeReg(block, host, reg, (uint8_t)(rest | (uint32_t)data << low));
}
