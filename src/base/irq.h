// An interrupt line: what a device pulls and something else (the interrupt matrix, a core) sees.
#pragma once

#include <functional>
#include <utility>

namespace espalier::base {

// A wire with a level. The device that drives it calls set(); the sink hears of changes only.
class IrqLine {
 public:
  using Sink = std::function<void(bool level)>;
  IrqLine() = default;
  explicit IrqLine(Sink sink) : sink_(std::move(sink)) {}

  void connect(Sink sink) {
    sink_ = std::move(sink);
    if (level_ && sink_) sink_(true);
  }
  void set(bool level) {
    if (level == level_) return;
    level_ = level;
    if (sink_) sink_(level);
  }
  bool level() const { return level_; }

 private:
  Sink sink_;
  bool level_ = false;
};

}  // namespace espalier::base
