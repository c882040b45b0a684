// Records the calls of both cores while it is on: which functions, in which task or interrupt, for how long.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "debug/free_rtos.h"
#include "debug/symbols.h"
#include "esp32/machine.h"
#include "xtensa/core.h"

namespace espalier::debug {

// A function's execution within one slice.
struct RecordedCall {
  std::uint32_t function = 0;  // for CallRecording::functions
  base::Ticks begin = 0, end = 0;
  base::Ticks self = 0;                 // without what it called
  bool resumed = false;                 // it had been called before, and was returned to
  bool open = false;                    // it had not returned when the slice ended
  std::vector<std::uint32_t> children;  // indices of CallRecording::calls
  std::vector<std::string> notes;       // what happened in it: frames, tasks that it woke
};

// What a core does without a break: in one task, or in one interrupt.
struct RecordedSlice {
  unsigned cpu = 0;
  bool interrupt = false;
  std::string context;  // "task tiT", "interrupt level 1 (ETH_MAC)", "program" without tasks
  base::Ticks begin = 0, end = 0;
  std::vector<std::uint32_t> calls;  // the outermost, as RecordedCall::children
};

struct CallRecording {
  struct Function {
    std::string name;  // empty: nothing is known
    std::uint32_t address = 0;
  };
  base::Ticks begin = 0, end = 0;
  std::vector<Function> functions;
  std::vector<RecordedCall> calls;
  std::vector<RecordedSlice> slices;  // as they began on each core
  std::uint64_t instructions = 0;
};

// Sees every instruction of both cores (Core::observe()); those of window handlers belong to what they
// interrupt. A call is a CALLn that has come to its target, a return a RET or RETW that has come back. The
// guest notices nothing of it.
class CallRecorder final : private xtensa::InstructionObserver {
 public:
  CallRecorder(esp32::Machine& machine, const Symbols& symbols);
  ~CallRecorder();
  CallRecorder(const CallRecorder&) = delete;
  CallRecorder& operator=(const CallRecorder&) = delete;

  void start();
  CallRecording stop();
  bool on() const { return on_; }
  std::uint64_t instructions() const { return recording_.instructions; }
  // Adds a note to the call that the running core is in; without one it is lost.
  void note(std::string text);

 private:
  enum class Kind : std::uint8_t { kOther, kCall, kReturn, kNative, kExceptionReturn, kWait };
  struct Core {
    bool seen = false;  // since start()
    Kind last = Kind::kOther;
    std::uint32_t target = 0;  // kCall, kReturn: where that leads, kNative: comes back to
    base::Ticks time = 0;      // of the last instruction
    bool in_window_handler = false;
    std::vector<unsigned> levels;  // of the interrupts that are being served
    std::uint32_t tcb = 0;         // the task whose code runs
    std::optional<std::size_t> slice;
    std::uint32_t context = 0;         // of the slice, for suspended_
    std::vector<std::uint32_t> stack;  // calls of the slice that are open, innermost last
  };

  void executes(xtensa::Core& core) override;
  bool enters_handler(xtensa::Core& core, Core& state);
  void follow_task(xtensa::Core& core, Core& state);
  void complete_last(xtensa::Core& core, Core& state, std::uint32_t pc);
  void look_at_instruction(xtensa::Core& core, Core& state);
  void begin_slice(xtensa::Core& core, Core& state);
  void resume(xtensa::Core& core, Core& state);
  void end_slice(Core& state);
  void push(xtensa::Core& core, Core& state, std::uint32_t function, bool resumed);
  void come_back(xtensa::Core& core, Core& state, std::uint32_t pc);
  void note_wake_up(xtensa::Core& core, RecordedCall& call);
  std::string task_context(unsigned cpu, std::uint32_t tcb);
  std::string interrupt_context(const xtensa::Core& core, unsigned level);
  std::uint32_t function_at(std::uint32_t pc);

  esp32::Machine& machine_;
  const Symbols& symbols_;
  std::optional<FreeRtosSymbols> tasks_;
  std::unordered_map<std::uint32_t, std::uint32_t> functions_;  // by pc: an index of the recording's
  std::unordered_map<std::uint32_t, std::uint32_t> by_address_;
  // Functions that were open when their context's last slice ended, outermost first.
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> suspended_;
  CallRecording recording_;
  std::array<Core, 2> cores_;
  bool on_ = false;
};

}  // namespace espalier::debug
