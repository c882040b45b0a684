#include "debug/call_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/instruction_traits.h"

namespace espalier::debug {
namespace {

using xtensa::Op;

// The gigabyte of code; a windowed return address has its call's increment there.
constexpr std::uint32_t kOffsetMask = 0x3fffffff;

// Vectors at which interrupts begin, by level; level 1 comes by the vectors of exceptions.
constexpr std::array<std::uint32_t, 8> kVectors = {0,
                                                   0,
                                                   xtensa::kVecLevel2,
                                                   xtensa::kVecLevel3,
                                                   xtensa::kVecLevel4,
                                                   xtensa::kVecLevel5,
                                                   xtensa::kVecDebug,
                                                   xtensa::kVecNmi};

unsigned interrupt_level(const xtensa::State& s) {
  const std::uint32_t level = s.ps & xtensa::kPsIntlevel;
  return (s.ps & xtensa::kPsExcm) != 0 ? std::max(level, xtensa::kExcmLevel) : level;
}

}  // namespace

CallRecorder::CallRecorder(esp32::Machine& machine, const Symbols& symbols)
    : machine_(machine), symbols_(symbols), tasks_(FreeRtosSymbols::find(symbols.program())) {}

CallRecorder::~CallRecorder() {
  if (on_) stop();
}

void CallRecorder::start() {
  recording_ = {};
  functions_.clear();
  by_address_.clear();
  suspended_.clear();
  recording_.begin = machine_.clock().now();
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    cores_[cpu] = {};
    machine_.core(cpu).observe(this);
  }
  on_ = true;
}

CallRecording CallRecorder::stop() {
  on_ = false;
  recording_.end = machine_.clock().now();
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    machine_.core(cpu).observe(nullptr);
    end_slice(cores_[cpu]);
  }
  return std::exchange(recording_, {});
}

void CallRecorder::note(std::string text) {
  const int cpu = machine_.scheduler().running();
  if (!on_ || cpu < 0 || cores_[static_cast<unsigned>(cpu)].stack.empty()) return;
  recording_.calls[cores_[static_cast<unsigned>(cpu)].stack.back()].notes.push_back(std::move(text));
}

std::uint32_t CallRecorder::function_at(std::uint32_t pc) {
  const auto [at, first] = functions_.try_emplace(pc, 0);
  if (first) {
    const auto found = symbols_.function_at(pc).value_or(Symbols::Function{{}, pc});
    const auto [known, is_new] =
        by_address_.try_emplace(found.address, static_cast<std::uint32_t>(recording_.functions.size()));
    if (is_new) recording_.functions.push_back({found.name, found.address});
    at->second = known->second;
  }
  return at->second;
}

void CallRecorder::executes(xtensa::Core& core) {
  ++recording_.instructions;
  Core& state = cores_[core.index()];
  const xtensa::State& s = core.state();
  const base::Ticks now = machine_.clock().now();
  if (!std::exchange(state.seen, true)) {
    state.tcb = tasks_ ? current_tcb(machine_, *tasks_, core.index()) : 0;
    state.time = now;
  }
  if (state.slice && !state.stack.empty()) recording_.calls[state.stack.back()].self += now - state.time;
  state.time = now;

  // Handlers of register windows are left by RFWO or RFWU; what they interrupt comes again.
  const std::uint32_t offset = s.pc - s.vecbase;
  if (offset < xtensa::kVecLevel2 && (s.ps & xtensa::kPsExcm) != 0) {
    state.last = Kind::kOther;
    state.in_window_handler = true;
    return;
  }
  if (state.in_window_handler) {
    if ((s.ps & xtensa::kPsExcm) != 0) return;
    state.in_window_handler = false;
  }

  if (enters_handler(core, state)) {
    look_at_instruction(core, state);
    return;
  }
  // An interrupt's handler runs at its level at least.
  const bool left = !state.levels.empty() && interrupt_level(s) < state.levels.back();
  if (left && state.last == Kind::kExceptionReturn) state.last = Kind::kOther;  // out of the slice
  complete_last(core, state, s.pc);
  if (left) {
    while (!state.levels.empty() && interrupt_level(s) < state.levels.back()) state.levels.pop_back();
    if (tasks_) state.tcb = current_tcb(machine_, *tasks_, core.index());
    end_slice(state);
  }
  follow_task(core, state);
  if (!state.slice) resume(core, state);
  look_at_instruction(core, state);
}

