#include "devices/spi_flash_chip.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "devices/spi_flash_sfdp.h"

namespace espalier::devices {

namespace {

using base::kTicksPerMicrosecond;
using base::kTicksPerMillisecond;
using base::Ticks;
using base::TraceEvent;

constexpr std::uint32_t kProgramPage = 256;

// Typical times of the GD25Q32C; a chip erase takes as long as its blocks.
constexpr Ticks kWriteStatusTime = 5 * kTicksPerMillisecond;
constexpr Ticks kProgramPageTime = 600 * kTicksPerMicrosecond;
constexpr Ticks kProgramFirstByteTime = 30 * kTicksPerMicrosecond;
constexpr Ticks kProgramNextByteTime = 2'500 * kTicksPerMicrosecond / 1'000;
constexpr Ticks kEraseSectorTime = 45 * kTicksPerMillisecond;
constexpr Ticks kEraseBlockTime = 150 * kTicksPerMillisecond;

// Status register 1: WIP, WEL, BP0 to BP4, SRP0.
constexpr std::uint8_t kWip = 1 << 0, kWel = 1 << 1, kBpMask = 0x1f << 2;
// Status register 2: SRP1, QE, SUS2 (program suspended), LB1 to LB3, CMP, SUS1 (erase suspended).
constexpr std::uint8_t kSrp1 = 1 << 0, kQe = 1 << 1, kSus2 = 1 << 2, kLbMask = 7 << 3, kCmp = 1 << 6,
                       kSus1 = 1 << 7;
// Which bits of each register a write reaches. LB bits can only be set.
constexpr std::array<std::uint8_t, 3> kWritable = {0xfc, kSrp1 | kQe | kLbMask | kCmp, 0x60};

}  // namespace

// One line a command: its bytes before the data, the clocks without data, and when the chip takes it.
struct SpiFlashChip::Command {
  enum Flags : unsigned {
    kWhileBusy = 1,
    kWhileSuspended = 2,
    kWhilePoweredDown = 4,
    kNeedsWriteEnable = 8,
    kNeedsQuadEnable = 16,
    kReading = kWhileSuspended,
    kQuadReading = kReading | kNeedsQuadEnable,
  };
  std::uint8_t opcode;
  std::uint8_t address_bytes;
  std::uint8_t dummy_cycles;
  unsigned flags;
  void (SpiFlashChip::*run)(const Operands&);
  std::uint32_t argument = 0;
};

const SpiFlashChip::Command SpiFlashChip::kCommands[] = {
    {0x06, 0, 0, Command::kReading, &SpiFlashChip::enable_write},
    {0x04, 0, 0, Command::kReading, &SpiFlashChip::disable_write},
    {0x50, 0, 0, Command::kReading, &SpiFlashChip::enable_volatile_write},
    {0x05, 0, 0, Command::kWhileBusy | Command::kReading, &SpiFlashChip::read_status, 0},
    {0x35, 0, 0, Command::kWhileBusy | Command::kReading, &SpiFlashChip::read_status, 1},
    {0x15, 0, 0, Command::kWhileBusy | Command::kReading, &SpiFlashChip::read_status, 2},
    {0x01, 0, 0, 0, &SpiFlashChip::write_status, 0},
    {0x31, 0, 0, 0, &SpiFlashChip::write_status, 1},
    {0x11, 0, 0, 0, &SpiFlashChip::write_status, 2},
    // Reads. Mode bits count as dummy cycles.
    {0x03, 3, 0, Command::kReading, &SpiFlashChip::read_data},
    {0x0b, 3, 8, Command::kReading, &SpiFlashChip::read_data},
    {0x3b, 3, 8, Command::kReading, &SpiFlashChip::read_data},
    {0xbb, 3, 4, Command::kReading, &SpiFlashChip::read_data},
    {0x6b, 3, 8, Command::kQuadReading, &SpiFlashChip::read_data},
    {0xeb, 3, 6, Command::kQuadReading, &SpiFlashChip::read_data},
    {0xe7, 3, 4, Command::kQuadReading, &SpiFlashChip::read_data},
    {0x02, 3, 0, Command::kNeedsWriteEnable, &SpiFlashChip::program_page},
    {0xf2, 3, 0, Command::kNeedsWriteEnable, &SpiFlashChip::program_page},
    {0x32, 3, 0, Command::kNeedsWriteEnable | Command::kNeedsQuadEnable, &SpiFlashChip::program_page},
    {0x38, 3, 0, Command::kNeedsWriteEnable | Command::kNeedsQuadEnable, &SpiFlashChip::program_page},
    {0x20, 3, 0, Command::kNeedsWriteEnable, &SpiFlashChip::erase, 4 << 10},
    {0x52, 3, 0, Command::kNeedsWriteEnable, &SpiFlashChip::erase, 32 << 10},
    {0xd8, 3, 0, Command::kNeedsWriteEnable, &SpiFlashChip::erase, 64 << 10},
    {0xc7, 0, 0, Command::kNeedsWriteEnable, &SpiFlashChip::erase_chip},
    {0x60, 0, 0, Command::kNeedsWriteEnable, &SpiFlashChip::erase_chip},
    {0x75, 0, 0, Command::kWhileBusy, &SpiFlashChip::suspend},
    {0x7a, 0, 0, Command::kWhileSuspended, &SpiFlashChip::resume},
    {0xb9, 0, 0, 0, &SpiFlashChip::power_down},
    {0xab, 0, 24, Command::kWhilePoweredDown | Command::kReading, &SpiFlashChip::release_power_down},
    {0x9f, 0, 0, Command::kReading, &SpiFlashChip::read_id},
    {0x90, 3, 0, Command::kReading, &SpiFlashChip::read_manufacturer_and_device},
    {0x4b, 0, 32, Command::kReading, &SpiFlashChip::read_unique_id},
    {0x5a, 3, 8, Command::kReading, &SpiFlashChip::read_sfdp},
    {0x66, 0, 0, Command::kWhileBusy | Command::kWhileSuspended, &SpiFlashChip::enable_reset},
    {0x99, 0, 0, Command::kWhileBusy | Command::kWhileSuspended, &SpiFlashChip::reset},
    {0xa3, 0, 0, Command::kReading,
     &SpiFlashChip::nothing},  // high performance mode: it always is fast enough
    {0xff, 0, 0, Command::kReading,
     &SpiFlashChip::nothing},  // leave the continuous read mode: it never is in it
};

SpiFlashChip::SpiFlashChip(Context context, FlashStorage& storage, std::array<std::uint8_t, 16> unique_id)
    : context_(context),
      storage_(storage),
      unique_id_(unique_id),
      capacity_(static_cast<std::uint8_t>(std::bit_width(storage.size() - 1))),
      sfdp_(sfdp_table(storage.size(), kManufacturer)) {}

void SpiFlashChip::transfer(SpiTransfer& transfer) {
  settle();
  SpiReader reader(transfer);
  if (reader.lines() != 1) return;  // it has no mode in which commands come on four lines
  const auto opcode = reader.byte();
  if (!opcode) return;
  const auto* const end = std::end(kCommands);
  const auto* const command =
      std::find_if(std::begin(kCommands), end, [&](const Command& c) { return c.opcode == *opcode; });
  const bool was_reset_enabled = reset_enabled_;
  reset_enabled_ = false;
  if (command == end) {
    context_.log.debug(base::LogArea::kFlash, "flash chip: command {:#04x} is unknown and ignored", *opcode);
    context_.tracer.trace<TraceEvent::spi_flash_ignore>(*opcode, std::string_view("unknown"));
    return;
  }
  if (!accepts(*command)) return;
  if (command->run == &SpiFlashChip::reset && !was_reset_enabled) return;
  const auto address = reader.number(command->address_bytes);
  if (!address) return;  // chip select went up too early
  const std::size_t early = command->dummy_cycles != 0 ? reader.skip(command->dummy_cycles) : 0;
  const auto data = reader.rest();
  context_.tracer.trace<TraceEvent::spi_flash_command>(*opcode, *address, data.size(), transfer.miso.size());
  (this->*command->run)({*address % storage_.size(), data,
                         transfer.miso.subspan(std::min(early, transfer.miso.size())), command->argument});
}

bool SpiFlashChip::accepts(const Command& command) {
  const auto refuse = [&](const char* why) {
    context_.log.debug(base::LogArea::kFlash, "flash chip: command {:#04x} is ignored: {}", command.opcode,
                       why);
    context_.tracer.trace<TraceEvent::spi_flash_ignore>(command.opcode, std::string_view(why));
    return false;
  };
  if (powered_down_ && !(command.flags & Command::kWhilePoweredDown))
    return refuse("the chip is powered down");
  if (busy() && !(command.flags & Command::kWhileBusy)) return refuse("the chip is busy");
  if (suspended_ != Operation::kNone && !(command.flags & Command::kWhileSuspended)) {
    return refuse("an operation is suspended");
  }
  if ((command.flags & Command::kNeedsQuadEnable) && !(status_[1] & kQe)) return refuse("QE is not set");
  if ((command.flags & Command::kNeedsWriteEnable) && !write_enabled_)
    return refuse("writing is not enabled");
  return true;
}

// Ends the running operation if its time is over.
void SpiFlashChip::settle() {
  if (!busy() || context_.events.now() < busy_until_) return;
  operation_ = Operation::kNone;
  write_enabled_ = false;
  under_way_ = {};
}

// Before the storage is changed: what a power cut may leave of it.
void SpiFlashChip::note(FlashOperation operation) {
  under_way_ = std::move(operation);
  storage_.read(under_way_.address, under_way_.before);
}

void SpiFlashChip::begin(Operation operation, Ticks duration) {
  operation_ = operation;
  busy_until_ = context_.events.now() + duration;
}

std::uint8_t SpiFlashChip::status(unsigned index) {
  settle();
  std::uint8_t value = status_[index];
  if (index == 0) value |= (busy() ? kWip : 0) | (write_enabled_ ? kWel : 0);
  if (index == 1 && suspended_ != Operation::kNone)
    value |= suspended_ == Operation::kProgram ? kSus2 : kSus1;
  return value;
}

// BP4 to BP0 and CMP choose a part of the flash from one of its ends (GD25Q32C data sheet, "Protected area
// size"): BP4 counts in sectors, otherwise in 64ths of the flash, at least 64 KiB; BP3 says which end; CMP
// turns it round.
bool SpiFlashChip::is_protected(std::uint32_t address, std::uint32_t length) const {
  const unsigned bp = (status_[0] & kBpMask) >> 2;
  const unsigned amount = bp & 7;
  std::uint32_t part = 0;
  if (amount == 7) {
    part = storage_.size();
  } else if (amount != 0) {
    const bool sectors = bp & 0x10;
    const std::uint32_t unit = sectors ? kFlashSectorSize : std::max(kFlashPageSize, storage_.size() / 64);
    part = std::min(unit << (sectors ? std::min(amount, 4u) - 1 : amount - 1), storage_.size());
  }
  const bool at_bottom = bp & 8;
  std::uint32_t from = at_bottom ? 0 : storage_.size() - part;
  std::uint32_t to = at_bottom ? part : storage_.size();
  if (status_[1] & kCmp) {  // the rest is protected instead
    from = at_bottom ? part : 0;
    to = at_bottom ? storage_.size() : storage_.size() - part;
  }
  return address < to && address + length > from;
}

void SpiFlashChip::enable_write(const Operands&) {
  write_enabled_ = true;
}

void SpiFlashChip::disable_write(const Operands&) {
  write_enabled_ = false;
}

void SpiFlashChip::enable_volatile_write(const Operands&) {
  volatile_write_enabled_ = true;
}

void SpiFlashChip::read_status(const Operands& operands) {
  std::ranges::fill(operands.out, status(operands.argument));
}

// One byte writes one register; the first register's command takes a second byte for the second (WRSR with 16
// bits, which the ROM and ESP-IDF use). After 0x50 the bits last until power is cut, without a wait.
void SpiFlashChip::write_status(const Operands& operands) {
  const bool volatile_only = volatile_write_enabled_;
  volatile_write_enabled_ = false;
  const std::size_t most = operands.argument == 0 ? 2 : 1;
  if (operands.data.empty() || operands.data.size() > most) return;
  if ((!write_enabled_ && !volatile_only) || status_locked_) return;
  status_before_ = stored_status_;
  for (std::size_t i = 0; i < operands.data.size(); ++i) {
    const std::size_t index = operands.argument + i;
    std::uint8_t value = operands.data[i] & kWritable[index];
    if (index == 1) value |= stored_status_[1] & kLbMask;
    status_[index] = value;
    context_.tracer.trace<TraceEvent::spi_flash_status>(index, value);
    if (!volatile_only) stored_status_[index] = value;
  }
  if (status_[1] & kSrp1) status_locked_ = true;
  if (!volatile_only) begin(Operation::kWriteStatus, kWriteStatusTime);
}

void SpiFlashChip::read_data(const Operands& operands) {
  auto out = operands.out;
  std::uint32_t address = operands.address;
  while (!out.empty()) {
    const auto n = std::min<std::size_t>(out.size(), storage_.size() - address);
    storage_.read(address, out.first(n));
    out = out.subspan(n);
    address = 0;  // behind the last byte comes the first
  }
}

void SpiFlashChip::program_page(const Operands& operands) {
  if (operands.data.empty()) return;
  const std::uint32_t page = operands.address - operands.address % kProgramPage;
  if (is_protected(page, kProgramPage)) return;
  context_.tracer.trace<TraceEvent::spi_flash_program>(operands.address, operands.data.size());
  // Bytes beyond the page's end go to its beginning.
  const std::uint32_t at = operands.address % kProgramPage;
  const auto before_end = std::min<std::size_t>(operands.data.size(), kProgramPage - at);
  const Ticks duration =
      std::min(kProgramPageTime, kProgramFirstByteTime + (operands.data.size() - 1) * kProgramNextByteTime);
  note({.kind = FlashOperation::Kind::kProgram,
        .address = page,
        .before = std::vector<std::uint8_t>(kProgramPage),
        .first = at,
        .count = static_cast<std::uint32_t>(operands.data.size()),
        .duration = duration});
  storage_.program(page + at, operands.data.first(before_end));
  storage_.program(page, operands.data.subspan(before_end));
  begin(Operation::kProgram, duration);
}

void SpiFlashChip::erase(const Operands& operands) {
  const std::uint32_t length = operands.argument;
  const std::uint32_t address = operands.address - operands.address % length;
  if (is_protected(address, length)) return;
  context_.tracer.trace<TraceEvent::spi_flash_erase>(address, length);
  const Ticks duration = length == kFlashSectorSize ? kEraseSectorTime : kEraseBlockTime;
  note({.kind = FlashOperation::Kind::kErase,
        .address = address,
        .before = std::vector<std::uint8_t>(length),
        .duration = duration});
  storage_.erase(address, length);
  begin(Operation::kErase, duration);
}

void SpiFlashChip::erase_chip(const Operands&) {
  if (is_protected(0, storage_.size())) return;
  context_.tracer.trace<TraceEvent::spi_flash_erase>(0, storage_.size());
  const Ticks duration = storage_.pages() * kEraseBlockTime;
  note({.kind = FlashOperation::Kind::kEraseChip,
        .address = 0,
        .before = std::vector<std::uint8_t>(storage_.size()),
        .duration = duration});
  storage_.erase(0, storage_.size());
  begin(Operation::kEraseChip, duration);
}

void SpiFlashChip::power_down(const Operands&) {
  powered_down_ = true;
}

void SpiFlashChip::release_power_down(const Operands& operands) {
  powered_down_ = false;
  std::ranges::fill(operands.out, static_cast<std::uint8_t>(capacity_ - 1));
}

void SpiFlashChip::read_id(const Operands& operands) {
  const std::array<std::uint8_t, 3> id = {kManufacturer, 0x40, capacity_};
  for (std::size_t i = 0; i < operands.out.size(); ++i) operands.out[i] = i < id.size() ? id[i] : 0;
}

void SpiFlashChip::read_manufacturer_and_device(const Operands& operands) {
  const std::array<std::uint8_t, 2> id = {kManufacturer, static_cast<std::uint8_t>(capacity_ - 1)};
  for (std::size_t i = 0; i < operands.out.size(); ++i) operands.out[i] = id[(operands.address + i) & 1];
}

void SpiFlashChip::read_unique_id(const Operands& operands) {
  for (std::size_t i = 0; i < operands.out.size(); ++i) operands.out[i] = unique_id_[i % unique_id_.size()];
}

void SpiFlashChip::read_sfdp(const Operands& operands) {
  for (std::size_t i = 0; i < operands.out.size(); ++i) {
    const std::size_t at = operands.address + i;
    operands.out[i] = at < sfdp_.size() ? sfdp_[at] : 0xff;
  }
}

void SpiFlashChip::suspend(const Operands&) {
  if (operation_ != Operation::kProgram && operation_ != Operation::kErase) return;
  suspended_ = operation_;
  suspended_rest_ = busy_until_ - context_.events.now();
  operation_ = Operation::kNone;
  busy_until_ = context_.events.now();
}

void SpiFlashChip::resume(const Operands&) {
  if (suspended_ == Operation::kNone) return;
  begin(suspended_, suspended_rest_);
  suspended_ = Operation::kNone;
}

void SpiFlashChip::enable_reset(const Operands&) {
  reset_enabled_ = true;
}

void SpiFlashChip::reset(const Operands&) {
  load_status();
}

void SpiFlashChip::nothing(const Operands&) {}

// The state after power-on, but for the lock of the status registers, which only a power cut opens.
void SpiFlashChip::load_status() {
  status_ = stored_status_;
  write_enabled_ = false;
  volatile_write_enabled_ = false;
  operation_ = Operation::kNone;
  busy_until_ = context_.events.now();
  suspended_ = Operation::kNone;
  under_way_ = {};
}

std::string SpiFlashChip::cut_power(std::uint64_t seed) {
  settle();
  base::Random random(seed);
  if (operation_ == Operation::kWriteStatus) {
    for (std::size_t i = 0; i < stored_status_.size(); ++i) {
      const std::uint8_t differs = stored_status_[i] ^ status_before_[i];
      stored_status_[i] ^= static_cast<std::uint8_t>(differs & random.below(256));
    }
    return fmt::format("a write of the status registers was cut: they are {:02x} {:02x} {:02x}",
                       stored_status_[0], stored_status_[1], stored_status_[2]);
  }
  const std::vector<std::uint8_t>& before = under_way_.before;
  if (before.empty()) return {};
  const Ticks rest = suspended_ != Operation::kNone ? suspended_rest_ : busy_until_ - context_.events.now();
  const Ticks elapsed = under_way_.duration - std::min(rest, under_way_.duration);
  std::vector<std::uint8_t> after(before.size());
  storage_.read(under_way_.address, after);
  const std::vector<std::uint8_t> left = interrupted(under_way_, after, elapsed, random);
  storage_.put(under_way_.address, left);
  std::size_t changed = 0, wanted = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    changed += static_cast<std::size_t>(std::popcount(static_cast<std::uint8_t>(before[i] ^ left[i])));
    wanted += static_cast<std::size_t>(std::popcount(static_cast<std::uint8_t>(before[i] ^ after[i])));
  }
  const bool program = under_way_.kind == FlashOperation::Kind::kProgram;
  return fmt::format(
      "{} at {:#x} ({} bytes) was cut after {} of {} us: {} bits differ from before, {} would have",
      program ? "a page program" : "an erase", under_way_.address + under_way_.first,
      program ? under_way_.count : before.size(), elapsed / kTicksPerMicrosecond,
      under_way_.duration / kTicksPerMicrosecond, changed, wanted);
}

void SpiFlashChip::power_cycle() {
  // SRP1 without SRP0 locks until the supply goes; it comes up cleared. With SRP0 the lock is for ever.
  const bool for_ever = (stored_status_[1] & kSrp1) && (stored_status_[0] & 0x80);
  if (!for_ever) stored_status_[1] &= static_cast<std::uint8_t>(~kSrp1);
  status_locked_ = for_ever;
  load_status();
  powered_down_ = false;
  reset_enabled_ = false;
}

void SpiFlashChip::archive(base::Archive& ar) {
  ar.section("spi flash chip");
  if (ar.is_saving()) settle();
  ar(stored_status_, status_, write_enabled_, volatile_write_enabled_, powered_down_, reset_enabled_,
     status_locked_, operation_, busy_until_, suspended_, suspended_rest_, status_before_, under_way_.kind,
     under_way_.address, under_way_.before, under_way_.first, under_way_.count, under_way_.duration);
}

}  // namespace espalier::devices
