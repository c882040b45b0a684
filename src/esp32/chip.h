// The ESP32 as a set of peripherals: which there are, where they lie, what their interrupt lines and resets
// are.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "devices/aes.h"
#include "devices/cache_mmu.h"
#include "devices/clock_tree.h"
#include "devices/device.h"
#include "devices/dma.h"
#include "devices/dport.h"
#include "devices/efuse.h"
#include "devices/emac_mac.h"
#include "devices/flash_encryption.h"
#include "devices/flash_storage.h"
#include "devices/frc_timer.h"
#include "devices/gp_spi.h"
#include "devices/gpio.h"
#include "devices/i2c.h"
#include "devices/i2s.h"
#include "devices/interrupt_matrix.h"
#include "devices/io_mux.h"
#include "devices/ledc.h"
#include "devices/mcpwm.h"
#include "devices/open_eth.h"
#include "devices/pcnt.h"
#include "devices/plain_blocks.h"
#include "devices/psram_chip.h"
#include "devices/regi2c.h"
#include "devices/reset_cause.h"
#include "devices/rmt.h"
#include "devices/rsa.h"
#include "devices/rtc_cntl.h"
#include "devices/rtc_io.h"
#include "devices/sdmmc.h"
#include "devices/sens.h"
#include "devices/sha.h"
#include "devices/spi_flash_chip.h"
#include "devices/spi_flash_controller.h"
#include "devices/syscon.h"
#include "devices/timer_group.h"
#include "devices/twai.h"
#include "devices/uart.h"
#include "devices/uhci.h"
#include "devices/wdev.h"
#include "esp32/device_bus.h"

namespace espalier::esp32 {

// The base MAC address of a chip that nobody gave one: locally administered.
inline constexpr devices::MacAddress kDefaultMac = {0x02, 0xe5, 0x70, 0xa1, 0x1e, 0x40};

struct ChipOptions {
  devices::EfuseValues efuses = devices::factory_efuses(kDefaultMac);
  std::uint32_t strapping = devices::Gpio::kStrapFlashBoot;
  std::uint64_t random_seed = 1;
  bool timer_group_watchdogs = true;  // false: they count, but nothing happens when they expire
};

// Everything on the peripheral bus. Adding a device is a member here and a row in chip.cpp's tables.
class Chip {
 public:
  // `psram` is external RAM's contents, empty without it.
  Chip(devices::Context context, devices::DmaBus& dma, devices::FlashStorage& flash,
       devices::PsramContents psram, const ChipOptions& options);
  Chip(const Chip&) = delete;
  Chip& operator=(const Chip&) = delete;

  // Told of a reset that a device asks for, of anything that changes core_runs(), of APP_CPU leaving its
  // reset, and of the CPU's and APB's frequencies.
  devices::ResetRequest on_reset;
  std::function<void()> on_core_gates;
  std::function<void()> on_app_cpu_start;
  std::function<void(devices::CpuClocks)> on_clocks;

  void mount(DeviceBus& bus);
  // The bytes behind RTC fast memory, whose checksum RTC_CNTL computes.
  void set_rtc_fast_memory(std::span<const std::uint8_t> memory);
  // Power comes on: everything to its reset value.
  void power_on();
  // Resets what `scope` takes with it and notes the cause for the cores concerned.
  void reset(devices::ResetScope scope, devices::ResetCause cause);
  // Whether a core executes: clocked, out of reset, not stalled, not asleep.
  bool core_runs(unsigned cpu) const;
  std::uint32_t reset_vector(unsigned cpu) const;
  devices::CpuClocks clocks() const;
  void archive(base::Archive& ar);

  devices::InterruptMatrix interrupt_matrix;
  devices::Dport dport;
  devices::CacheMmu cache_mmu;
  devices::RtcCntl rtc_cntl;
  devices::Syscon syscon;
  std::array<devices::TimerGroup, 2> timer_group;
  devices::FrcTimer frc_timer;
  std::array<devices::Uart, 3> uart;
  devices::IoMux io_mux;
  devices::Gpio gpio;
  devices::RtcIo rtc_io;
  devices::Sens sens;
  devices::RegI2c regi2c;
  devices::SeededRandom random;
  devices::Wdev wdev;
  devices::Efuse efuse;
  devices::SpiFlashController spi0, spi1;
  devices::SpiFlashChip flash_chip;
  std::optional<devices::PsramChip> psram_chip;
  devices::FlashEncryption flash_encryption;
  devices::Aes aes;
  devices::Sha sha;
  devices::Rsa rsa;
  devices::Ledc ledc;
  devices::Rmt rmt;
  devices::Pcnt pcnt;
  std::array<devices::Mcpwm, 2> mcpwm;
  std::array<devices::I2c, 2> i2c;
  std::array<devices::I2s, 2> i2s;
  devices::GpSpi spi2, spi3;
  std::array<devices::Uhci, 2> uhci;
  devices::Twai twai;
  devices::Sdmmc sdmmc;
  devices::EmacMac emac_mac;
  devices::OpenEth open_eth;

 private:
  struct Row;
  struct Interrupt;
  static const Row kRows[];
  static const Interrupt kInterrupts[];

  template <class Visit>
  void for_each_device(Visit visit);
  void connect_interrupts();
  void connect_control();
  void peripheral_reset(devices::Dport::ResetBank bank, std::uint32_t asserted);
  void update_clocks();
  void set_sleep(bool asleep);

  std::vector<std::unique_ptr<devices::RegisterBlock>> plain_blocks_;
  bool asleep_ = false;  // light or deep: no clock reaches the cores and the APB
};

}  // namespace espalier::esp32
