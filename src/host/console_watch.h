// Watches a console for texts that are to appear one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace espalier::host {

// Each text is looked for behind the end of the one before. Bytes may come in any pieces; no more of them is
// kept than the next text needs.
class ConsoleWatch {
 public:
  // Without texts done() is never true.
  explicit ConsoleWatch(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  // Returns true when the last text has appeared with these bytes.
  bool see(std::span<const std::uint8_t> bytes);
  bool done() const { return !texts_.empty() && next_ == texts_.size(); }
  // The text that has not appeared yet; empty when done or without texts.
  std::string missing() const { return next_ < texts_.size() ? texts_[next_] : std::string(); }

 private:
  std::vector<std::string> texts_;
  std::size_t next_ = 0;
  std::string tail_;
};

}  // namespace espalier::host
