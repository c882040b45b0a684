#include "devices/spi_slave.h"

namespace espalier::devices {

std::optional<std::uint8_t> SpiReader::byte() {
  if (transfer_.command_bits >= command_taken_ + 8) {
    const auto value = static_cast<std::uint8_t>(transfer_.command >> command_taken_);
    command_taken_ += 8;
    return value;
  }
  if (transfer_.address_bits >= address_taken_ + 8) {
    address_taken_ += 8;
    return static_cast<std::uint8_t>(transfer_.address >> (transfer_.address_bits - address_taken_));
  }
  if (mosi_taken_ < transfer_.mosi.size()) return transfer_.mosi[mosi_taken_++];
  return std::nullopt;
}

unsigned SpiReader::lines() const {
  if (transfer_.command_bits >= command_taken_ + 8) return 1;
  if (transfer_.address_bits >= address_taken_ + 8) return transfer_.address_lines;
  return transfer_.mosi_lines;
}

std::optional<std::uint32_t> SpiReader::number(unsigned bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    const auto next = byte();
    if (!next) return std::nullopt;
    value = value << 8 | *next;
  }
  return value;
}

std::size_t SpiReader::skip(unsigned cycles) {
  unsigned have =
      (transfer_.address_bits - address_taken_) / transfer_.address_lines + transfer_.dummy_cycles;
  address_taken_ = transfer_.address_bits;
  while (have < cycles && mosi_taken_ < transfer_.mosi.size()) {
    ++mosi_taken_;
    have += 8 / transfer_.mosi_lines;
  }
  return have >= cycles ? 0 : (cycles - have) * transfer_.miso_lines / 8;
}

std::span<const std::uint8_t> SpiReader::rest() {
  std::size_t n = 0;
  while (n < rest_.size()) {
    const auto next = byte();
    if (!next) break;
    rest_[n++] = *next;
  }
  return std::span(rest_).first(n);
}

}  // namespace espalier::devices
