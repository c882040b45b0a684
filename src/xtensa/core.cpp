#include "xtensa/core.h"

#include <algorithm>

#include "xtensa/interpreter.h"
#include "xtensa/jit/translator.h"
#include "xtensa/register_names.h"

namespace espalier::xtensa {

using base::TraceEvent;

namespace {

constexpr std::array<std::uint32_t, 8> kInterruptVectors = {0,          0,          kVecLevel2, kVecLevel3,
                                                            kVecLevel4, kVecLevel5, kVecDebug,  kVecNmi};

bool has_address(Cause cause) {
  switch (cause) {
    case Cause::kInstructionFetchError:
    case Cause::kLoadStoreError:
    case Cause::kLoadStoreAlignment:
    case Cause::kInstrPifDataError:
    case Cause::kLoadStorePifDataError:
    case Cause::kInstrPifAddrError:
    case Cause::kLoadStorePifAddrError:
    case Cause::kInstTlbMiss:
    case Cause::kInstTlbMultiHit:
    case Cause::kInstFetchPrivilege:
    case Cause::kInstFetchProhibited:
    case Cause::kLoadStoreTlbMiss:
    case Cause::kLoadStoreTlbMultiHit:
    case Cause::kLoadStorePrivilege:
    case Cause::kLoadProhibited:
    case Cause::kStoreProhibited:
      return true;
    default:
      return false;
  }
}

// After reset the eight regions are in bypass mode, as the region protection option has it (ISA Reference
// Manual, "Region Protection Option"); the ESP32's memories are all local, so this means no cache is in the
// way.
constexpr std::uint8_t kRegionBypass = 2;

}  // namespace

Core::Core(unsigned index, std::uint32_t prid, MemoryView memory, Environment& environment)
    : index_(index),
      prid_(prid),
      memory_(memory),
      environment_(environment),
      interpreter_(std::make_unique<Interpreter>(*this)) {
  state_.instruction_region.fill(kRegionBypass);
  state_.data_region.fill(kRegionBypass);
}

Core::~Core() = default;

EngineStats& EngineStats::operator+=(const EngineStats& other) {
  translated_regions += other.translated_regions;
  translated_instructions += other.translated_instructions;
  code_bytes += other.code_bytes;
  flushes += other.flushes;
  entries += other.entries;
  chained_exits += other.chained_exits;
  slow_accesses += other.slow_accesses;
  faults += other.faults;
  window_steps += other.window_steps;
  resumes += other.resumes;
  return *this;
}

std::expected<void, std::string> Core::set_engine(Engine engine) {
  if (engine == this->engine()) return {};
  std::unique_ptr<jit::Translator> translator;
  if (engine == Engine::kJit) {
    std::string why;
    translator = jit::Translator::create(*this, interpreter_->code_source(), jit_memory_, why);
    if (translator == nullptr) return std::unexpected(why);
  }
  translator_ = std::move(translator);
  interpreter_->set_translator(translator_.get());
  return {};
}

void Core::set_jit_threshold(unsigned entries) {
  interpreter_->set_threshold(entries);
}

void Core::set_jit_memory(std::size_t bytes) {
  jit_memory_ = std::max(bytes, kLeastJitMemory);
}

void Core::count_executions(Counter counter) {
  counter_ = std::move(counter);
  invalidate_all_code();
}

EngineStats Core::engine_stats() const {
  return translator_ != nullptr ? translator_->stats() : EngineStats{};
}

void Core::reset(std::uint32_t vector) {
  const std::array<std::uint8_t, 8> instruction_region = state_.instruction_region;
  const std::array<std::uint8_t, 8> data_region = state_.data_region;
  state_ = State{};
  state_.pc = vector;
  state_.instruction_region.fill(kRegionBypass);
  state_.data_region.fill(kRegionBypass);
  for (unsigned line = 0; line < kInterruptLines.size(); ++line) {
    if (kInterruptLines[line].kind == InterruptKind::kExternalLevel) {
      state_.interrupt |= wires_ & (1u << line);
    }
  }
  waiting_ = false;
  attention_ |= kAttentionMoved;
  invalidate_all_code();  // it may hold breakpoint checks
  for (unsigned region = 0; region < 8; ++region) {
    if (instruction_region[region] != kRegionBypass || data_region[region] != kRegionBypass) {
      environment_.region_changed(*this, region);
    }
  }
  state_.ccount_offset = 0u - static_cast<std::uint32_t>(environment_.cycles(*this));
  for (unsigned n = 0; n < state_.ccompare.size(); ++n) environment_.compare_changed(*this, n);
}

Stop Core::run(std::uint64_t budget) {
  return interpreter_->run(budget);
}

void Core::request_stop() {
  attention_ |= kAttentionStop;
}

void Core::halt() {
  halted_ = true;
  attention_ |= kAttentionStop;
}

std::uint32_t Core::a(unsigned n) const {
  return state_.ar[4 * place_of_window(state_.windowbase, state_.row) + n];
}
void Core::set_a(unsigned n, std::uint32_t value) {
  state_.window()[n] = value;
}

std::uint32_t Core::physical(unsigned n) const {
  return state_.ar[4 * place_of_window(n / 4, state_.row) + n % 4];
}
void Core::set_physical(unsigned n, std::uint32_t value) {
  state_.window(n / 4)[n % 4] = value;
}

void Core::rotate_to(std::uint32_t windowbase) {
  windowbase %= kWindows;
  if (!is_in_one_piece(windowbase, state_.row)) {
    constexpr std::size_t kBehind = 4 * kWindows;
    const std::size_t from = state_.row == 0 ? 0 : kBehind;
    std::copy_n(&state_.ar[from], 4 * kMovingWindows, &state_.ar[kBehind - from]);
    state_.row = kMovingWindows - state_.row;
  }
  state_.windowbase = windowbase;
}

unsigned Core::current_interrupt_level() const {
  const std::uint32_t level = state_.ps & kPsIntlevel;
  return (state_.ps & kPsExcm) != 0 ? std::max(level, kExcmLevel) : level;
}

// The NMI is taken whatever INTENABLE and PS say.
unsigned Core::ready_interrupt_level() const {
  if ((state_.interrupt & kNmiLine) != 0) return kNmiLevel;
  const std::uint32_t enabled = state_.interrupt & state_.intenable & ~kNmiLine;
  if (enabled == 0) return 0;
  const std::uint32_t ready = enabled & kInterruptsAbove[current_interrupt_level()];
  if (ready == 0) return 0;
  unsigned level = current_interrupt_level() + 1;
  while ((ready & kInterruptsAbove[level]) != 0) ++level;
  return level;
}

bool Core::interrupt_ready() const {
  return ready_interrupt_level() != 0;
}

void Core::interrupts_changed() {
  if (interrupt_ready()) attention_ |= kAttentionInterrupt;
}

void Core::set_interrupt(unsigned line, bool level) {
  const std::uint32_t bit = 1u << line;
  const bool rising = level && (wires_ & bit) == 0;
  wires_ = level ? wires_ | bit : wires_ & ~bit;
  switch (kInterruptLines[line].kind) {
    case InterruptKind::kExternalLevel:
    case InterruptKind::kProfiling:
      state_.interrupt = level ? state_.interrupt | bit : state_.interrupt & ~bit;
      break;
    case InterruptKind::kExternalEdge:
    case InterruptKind::kNmi:
      if (rising) state_.interrupt |= bit;
      break;
    case InterruptKind::kTimer:
    case InterruptKind::kSoftware:
      break;  // these have no wire from outside
  }
  interrupts_changed();
}

void Core::timer_match(unsigned n) {
  state_.interrupt |= 1u << kTimerInterrupt[n];
  interrupts_changed();
}

void Core::take_interrupt() {
  const unsigned level = ready_interrupt_level();
  const std::uint32_t pending = state_.interrupt & (state_.intenable | kNmiLine), from = state_.pc;
  waiting_ = false;
  if (level == 1)
    raise(Cause::kLevel1Interrupt);
  else
    enter_interrupt(level);
  if (tracer_ != nullptr) tracer_->trace<TraceEvent::cpu_interrupt>(index_, level, pending, from, state_.pc);
}

void Core::enter_interrupt(unsigned level) {
  state_.epc[level] = state_.pc;
  state_.eps[level] = state_.ps;
  state_.ps = (state_.ps & ~kPsIntlevel) | level | kPsExcm;
  if (level == kNmiLevel) state_.interrupt &= ~kNmiLine;
  jump_to_vector(kInterruptVectors[level]);
}

void Core::raise(Cause cause, std::uint32_t vaddr) {
  state_.exccause = static_cast<std::uint32_t>(cause);
  if (cause == Cause::kAlloca) uncount();
  if (has_address(cause)) state_.excvaddr = vaddr;
  if ((state_.ps & kPsExcm) != 0) {
    state_.depc = state_.pc;
    jump_to_vector(kVecDouble);
  } else {
    state_.epc[1] = state_.pc;
    jump_to_vector((state_.ps & kPsUm) != 0 ? kVecUser : kVecKernel);
  }
  const std::uint32_t from = (state_.ps & kPsExcm) != 0 ? state_.depc : state_.epc[1];
  state_.ps |= kPsExcm;
  attention_ |= kAttentionMoved;
  if (cause != Cause::kLevel1Interrupt && traces(TraceEvent::cpu_exception))
    tracer_->trace<TraceEvent::cpu_exception>(index_, static_cast<unsigned>(cause), cause_name(cause), from,
                                              vaddr, state_.pc);
}

void Core::trace_return(Op instruction, unsigned level) {
  constexpr std::string_view kRfi[] = {"rfi 0", "rfi 1", "rfi 2", "rfi 3",
                                       "rfi 4", "rfi 5", "rfi 6", "rfi 7"};
  switch (instruction) {
    case Op::RFWO:
    case Op::RFWU:
      tracer_->trace<TraceEvent::cpu_window_return>(
          index_, std::string_view(instruction == Op::RFWO ? "rfwo" : "rfwu"), state_.pc);
      return;
    default:
      const std::string_view name = instruction == Op::RFI    ? kRfi[level & 7]
                                    : instruction == Op::RFDE ? std::string_view("rfde")
                                                              : std::string_view("rfe");
      tracer_->trace<TraceEvent::cpu_return>(index_, name, state_.pc, state_.ps);
  }
}

void Core::raise_debug(std::uint32_t cause) {
  state_.debugcause = cause;
  if (tracer_ != nullptr) tracer_->trace<TraceEvent::cpu_debug>(index_, cause, state_.pc);
  state_.epc[kDebugLevel] = state_.pc;
  state_.eps[kDebugLevel] = state_.ps;
  state_.ps = (state_.ps & ~kPsIntlevel) | kDebugLevel | kPsExcm;
  jump_to_vector(kVecDebug);
}

// The oldest frame in the way has to be saved: its window becomes the present one, and how far the next
// frame's is above it tells how many registers are its own.
void Core::raise_window_overflow() {
  const std::uint32_t present = state_.windowbase;
  const auto started = [this](std::uint32_t window) {
    return (state_.windowstart >> (window & 15) & 1) != 0;
  };
  std::uint32_t frame = present + 1;
  while (!started(frame)) ++frame;
  state_.ps = (state_.ps & ~kPsOwb) | present << kPsOwbShift | kPsExcm;
  state_.epc[1] = state_.pc;
  rotate_to(frame);
  const unsigned size = started(frame + 1) ? 0 : started(frame + 2) ? 1 : 2;
  constexpr std::string_view kNames[] = {"overflow4", "overflow8", "overflow12"};
  constexpr std::uint32_t kVectors[] = {kVecWindowOverflow4, kVecWindowOverflow8, kVecWindowOverflow12};
  if (tracer_ != nullptr) tracer_->trace<TraceEvent::cpu_window>(index_, kNames[size], state_.pc);
  jump_to_vector(kVectors[size]);
}

void Core::raise_window_underflow(unsigned size) {
  uncount();
  state_.ps = (state_.ps & ~kPsOwb) | state_.windowbase << kPsOwbShift | kPsExcm;
  state_.epc[1] = state_.pc;
  constexpr std::string_view kNames[] = {"underflow4", "underflow8", "underflow12"};
  if (tracer_ != nullptr) tracer_->trace<TraceEvent::cpu_window>(index_, kNames[size - 1], state_.pc);
  rotate_to(state_.windowbase - size);
  jump_to_vector(size == 1 ? kVecWindowUnderflow4 : size == 2 ? kVecWindowUnderflow8 : kVecWindowUnderflow12);
}

// --- A debugger on the host

void Core::set_breakpoint(std::uint32_t pc, bool set) {
  if (set ? !breakpoints_.insert(pc).second : breakpoints_.erase(pc) == 0) return;
  if (environment_.is_native(pc)) {
    invalidate_all_code();  // translated calls go there without looking at its address
  } else {
    invalidate_code(pc, 1);
  }
}

void Core::step() {
  step_level_ = static_cast<std::uint8_t>(current_interrupt_level() + 1);
  step_begun_ = false;
  told_pc_ = state_.pc;
  told_at_ = instructions();
}

bool Core::debugger_breakpoint() {
  if (told_pc_ == state_.pc && told_at_ == instructions()) return false;
  report_to_debugger(DebuggerEvent::kBreakpoint);
  return true;
}

// An instruction that has led to a vector is not done: it will be executed again.
bool Core::step_ended() {
  const bool done = step_begun_ && vectors_ == step_vectors_;
  step_begun_ = false;
  if (!done) return false;
  report_to_debugger(DebuggerEvent::kStep);
  return true;
}

void Core::report_to_debugger(DebuggerEvent event) {
  step_level_ = 0;
  told_pc_ = state_.pc;
  told_at_ = instructions();
  environment_.debugger_stop(*this, event);
  request_stop();
}

void Core::invalidate_code(std::uint32_t address, std::uint32_t size) {
  interpreter_->invalidate(address, size);
  if (translator_ != nullptr) translator_->invalidate(address, size);
}
bool Core::has_code(std::uint32_t address, std::uint32_t size) const {
  return interpreter_->has_code(address, size) ||
         (translator_ != nullptr && translator_->has_code(address, size));
}
void Core::invalidate_all_code() {
  interpreter_->invalidate_all();
  if (translator_ != nullptr) translator_->invalidate_all();
}

void Core::archive(base::Archive& ar) {
  State& s = state_;
  ar.section("core");
  std::array<std::uint32_t, 64> registers{};
  for (unsigned n = 0; n < registers.size(); ++n) registers[n] = physical(n);
  ar(registers, s.pc, s.windowbase, s.windowstart, s.ps, s.lbeg, s.lend, s.lcount, s.sar, s.br, s.scompare1,
     s.acclo, s.acchi, s.m, s.fr, s.fcr, s.fsr, s.threadptr, s.f64r_lo, s.f64r_hi, s.f64s, s.expstate, s.epc,
     s.eps, s.excsave, s.depc, s.exccause, s.excvaddr, s.vecbase, s.cpenable, s.interrupt, s.intenable,
     s.ccount_offset, s.ccompare, s.icount, s.icountlevel, s.debugcause, s.ddr, s.memctl, s.atomctl,
     s.ibreakenable, s.ibreaka, s.dbreaka, s.dbreakc, s.misc, s.instruction_region, s.data_region);
  std::uint64_t executed = instructions();
  ar(halted_, waiting_, wires_, executed);
  if (!ar.is_saving()) {
    end_ = executed;
    left_ = 0;
    for (unsigned n = 0; n < registers.size(); ++n) set_physical(n, registers[n]);
    rotate_to(s.windowbase);
    invalidate_all_code();
  }
}

}  // namespace espalier::xtensa
