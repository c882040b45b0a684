#include "fleet/console.h"

#include <algorithm>
#include <array>

namespace espalier::fleet {
namespace {

// ESP-IDF: components/esp_system/panic.c, components/newlib/assert.c, components/freertos; Arduino's are the
// same.
constexpr std::array<std::string_view, 5> kPanics = {"Guru Meditation Error", "abort() was called at PC",
                                                     "assert failed: ", "***ERROR*** A stack overflow",
                                                     "panic: core "};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

void Console::write(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  broadcast_.publish(
      [&] {
        std::span<const std::uint8_t> kept = bytes.size() > kCapacity ? bytes.last(kCapacity) : bytes;
        const std::size_t grow = std::min(kept.size(), kCapacity - ring_.size());
        ring_.append(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(grow));
        kept = kept.subspan(grow);
        for (; !kept.empty();) {
          const std::size_t piece = std::min(kept.size(), kCapacity - oldest_);
          std::copy_n(kept.begin(), piece, ring_.begin() + static_cast<std::ptrdiff_t>(oldest_));
          oldest_ = (oldest_ + piece) % kCapacity;
          kept = kept.subspan(piece);
        }
        return true;
      },
      bytes);
}

void Console::end() {
  broadcast_.publish([] { return true; }, {});
}

std::string Console::tail_locked(std::optional<std::size_t> lines) const {
  std::string text = ring_.substr(oldest_) + ring_.substr(0, oldest_);
  if (!lines) return text;
  if (*lines == 0) return {};
  std::size_t at = text.size();
  if (at != 0 && text[at - 1] == '\n') --at;
  for (std::size_t left = *lines; at != 0; --at)
    if (text[at - 1] == '\n' && --left == 0) break;
  return text.substr(at);
}

std::string Console::tail(std::optional<std::size_t> lines) const {
  return broadcast_.locked([&] { return tail_locked(lines); });
}

Subscription Console::follow(std::optional<std::size_t> lines, Control::ConsoleCallback callback) {
  return broadcast_.follow(std::move(callback), [&](const Control::ConsoleCallback& follower) {
    if (const std::string text = tail_locked(lines); !text.empty()) follower(bytes_of(text));
  });
}

std::optional<std::string> PanicLines::see(std::span<const std::uint8_t> bytes) {
  std::optional<std::string> found;
  for (const std::uint8_t byte : bytes) {
    if (byte != '\n') {
      if (line_.size() < kLongestLine && byte != '\r') line_ += static_cast<char>(byte);
      continue;
    }
    if (!found && std::ranges::any_of(kPanics, [&](std::string_view begin) {
          return line_.find(begin) != std::string::npos;
        }))
      found = line_;
    line_.clear();
  }
  return found;
}

bool ConsoleLine::type(std::span<const std::uint8_t> bytes) {
  if (held() + bytes.size() > kMostWaiting) return false;
  deliver(bytes);
  return true;
}

}  // namespace espalier::fleet
