// Where the guest's time goes, by function.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "debug/free_rtos.h"
#include "esp32/machine.h"

namespace espalier::debug {

// Looks at each core at the end of its turns, of which there are some hundred thousand a second while both
// cores run, and puts the time that has passed down to the functions whose calls lie on its stack. Code runs
// at full speed, translated code too.
//
// The stack is that of the windowed ABI (Xtensa ISA, "Windowed register usage and stack layout"): callers
// whose windows are still in the registers, behind them those that have been spilled below their callees'
// stack pointers. It ends where no function is known, at the first function of a task, or at an interrupt's.
class Profile {
 public:
  // The function that `address` lies in, without an offset; empty if none is known.
  using Names = std::function<std::string(std::uint32_t address)>;
  // `symbols` add the task's name below its functions.
  Profile(esp32::Machine& machine, Names names, std::optional<FreeRtosSymbols> symbols = {});
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  // A line a stack, as Brendan Gregg's flamegraph.pl and speedscope take it: "PRO CPU;main;app_main;f 1234",
  // outermost first, then microseconds of the machine's time. "(waits)" is WAITI.
  std::string folded() const;
  // The functions in which most time was spent, one a line: percent of the time in which cores did not wait,
  // in the function itself and with what it called.
  std::string summary(unsigned functions) const;

  static constexpr unsigned kDeepest = 64;                                   // frames
  static constexpr base::Ticks kInterval = 10 * base::kTicksPerMicrosecond;  // between two looks at a core

 private:
  using Stack = std::vector<std::uint32_t>;  // indices of texts_, outermost first
  void turn_ended(xtensa::Core& core, base::Ticks began);
  void add(Stack stack, base::Ticks time) { times_[std::move(stack)] += time; }
  Stack stack_of(xtensa::Core& core);
  std::uint32_t function_at(std::uint32_t address);
  std::uint32_t text(const std::string& name);

  esp32::Machine& machine_;
  Names names_;
  std::optional<FreeRtosSymbols> symbols_;
  std::vector<std::string> texts_;
  std::unordered_map<std::string, std::uint32_t> text_numbers_;
  std::unordered_map<std::uint32_t, std::uint32_t> functions_;  // by address: an index of texts_
  std::map<Stack, base::Ticks> times_;
  struct Core {
    base::Ticks ended = 0;  // its last turn
    base::Ticks spent = 0;  // in turns since it was last looked at
    bool waited = false;
  };
  std::array<Core, 2> cores_;
};

}  // namespace espalier::debug
