// A peripheral's registers as a table: what each holds after reset and which of its bits the guest can
// change.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "devices/device.h"
#include "devices/register_file.h"

namespace espalier::devices {

// One register, or `count` alike at `offset`, `offset + stride`, ... Bits outside `writable` keep their
// value.
struct Reg {
  std::uint32_t offset;
  std::uint32_t reset = 0;
  std::uint32_t writable = 0xffffffff;
  std::uint32_t count = 1;
  std::uint32_t stride = 4;
};

// The common part of the register-driven peripherals; by itself, a block that only remembers (with true reset
// values). Registers that the table does not name read back what was written, and their first touch is
// logged. A derived device overrides read(), write() and peek() for the registers with behaviour and passes
// on the rest. `table` must outlive the device (a constexpr array). Blocks of the RTC domain survive a core
// reset.
class RegisterBlock : public Device {
 public:
  enum class Domain : std::uint8_t { kDigital, kRtc };

  RegisterBlock(std::string_view name, std::uint32_t size, std::span<const Reg> table, Context context,
                Domain domain = Domain::kDigital);

  std::string_view name() const override { return name_; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override { return get(offset); }
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;
  std::uint32_t size() const { return registers_.size(); }

 protected:
  std::uint32_t get(std::uint32_t offset) const { return registers_.get(offset); }
  void set(std::uint32_t offset, std::uint32_t value) { registers_.set(offset, value); }
  // Bits `high` down to `low` of a register.
  std::uint32_t field(std::uint32_t offset, unsigned high, unsigned low) const {
    return get(offset) >> low & static_cast<std::uint32_t>((std::uint64_t{1} << (high - low + 1)) - 1);
  }
  bool bit(std::uint32_t offset, unsigned n) const { return get(offset) >> n & 1; }
  void set_field(std::uint32_t offset, unsigned high, unsigned low, std::uint32_t value) {
    const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << (high - low + 1)) - 1);
    set(offset, (get(offset) & ~(mask << low)) | (value & mask) << low);
  }
  // True when this reset reaches the block's domain.
  bool reached_by(ResetKind kind) const { return kind == ResetKind::kSystem || domain_ == Domain::kDigital; }
  base::EventQueue& events() const { return context_.events; }
  base::Logger& log() const { return context_.log; }
  base::Tracer& tracer() const { return context_.tracer; }

 private:
  void load_table();

  std::string_view name_;
  std::span<const Reg> table_;
  Context context_;
  Domain domain_;
  RegisterFile registers_;
  std::vector<std::uint32_t> writable_;
  std::vector<bool> known_;
};

}  // namespace espalier::devices
