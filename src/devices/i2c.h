// The ESP32's I2C controllers (ESP32 TRM, chapter "I2C Controller"; ESP-IDF
// soc/esp32/register/soc/i2c_reg.h).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string_view>

#include "devices/interrupts.h"
#include "devices/register_block.h"

namespace espalier::devices {

// A chip on an I2C bus. Calls come in the order of the bus.
class I2cSlave {
 public:
  virtual ~I2cSlave() = default;
  // A start condition followed by this chip's address. False: it does not acknowledge.
  virtual bool start(bool read) = 0;
  // A byte from the master; false: not acknowledged.
  virtual bool write(std::uint8_t byte) = 0;
  virtual std::uint8_t read() = 0;
  virtual void stop() = 0;
};

// A controller as master: I2C0 at 0x3FF53000, I2C1 at 0x3FF67000, with the FIFO also at 0x6001301C and
// 0x6002701C (mount the same object at 0x60013000 and 0x60027000). The command list runs a byte at a time, in
// the time that SCL's periods give. An address where no chip is attached is not acknowledged: ACK_ERR, and
// the list ends. Without data in the transmit FIFO, or room in the receive FIFO, the clock is stretched.
// Slave mode only remembers its settings: no master ever calls.
class I2c : public RegisterBlock {
 public:
  static constexpr std::uint32_t kSize = 0x200;
  static constexpr std::size_t kFifo = 32;

  I2c(std::string_view name, Context context);

  // Puts a chip at a 7-bit address; nullptr takes it away. `slave` must outlive this.
  void attach(std::uint8_t address, I2cSlave* slave);
  base::IrqLine& irq() { return interrupts_.line; }
  void set_apb_hz(std::uint32_t hz) { apb_hz_ = hz ? hz : apb_hz_; }

  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  // Where the command list is.
  enum class State : std::uint8_t { kIdle, kRunning, kWaiting };

  I2cSlave* selected() const;
  void begin();
  void step();
  // Runs the command that is due; the time it takes on the bus in bits, or 0 if the list is over.
  unsigned write_byte(std::uint32_t command);
  unsigned read_byte(std::uint32_t command);
  void finish(std::uint32_t interrupts);
  void next_command();
  void release();
  void wake();
  base::Ticks bit_time() const;
  void update_levels();
  std::uint32_t status() const;

  Interrupts interrupts_;
  base::Timer timer_;
  std::map<std::uint8_t, I2cSlave*> slaves_;
  std::uint32_t apb_hz_ = 80'000'000;

  std::deque<std::uint8_t> tx_, rx_;
  State state_ = State::kIdle;
  unsigned command_ = 0;         // index in the list
  unsigned done_bytes_ = 0;      // of the present command
  bool bus_busy_ = false;        // between start and stop
  bool expect_address_ = false;  // the next byte written is an address
  std::uint8_t address_ = 0xff;  // the selected chip; 0xff: none
  bool nack_ = false;            // last acknowledge bit received
  std::uint32_t pending_ = 0;    // interrupts due when the present step's time is over
};

}  // namespace espalier::devices
