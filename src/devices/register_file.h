// Registers that only remember: the fallback behind every device.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "devices/device.h"

namespace espalier::devices {

// `size` bytes of registers that read back what was written. Devices keep one for the registers that have no
// behaviour of their own; the chip mounts one where it models nothing. The first touch of each register is named
// in the log (area unimp, level debug) where `report_first_touch` asks for it.
class RegisterFile {
 public:
  RegisterFile(std::string_view owner, std::uint32_t size, base::Logger& log, bool report_first_touch = true);

  std::uint32_t get(std::uint32_t offset) const { return words_[offset / 4]; }
  void set(std::uint32_t offset, std::uint32_t value) { words_[offset / 4] = value; }
  // Like get and set, for accesses by the guest to registers that nobody models.
  std::uint32_t read(std::uint32_t offset);
  void write(std::uint32_t offset, std::uint32_t value);
  std::uint32_t size() const { return static_cast<std::uint32_t>(words_.size() * 4); }
  void clear() { words_.assign(words_.size(), 0); }
  void archive(base::Archive& ar) { ar(words_); }

 private:
  void touch(std::uint32_t offset, bool write);
  std::string_view owner_;
  base::Logger& log_;
  bool report_;
  std::vector<std::uint32_t> words_;
  std::vector<bool> touched_;
};

}  // namespace espalier::devices
