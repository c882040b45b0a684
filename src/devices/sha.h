// The SHA accelerator: SHA-1, SHA-256, SHA-384 and SHA-512, one block at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "devices/device.h"
#include "devices/register_file.h"

namespace espalier::devices {

// Registers of TRM ch. "SHA Accelerator" at 0x3ff03000. Three engines, one each for SHA-1, for SHA-256 and
// for SHA-384 with SHA-512, share the memory for text and result; each keeps its own state between blocks. A
// message is padded by software. Results stand in the memory after LOAD. A block is done as soon as it is
// started, so the BUSY registers always read 0.
class Sha : public Device {
 public:
  static constexpr std::uint32_t kSize = 0xc0;

  explicit Sha(Context context);

  std::string_view name() const override { return "sha"; }
  std::uint32_t read(std::uint32_t offset) override { return peek(offset); }
  void write(std::uint32_t offset, std::uint32_t value) override;
  std::uint32_t peek(std::uint32_t offset) override;
  void reset(ResetKind kind) override;
  void archive(base::Archive& ar) override;

 private:
  base::Tracer& tracer_;
  void command(unsigned algorithm, unsigned action);
  void hash_block(unsigned algorithm);
  void load(unsigned algorithm);

  std::array<std::uint32_t, 32> text_{};
  std::array<std::uint32_t, 5> sha1_{};
  std::array<std::uint32_t, 8> sha256_{};
  std::array<std::uint64_t, 8> sha512_{};
};

}  // namespace espalier::devices
