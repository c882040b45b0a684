#include "host/console_watch.h"

namespace espalier::host {

bool ConsoleWatch::see(std::span<const std::uint8_t> bytes) {
  if (next_ == texts_.size()) return false;
  tail_.append(bytes.begin(), bytes.end());
  while (next_ < texts_.size()) {
    const std::string& text = texts_[next_];
    const std::size_t at = tail_.find(text);
    if (at == std::string::npos) {
      // Only so much can still be the beginning of the text.
      if (tail_.size() >= text.size()) tail_.erase(0, tail_.size() - text.size() + 1);
      return false;
    }
    tail_.erase(0, at + text.size());
    ++next_;
  }
  tail_.clear();
  return true;
}

}  // namespace espalier::host
