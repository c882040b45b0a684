// The eFuse controller: one-time programmable bits, read at reset and burnt by command.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "devices/device.h"
#include "devices/efuse_values.h"
#include "devices/register_file.h"

namespace espalier::devices {

// Registers of TRM ch. "eFuse Controller" at 0x3ff5a000. The read registers show the fuses as they were at
// the last read command or reset, with what EFUSE_RD_DIS hides as zeros and, under the 3/4 coding scheme,
// blocks 1 to 3 decoded. A program command burns ones only, nothing that EFUSE_WR_DIS protects, and clears
// the write registers. Either command needs its code in EFUSE_CONF_REG and takes its time, during which
// EFUSE_CMD_REG tells it runs: at its first look at least. Nothing is as quick as the read behind the
// command, but in realtime a busy host may come to that late, and the mask ROM resets the chip if it does not
// find the command running.
class Efuse : public Device {
 public:
  static constexpr std::uint32_t kSize = 0x200;

  Efuse(Context context, const EfuseValues& fuses);

  // The fuses themselves, whoever may read them: what a machine's eFuse file has to keep.
  const EfuseValues& fuses() const { return fuses_; }
  // As chips differ: takes effect like a power-on with other fuses.
  void set_fuses(const EfuseValues& fuses);
  // `callback(fuses)` is called when at least one bit has been burnt.
  void on_burn(std::function<void(const EfuseValues&)> callback) { burnt_ = std::move(callback); }

  std::string_view name() const override { return "efuse"; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

  // EFUSE_INTR: a command is done.
  base::IrqLine interrupt;

 private:
  void start(std::uint32_t command);
  void finish();
  void load();
  void burn();
  std::uint32_t write_protected(unsigned word) const;
  void update_interrupt();

  EfuseValues fuses_;
  EfuseValues shown_{};     // the read registers
  EfuseValues to_burn_{};   // the write registers
  RegisterFile registers_;  // clock, configuration and what nobody knows
  std::uint32_t command_ = 0;
  std::uint32_t unseen_ = 0;  // the last command, as long as nobody has looked
  std::uint32_t interrupt_raw_ = 0;
  std::uint32_t interrupt_enabled_ = 0;
  std::uint32_t decode_warnings_ = 0;
  base::EventQueue& events_;
  base::Tracer& tracer_;
  base::Timer done_;
  std::function<void(const EfuseValues&)> burnt_;
};

}  // namespace espalier::devices
