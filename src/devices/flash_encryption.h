// The block that encrypts what SPI1 writes to an encrypted flash.
#pragma once

#include <cstdint>
#include <string_view>

#include "devices/device.h"
#include "devices/register_file.h"

namespace espalier::devices {

// Registers of TRM ch. "Flash Encryption/Decryption" at 0x3ff5b000: eight words of plain text, the address,
// start and done. Flash encryption itself is not modelled (a chip has it off until its eFuses turn it on):
// software that encrypts sees the block finish, and SPI1 writes the plain text.
class FlashEncryption : public Device {
 public:
  static constexpr std::uint32_t kSize = 0x2c;

  explicit FlashEncryption(Context context);

  std::string_view name() const override { return "flash encryption"; }
  std::uint32_t read(std::uint32_t offset) override { return peek(offset); }
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override { return registers_.get(offset); }
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  base::Logger& log_;
  RegisterFile registers_;
};

}  // namespace espalier::devices
