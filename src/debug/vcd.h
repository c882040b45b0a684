// The levels of all pads as a waveform, for GTKWave and its like.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "debug/trace_file.h"
#include "esp32/machine.h"

namespace espalier::debug {

// A value change dump (IEEE 1364-2005, clause 18): a wire GPIO0 to GPIO39, times of the machine in
// nanoseconds.
class Vcd {
 public:
  // Begins with the levels of now. The error names the file.
  static std::expected<std::unique_ptr<Vcd>, std::string> start(esp32::Machine& machine,
                                                                const std::string& path);
  ~Vcd();
  Vcd(const Vcd&) = delete;
  Vcd& operator=(const Vcd&) = delete;

  // Ends the waveform at the machine's time of now.
  void finish();

 private:
  explicit Vcd(esp32::Machine& machine) : machine_(machine) {}
  void begin();
  void at(base::Ticks time);

  esp32::Machine& machine_;
  std::unique_ptr<TraceFile> file_;
  std::uint64_t last_ns_ = 0;
};

}  // namespace espalier::debug
