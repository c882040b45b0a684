// Where one JSON text of a stream ends and the next one begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

namespace espalier::host {

// Cuts a stream into its JSON texts, whatever pieces it arrives in and whatever stands between them. What is
// within a text is the parser's to judge. A byte 0xFF, which no JSON has, forgets what has come so far; QMP
// clients send it to begin afresh.
class QmpSplitter {
 public:
  static constexpr std::size_t kLongest = 1 << 20;  // bytes of a text
  static constexpr unsigned kDeepest = 64;          // nested objects and arrays

  // Feeds a byte. A text that it completes, or why what has come so far is thrown away; reading goes on
  // behind the next line end then.
  using Step = std::optional<std::expected<std::string, std::string>>;
  Step feed(std::uint8_t byte);
  void reset();

 private:
  Step give_up(const char* why);
  std::string complete();

  std::string text_;
  unsigned depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool skipping_ = false;
};

}  // namespace espalier::host
