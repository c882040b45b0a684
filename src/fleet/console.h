// What a device's UART0 has shown of late, and who follows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/serial_backend.h"
#include "fleet/broadcast.h"

namespace espalier::fleet {

// May be used by any thread. Lives as long as its device, through all its machines.
class Console {
 public:
  static constexpr std::size_t kCapacity = 64 * 1024;

  void write(std::span<const std::uint8_t> bytes);
  void write(std::string_view text) {
    write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  // The device is there no more: followers are told by an empty span.
  void end();

  // At most the last kCapacity bytes; of them the last `lines` lines, an unfinished one counts as one.
  std::string tail(std::optional<std::size_t> lines) const;
  Subscription follow(std::optional<std::size_t> lines, Control::ConsoleCallback callback);

 private:
  std::string tail_locked(std::optional<std::size_t> lines) const;

  Broadcast<std::span<const std::uint8_t>> broadcast_;
  // A ring once it has grown to kCapacity, which most never do.
  std::string ring_;
  std::size_t oldest_ = 0;
};

// Notices in a console's output that the firmware panics: the first lines of the panics of ESP-IDF, Arduino
// and the demo.
class PanicLines {
 public:
  // The line, if these bytes have completed one. Bytes may come in any pieces.
  std::optional<std::string> see(std::span<const std::uint8_t> bytes);

 private:
  static constexpr std::size_t kLongestLine = 256;  // what is longer is cut
  std::string line_;
};

// A device's UART0 as its machine sees it. Belongs to the worker's thread.
class ConsoleLine final : public base::SerialBackend {
 public:
  using Output = std::function<void(std::span<const std::uint8_t>)>;
  explicit ConsoleLine(Output output) : output_(std::move(output)) {}

  static constexpr std::size_t kMostWaiting = 64 * 1024;
  // False, and nothing is taken, if more than kMostWaiting bytes would wait for the guest.
  bool type(std::span<const std::uint8_t> bytes);

  void write(std::span<const std::uint8_t> bytes) override { output_(bytes); }
  bool drain(std::uint64_t) override { return true; }

 private:
  Output output_;
};

}  // namespace espalier::fleet
