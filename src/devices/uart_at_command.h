// Recognises a UART's AT command: a run of one character with silence before and after.
#pragma once

#include <cstdint>

#include "base/archive.h"
#include "base/time.h"

namespace espalier::devices {

// The times are spans of virtual time (the registers count APB cycles).
class UartAtCommand {
 public:
  struct Rule {
    std::uint8_t character;
    std::uint32_t repeats;
    base::Ticks before, between, after;
  };

  // A character took the line from `start` to `end`.
  void character(const Rule& rule, std::uint8_t byte, base::Ticks start, base::Ticks end) {
    due_ = base::kNever;  // one pending was not followed by silence
    const base::Ticks gap = start > previous_end_ ? start - previous_end_ : 0;
    previous_end_ = end;
    if (byte != rule.character) {
      count_ = 0;
      return;
    }
    if (count_ > 0 && gap <= rule.between)
      ++count_;
    else
      count_ = gap >= rule.before ? 1 : 0;
    if (count_ == 0 || count_ < rule.repeats) return;
    count_ = 0;
    due_ = end + rule.after;
  }
  // When the command is complete, if nothing arrives until then.
  base::Ticks due() const { return due_; }
  void done() { due_ = base::kNever; }
  void archive(base::Archive& ar) { ar(count_, previous_end_, due_); }

 private:
  std::uint32_t count_ = 0;
  base::Ticks previous_end_ = 0;
  base::Ticks due_ = base::kNever;
};

}  // namespace espalier::devices
