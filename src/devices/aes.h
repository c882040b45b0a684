// The AES accelerator: one block at a time.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "devices/device.h"
#include "devices/register_file.h"

namespace espalier::devices {

// Registers of TRM ch. "AES Accelerator" at 0x3ff01000: key, mode, text, byte orders. A block is done as soon
// as it is started, so AES_IDLE_REG always reads as idle.
class Aes : public Device {
 public:
  static constexpr std::uint32_t kSize = 0x44;

  explicit Aes(Context context);

  std::string_view name() const override { return "aes"; }
  std::uint32_t read(std::uint32_t offset) override { return peek(offset); }
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  void start();
  bool prepare();

  struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };

  RegisterFile registers_;
  base::Tracer& tracer_;
  std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> cipher_;
  bool prepared_ = false;  // cipher_ holds the key and mode that the registers hold
};

}  // namespace espalier::devices
