// A SPI NOR flash chip, GigaDevice GD25Q series.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "devices/device.h"
#include "devices/flash_power_cut.h"
#include "devices/flash_storage.h"
#include "devices/spi_slave.h"

namespace espalier::devices {

// Behaves as the GD25Q32C's data sheet says; the capacity, and with it the id's third byte, follows the
// storage (1, 2, 4, 8 or 16 MiB: C8 40 14 to C8 40 18). Timing in virtual time: the data sheet's typical
// values.
//
// A page program or an erase changes the storage in one step, when its command has been received, and the
// chip is busy afterwards for as long as it would take. So a snapshot, or a kill of the emulator, finds each
// operation not begun or complete. If the supply goes while it is busy, cut_power() leaves what a chip could
// have left (flash_power_cut.h), within the operation's page (256 bytes), sector or block.
//
// Not modelled: security registers, the continuous read mode, wrapped reads.
class SpiFlashChip : public SpiSlave {
 public:
  static constexpr std::uint8_t kManufacturer = 0xc8;

  SpiFlashChip(Context context, FlashStorage& storage, std::array<std::uint8_t, 16> unique_id = kUniqueId);

  void transfer(SpiTransfer& transfer) override;

  // As RDID gives it: 0xc84016 for 4 MiB.
  std::uint32_t jedec_id() const { return std::uint32_t{kManufacturer} << 16 | 0x4000u | capacity_; }
  // When the running program, erase or status write will be over; in the past when the chip is idle.
  base::Ticks busy_until() const { return busy_until_; }
  // The three status registers as a read gives them: 0x05, 0x35, 0x15.
  std::uint8_t status(unsigned index);

  // The supply goes, whatever the chip is doing. Power_cycle() has to follow. What was under way ends in a
  // state that follows from the seed; the answer says which, in a part of a line: "a page program at 0x9100
  // (64 bytes) was cut after 120 of 188 us: 31 bits differ from before, 80 would have". Empty: it was idle.
  std::string cut_power(std::uint64_t seed);
  // Supply off and on: the chip is idle, volatile status bits are those that were written for good.
  void power_cycle();
  void archive(base::Archive& ar);

 private:
  enum class Operation : std::uint8_t { kNone, kWriteStatus, kProgram, kErase, kEraseChip };
  struct Command;
  static const Command kCommands[];
  static constexpr std::array<std::uint8_t, 16> kUniqueId = {0x45, 0x53, 0x50, 0x41, 0x4c, 0x49, 0x45, 0x52,
                                                             0x00, 0x47, 0x44, 0x32, 0x35, 0x51, 0x00, 0x01};
  // A command's operands as its handler sees them.
  struct Operands {
    std::uint32_t address;
    std::span<const std::uint8_t> data;
    std::span<std::uint8_t> out;
    std::uint32_t argument;
  };

  bool accepts(const Command& command);
  void settle();
  void note(FlashOperation operation);
  bool busy() const { return operation_ != Operation::kNone; }
  void begin(Operation operation, base::Ticks duration);
  bool is_protected(std::uint32_t address, std::uint32_t length) const;
  void load_status();

  void enable_write(const Operands&);
  void disable_write(const Operands&);
  void enable_volatile_write(const Operands&);
  void read_status(const Operands&);
  void write_status(const Operands&);
  void read_data(const Operands&);
  void program_page(const Operands&);
  void erase(const Operands&);
  void erase_chip(const Operands&);
  void power_down(const Operands&);
  void release_power_down(const Operands&);
  void read_id(const Operands&);
  void read_manufacturer_and_device(const Operands&);
  void read_unique_id(const Operands&);
  void read_sfdp(const Operands&);
  void suspend(const Operands&);
  void resume(const Operands&);
  void enable_reset(const Operands&);
  void reset(const Operands&);
  void nothing(const Operands&);

  Context context_;
  FlashStorage& storage_;
  std::array<std::uint8_t, 16> unique_id_;
  std::uint8_t capacity_;
  std::vector<std::uint8_t> sfdp_;

  std::array<std::uint8_t, 3> stored_status_{};  // what survives a power cut
  std::array<std::uint8_t, 3> status_{};         // in force; without WIP, WEL and SUS bits
  bool write_enabled_ = false;
  bool volatile_write_enabled_ = false;
  bool powered_down_ = false;
  bool reset_enabled_ = false;
  bool status_locked_ = false;
  Operation operation_ = Operation::kNone;
  base::Ticks busy_until_ = 0;
  Operation suspended_ = Operation::kNone;
  base::Ticks suspended_rest_ = 0;
  // What is undone in part if the supply goes: of the running or the suspended program or erase...
  FlashOperation under_way_;
  // ... and of the running status write.
  std::array<std::uint8_t, 3> status_before_{};
};

}  // namespace espalier::devices