// Whether the pc is at the vector of an interrupt or exception that has just been taken. What it has
// interrupted may have called or returned before.
bool CallRecorder::enters_handler(xtensa::Core& core, Core& state) {
  const xtensa::State& s = core.state();
  const std::uint32_t offset = s.pc - s.vecbase;
  unsigned level = 0;
  if (offset == xtensa::kVecUser || offset == xtensa::kVecKernel) {
    if (s.exccause == static_cast<std::uint32_t>(xtensa::Cause::kLevel1Interrupt)) level = 1;
  } else {
    for (unsigned n = 2; n < kVectors.size(); ++n)
      if (offset == kVectors[n]) level = n;
    if (level == 0) return false;
  }
  complete_last(core, state, s.epc[std::max(level, 1u)]);
  if (level != 0) {
    end_slice(state);
    state.levels.push_back(level);
    begin_slice(core, state);
  }
  if (!state.slice) resume(core, state);
  push(core, state, function_at(s.pc), false);
  return true;
}

// FreeRTOS goes on to a task when it takes the stack pointer from where it begins, the first word of its
// control block.
void CallRecorder::follow_task(xtensa::Core& core, Core& state) {
  if (!tasks_ || !state.levels.empty()) return;
  const std::uint32_t tcb = current_tcb(machine_, *tasks_, core.index());
  if (tcb == state.tcb || plain_word(machine_, tcb) != core.a(1)) return;
  state.tcb = tcb;
  end_slice(state);
}

// The last instruction has led to `pc`, as far as that is where it wanted to go.
void CallRecorder::complete_last(xtensa::Core& core, Core& state, std::uint32_t pc) {
  const Kind last = std::exchange(state.last, Kind::kOther);
  if (!state.slice) return;
  switch (last) {
    case Kind::kCall:
      if (pc == state.target) push(core, state, function_at(pc), false);
      break;
    case Kind::kReturn:
    case Kind::kNative:
      if (pc == state.target) come_back(core, state, pc);
      break;
    case Kind::kExceptionReturn:
      come_back(core, state, pc);
      break;
    case Kind::kWait:
      end_slice(state);
      break;
    case Kind::kOther:
      break;
  }
}

void CallRecorder::look_at_instruction(xtensa::Core& core, Core& state) {
  const xtensa::State& s = core.state();
  const bool windowed = (s.ps & xtensa::kPsWoe) != 0;
  if (core.environment().is_native(s.pc)) {
    // It has been called, and returns to where a0 will be, or is, the address of.
    const std::uint32_t increment = windowed ? (s.ps & xtensa::kPsCallinc) >> xtensa::kPsCallincShift : 0;
    const std::uint32_t a0 = core.window_relative(4 * increment);
    state.last = Kind::kNative;
    state.target = increment == 0 ? a0 : (a0 & kOffsetMask) | (s.pc & ~kOffsetMask);
    return;
  }
  std::array<std::uint8_t, 3> bytes{};
  for (std::uint32_t n = 0; n < bytes.size(); ++n)
    if (const std::uint8_t* byte = machine_.memory().peek(core.index(), s.pc + n)) bytes[n] = *byte;
  const xtensa::Instruction in = xtensa::decode(s.pc, bytes.data());
  if (in.op == Op::kInvalid) return;
  switch (in.op) {
    case Op::CALL0:
    case Op::CALL4:
    case Op::CALL8:
    case Op::CALL12:
      state.last = Kind::kCall;
      state.target = static_cast<std::uint32_t>(in.imm);
      return;
    case Op::CALLX0:
    case Op::CALLX4:
    case Op::CALLX8:
    case Op::CALLX12:
      state.last = Kind::kCall;
      state.target = core.a(in.s);
      return;
    case Op::RET:
    case Op::RET_N:
      state.last = Kind::kReturn;
      state.target = core.a(0);
      return;
    case Op::RETW:
    case Op::RETW_N:
      state.last = Kind::kReturn;
      state.target = (core.a(0) & kOffsetMask) | (s.pc & ~kOffsetMask);
      return;
    case Op::RFE:
    case Op::RFDE:
    case Op::RFI:
      state.last = Kind::kExceptionReturn;
      return;
    case Op::WAITI:
      state.last = Kind::kWait;
      return;
    default:
      return;
  }
}

void CallRecorder::begin_slice(xtensa::Core& core, Core& state) {
  const unsigned cpu = core.index();
  const bool interrupt = !state.levels.empty();
  // Control blocks have greater numbers.
  constexpr unsigned kLevels = 8;
  state.context = interrupt ? 2 + kLevels * cpu + state.levels.back() : state.tcb != 0 ? state.tcb : cpu;
  state.slice = recording_.slices.size();
  recording_.slices.push_back(
      {.cpu = cpu,
       .interrupt = interrupt,
       .context = interrupt ? interrupt_context(core, state.levels.back()) : task_context(cpu, state.tcb),
       .begin = state.time,
       .end = state.time,
       .calls = {}});
}

// A slice of a context that has been left in the middle.
void CallRecorder::resume(xtensa::Core& core, Core& state) {
  begin_slice(core, state);
  for (const std::uint32_t function : suspended_[state.context]) push(core, state, function, true);
  if (state.stack.empty()) push(core, state, function_at(core.state().pc), true);
}

void CallRecorder::end_slice(Core& state) {
  if (!state.slice) return;
  recording_.slices[*state.slice].end = state.time;
  auto& suspended = suspended_[state.context];
  suspended.clear();
  for (const std::uint32_t call : state.stack) {
    recording_.calls[call].end = state.time;
    recording_.calls[call].open = true;
    suspended.push_back(recording_.calls[call].function);
  }
  state.stack.clear();
  state.slice.reset();
}

void CallRecorder::push(xtensa::Core& core, Core& state, std::uint32_t function, bool resumed) {
  const auto number = static_cast<std::uint32_t>(recording_.calls.size());
  RecordedCall call{.function = function,
                    .begin = state.time,
                    .end = state.time,
                    .resumed = resumed,
                    .children = {},
                    .notes = {}};
  if (tasks_ && !resumed) note_wake_up(core, call);
  recording_.calls.push_back(std::move(call));
  auto& siblings = state.stack.empty() ? recording_.slices[*state.slice].calls
                                       : recording_.calls[state.stack.back()].children;
  siblings.push_back(number);
  state.stack.push_back(number);
}

// A function has returned to `pc`. Mostly that is in its caller; where a function was left by a jump, or its
// caller is older than the slice, in another one.
void CallRecorder::come_back(xtensa::Core& core, Core& state, std::uint32_t pc) {
  const std::uint32_t function = function_at(pc);
  std::size_t depth = state.stack.empty() ? 0 : state.stack.size() - 1;
  while (depth != 0 && recording_.calls[state.stack[depth - 1]].function != function) --depth;
  while (state.stack.size() > depth) {
    recording_.calls[state.stack.back()].end = state.time;
    state.stack.pop_back();
  }
  if (state.stack.empty()) push(core, state, function, true);
}

// Functions of FreeRTOS by which a task becomes ready: which it is is in the first argument.
void CallRecorder::note_wake_up(xtensa::Core& core, RecordedCall& call) {
  const std::string& name = recording_.functions[call.function].name;
  const std::uint32_t increment = (core.state().ps & xtensa::kPsCallinc) >> xtensa::kPsCallincShift;
  const std::uint32_t argument = core.window_relative(4 * increment + 2);
  std::optional<std::uint32_t> tcb;
  if (name == "xTaskRemoveFromEventList") {
    // List_t: its end's pxNext is the first item, whose pvOwner is the task (freertos/list.h).
    constexpr std::uint32_t kFirst = 12, kOwner = 12;
    if (const auto item = plain_word(machine_, argument + kFirst)) tcb = plain_word(machine_, *item + kOwner);
  } else if (name == "xTaskGenericNotify" || name == "xTaskGenericNotifyFromISR" ||
             name == "vTaskGenericNotifyGiveFromISR" || name == "xTaskNotify" ||
             name == "vTaskNotifyGiveFromISR") {
    tcb = argument;
  }
  if (!tcb) return;
  if (const std::string task = task_name(machine_, *tasks_, *tcb); !task.empty())
    call.notes.push_back("wakes task " + task);
}

std::string CallRecorder::task_context(unsigned cpu, std::uint32_t tcb) {
  if (!tasks_ || tcb == 0) return cpu == 0 ? "program" : "program of the APP CPU";
  return "task " + task_name(machine_, *tasks_, tcb);
}

std::string CallRecorder::interrupt_context(const xtensa::Core& core, unsigned level) {
  const devices::InterruptMatrix& matrix = machine_.chip().interrupt_matrix;
  const std::uint32_t pending = core.state().interrupt & core.state().intenable;
  std::string causes;
  const auto add = [&causes](std::string_view name) {
    causes += causes.empty() ? " (" : ", ";
    causes += name;
  };
  for (unsigned line = 0; line < xtensa::kInterruptLines.size(); ++line) {
    if ((pending >> line & 1) == 0 || xtensa::kInterruptLines[line].level != level) continue;
    if (xtensa::kInterruptLines[line].kind == xtensa::InterruptKind::kTimer) add("CCOMPARE");
    if (xtensa::kInterruptLines[line].kind == xtensa::InterruptKind::kSoftware) add("software");
    for (unsigned source = 0; source < devices::InterruptMatrix::kSources; ++source)
      if (matrix.mapping(core.index(), source) == line &&
          (matrix.status(source / 32) >> source % 32 & 1) != 0)
        add(devices::InterruptMatrix::source_name(source));
  }
  return fmt::format("interrupt level {}{}", level, causes.empty() ? "" : causes + ")");
}

}  // namespace espalier::debug
