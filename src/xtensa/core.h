// One Xtensa LX6 core: its registers and the engine-independent half of its behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/archive.h"
#include "base/trace.h"
#include "xtensa/instruction.h"
#include "xtensa/jit/registers.h"
#include "xtensa/memory_view.h"
#include "xtensa/registers.h"
#include "xtensa/window_row.h"

namespace espalier::xtensa {

// The architectural state; a plain struct so that an engine can address every field from generated code.
struct State {
  // The 64 physical registers, as window_row.h says; use Core::a() and Core::physical() from outside an
  // engine. Who changes WINDOWBASE does so by Core::rotate_to().
  std::array<std::uint32_t, 4 * kWindowPlaces> ar{};
  std::uint32_t row = 0;  // the place of the first of the windows in a row
  std::uint32_t pc = kResetVector;
  std::uint32_t windowbase = 0;   // 0..15
  std::uint32_t windowstart = 1;  // 16 bits
  std::uint32_t ps = 0x1f;        // whole PS; OWB and CALLINC included
  std::uint32_t lbeg = 0, lend = 0, lcount = 0, sar = 0, br = 0, scompare1 = 0;
  std::uint32_t acclo = 0, acchi = 0;  // side by side; acchi: 8 bits, sign-extended when read
  std::array<std::uint32_t, 4> m{};
  std::array<std::uint32_t, 16> fr{};  // FP registers as bit patterns
  std::uint32_t fcr = 0, fsr = 0, threadptr = 0, f64r_lo = 0, f64r_hi = 0, f64s = 0;
  std::uint32_t expstate = 0;  // the 32 wires that SETB_EXPSTATE... drive; nothing on the ESP32 listens
  std::array<std::uint32_t, 8> epc{};      // [1..7]
  std::array<std::uint32_t, 8> eps{};      // [2..7]
  std::array<std::uint32_t, 8> excsave{};  // [1..7]
  std::uint32_t depc = 0, exccause = 0, excvaddr = 0, vecbase = kResetVecbase, cpenable = 0;
  std::uint32_t interrupt = 0;  // pending bits, external levels included
  std::uint32_t intenable = 0;
  std::uint32_t ccount_offset = 0;
  std::array<std::uint32_t, 3> ccompare{};
  std::uint32_t icount = 0, icountlevel = 0, debugcause = 0, ddr = 0, memctl = 0, atomctl = 0x28;
  std::uint32_t ibreakenable = 0;
  std::array<std::uint32_t, 2> ibreaka{}, dbreaka{}, dbreakc{};
  std::array<std::uint32_t, 4> misc{};
  std::array<std::uint8_t, 8> instruction_region{}, data_region{};  // attributes of the eight 512 MiB regions

  // The four registers of a window (mod 16), and the 16 of the present one.
  std::uint32_t* window(std::uint32_t number) { return &ar[4 * place_of_window(number, row)]; }
  std::uint32_t* window() { return window(windowbase); }
};

// Why Core::run() returned.
enum class Stop : std::uint8_t {
  kBudget,     // the instruction budget is used up
  kWaiti,      // the core waits for an interrupt and none is pending
  kRequested,  // request_stop(): a timer became due earlier, the machine wants to look
  kHalted,     // halt(): a native function stopped the machine, or the core is held in reset
};

// What executes guest code. Both give the same results, instruction for instruction.
enum class Engine : std::uint8_t {
  kInterpreter,
  kJit,  // code that has become hot is translated to host code, the interpreter does the rest
};

#if defined(__x86_64__)
inline constexpr Engine kDefaultEngine = Engine::kJit;
#else
inline constexpr Engine kDefaultEngine = Engine::kInterpreter;
#endif

// What an engine has done since the core was made.
struct EngineStats {
  std::uint64_t translated_regions = 0;       // pieces of guest code, each mostly a function
  std::uint64_t translated_instructions = 0;  // guest instructions in them
  std::uint64_t code_bytes = 0;               // host code made for them
  std::uint64_t flushes = 0;                  // how often all of it was thrown away
  std::uint64_t entries = 0;                  // how often translated code was entered
  std::uint64_t chained_exits = 0;            // ways out that were made to lead to another translation
  std::uint64_t slow_accesses = 0;            // out-of-line instructions of translated code
  std::uint64_t faults = 0;                   // accesses that were re-routed to the slow path
  std::uint64_t window_steps = 0;             // window overflows and underflows done in one step
  std::uint64_t resumes = 0;                  // how often translated code asked C++ where to go on

  EngineStats& operator+=(const EngineStats& other);
};

class Core;

// Who sees a core execute: see Core::observe().
class InstructionObserver {
 public:
  // The instruction, or the call of a native function, at the core's pc comes next. All of the state is
  // exact. One that finds a window in its way comes again.
  virtual void executes(Core& core) = 0;

 protected:
  ~InstructionObserver() = default;
};

class Core {
 public:
  // `prid` is 0xCDCD for PRO, 0xABAB for APP.
  Core(unsigned index, std::uint32_t prid, MemoryView memory, Environment& environment);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  unsigned index() const { return index_; }
  State& state() { return state_; }
  const State& state() const { return state_; }
  const MemoryView& memory() const { return memory_; }
  Environment& environment() { return environment_; }

  // The interpreter is what a core begins with. The error says in half a sentence why this host cannot do it;
  // the engine is what it was then. Not while run() runs.
  std::expected<void, std::string> set_engine(Engine engine);
  Engine engine() const { return translator_ != nullptr ? Engine::kJit : Engine::kInterpreter; }
  // How often a block has to be entered before it is translated; at least 1.
  void set_jit_threshold(unsigned entries);
  // How much memory translated code may take, for the next set_engine(); at least kLeastJitMemory, in which
  // any one translation has room. When it is full all are thrown away and made again as they are needed.
  static constexpr std::size_t kLeastJitMemory = 64 * 1024;
  static constexpr std::size_t kDefaultJitMemory = 16 * 1024 * 1024;
  void set_jit_memory(std::size_t bytes);
  // Called for each translation when it has been made: `size` bytes of host code at `host` for the guest code
  // that begins at `pc`. Later translations may take the place of earlier ones.
  using OnTranslated = std::function<void(const void* host, std::size_t size, std::uint32_t pc)>;
  void on_translated(OnTranslated observer) { on_translated_ = std::move(observer); }
  EngineStats engine_stats() const;
  // Counts how often instructions are executed, in either engine. `counter` is asked when an instruction is
  // decoded, again after its code has changed, and says where its executions are counted; null: nowhere. One
  // that raises an exception counts, too, unless it comes again behind the handler: where windows are full or
  // empty, or the coprocessor is off. An empty one ends it. Not while run() runs; all decoded code is
  // forgotten.
  using Counter = std::function<std::uint64_t*(std::uint32_t pc)>;
  void count_executions(Counter counter);
  std::uint64_t* execution_counter(std::uint32_t pc) const { return counter_ ? counter_(pc) : nullptr; }
  // Who is told of every instruction from the next one on; null: nobody. Any time, during run() too. The
  // guest notices nothing, but is interpreted, one instruction at a time.
  void observe(InstructionObserver* observer) {
    observer_ = observer;
    attention_ |= kAttentionCode;
  }
  // Who is told of interrupts, exceptions and returns from them; may be null.
  void set_tracer(base::Tracer* tracer) { tracer_ = tracer; }

  // As the RESET pin: all state to its reset value, pc to `vector`.
  void reset(std::uint32_t vector = kResetVector);

  // Runs at most `budget` instructions. Exact: with enough budget it stops only for the
  // other reasons. Instructions charged by native functions (charge()) count. With no budget it only takes an
  // interrupt that is ready, as at the end of any other.
  Stop run(std::uint64_t budget);
  // Instructions executed and charged since construction; exact also when asked for from within an
  // Environment callback during run().
  std::uint64_t instructions() const { return end_ - static_cast<std::uint64_t>(left_); }
  // A native function has used up the time of `n` instructions.
  void charge(std::uint64_t n) { left_ -= static_cast<std::int64_t>(n); }
  // What may be charged to the running instruction with run()'s budget still kept.
  std::uint64_t chargeable() const { return left_ > 1 ? static_cast<std::uint64_t>(left_ - 1) : 0; }
  // Ends run() before the next instruction. May be called from Environment callbacks.
  void request_stop();
  void halt();
  bool halted() const { return halted_; }
  void resume() { halted_ = false; }
  // In WAITI with no enabled interrupt pending.
  bool waiting() const { return waiting_ && !interrupt_ready(); }

  // AR registers of the present window (0..15) and the physical ones (0..63).
  std::uint32_t a(unsigned n) const;
  void set_a(unsigned n, std::uint32_t value);
  std::uint32_t physical(unsigned n) const;
  void set_physical(unsigned n, std::uint32_t value);
  // Registers of the callee's window as seen after a CALLn and before ENTRY: n is relative to the caller's
  // window and may exceed 15 (CALL12's a16..a19).
  std::uint32_t window_relative(unsigned n) const { return physical((state_.windowbase * 4 + n) & 63); }
  void set_window_relative(unsigned n, std::uint32_t value) {
    set_physical((state_.windowbase * 4 + n) & 63, value);
  }
  // Makes `windowbase` (mod 16) the present window.
  void rotate_to(std::uint32_t windowbase);

  // As RSR/WSR would, with all side effects (privilege is not checked). CCOUNT, INTERRUPT... included.
  std::uint32_t read_special(Sr sr);
  void write_special(Sr sr, std::uint32_t value);

  // External interrupt wires (edge lines latch a rising edge). CPU interrupt number 0..31.
  void set_interrupt(unsigned line, bool level);
  // CCOMPAREn == CCOUNT has come.
  void timer_match(unsigned n);
  // True if an interrupt is pending and enabled above the present level.
  bool interrupt_ready() const;

  // Raises an exception at the present pc as the hardware would: EPC1/DEPC, EXCCAUSE, EXCVADDR (for load,
  // store and fetch causes), PS.EXCM and the vector. For native functions that touched memory they may not.
  void raise(Cause cause, std::uint32_t vaddr = 0);

  // --- A debugger on the host, apart from the guest's own IBREAK, DBREAK and ICOUNT: nothing of it can be
  // seen in the state. Not while run() runs.
  //
  // Stops the core before each instruction at `pc`, or at the call of the native function there; code
  // elsewhere is as fast as without. Environment::debugger_stop() is told. The next run() executes the
  // instruction.
  void set_breakpoint(std::uint32_t pc, bool set);
  bool has_breakpoint(std::uint32_t pc) const { return breakpoints_.contains(pc); }
  // Stops the core behind the next instruction, wherever that leads: as ICOUNT does with an ICOUNTLEVEL one
  // above the present level, but also where the instruction itself raises that. So interrupts and exceptions
  // that come first are handled to their ends, the handlers of register windows, too. A breakpoint at pc does
  // not count. Once: then it is over.
  void step();
  void cancel_step() { step_level_ = 0; }
  bool stepping() const { return step_level_ != 0; }
  // While it is held run() returns kHalted at once; during run() it ends that before the next instruction.
  void hold(bool held) {
    held_ = held;
    if (held) request_stop();
  }
  bool held() const { return held_; }
  // Translated code may do accesses that the page attributes do not allow, where the memory can be read since
  // it is executed: without it each is looked at. No effect without a translator.
  void allow_translation(bool allowed) { translation_allowed_ = allowed; }

  // Forgets decoded code that lies within [address, address + size).
  void invalidate_code(std::uint32_t address, std::uint32_t size);
  void invalidate_all_code();
  // Whether decoded code lies in the 4 KiB pages of [address, address + size): if not, stores there need not
  // be reported any longer.
  bool has_code(std::uint32_t address, std::uint32_t size) const;

  void archive(base::Archive& ar);

 private:
  struct Interpreter;  // decoded blocks and the run loop, in interpreter.h
  friend struct Interpreter;
  friend class jit::Translator;

  // Why an engine has to leave the straight path before the next instruction (attention_).
  enum Attention : std::uint32_t {
    kAttentionStop = 1,       // request_stop(), halt()
    kAttentionInterrupt = 2,  // an interrupt has become ready
    kAttentionCode = 4,       // decoded code is gone; it may be the running block
    kAttentionMoved = 8,      // pc was set from within a callback: reset(), raise()
  };

  unsigned current_interrupt_level() const;
  unsigned ready_interrupt_level() const;
  void interrupts_changed();
  void take_interrupt();
  void enter_interrupt(unsigned level);
  // The instruction at pc has been counted and will come again.
  void uncount() {
    if (std::uint64_t* count = execution_counter(state_.pc)) --*count;
  }
  bool traces(base::TraceEvent event) const { return tracer_ != nullptr && tracer_->on(event); }
  // The core has returned by `instruction`: RFE, RFI, RFWO...
  void trace_return(Op instruction, unsigned level = 0);
  void raise_debug(std::uint32_t cause);
  void raise_window_overflow();
  void raise_window_underflow(unsigned size);
  // A data breakpoint is armed.
  bool watching_data() const { return ((state_.dbreakc[0] | state_.dbreakc[1]) & 0xc0000000) != 0; }
  void jump_to_vector(std::uint32_t offset) {
    ++vectors_;
    state_.pc = state_.vecbase + offset;
  }
  // The debugger's breakpoint at pc has come. False: it is known there already, on with the instruction.
  bool debugger_breakpoint();
  // Before an instruction, or when nothing more is executed: whether a step has come to its end.
  bool step_ended();
  void report_to_debugger(DebuggerEvent event);

  unsigned index_;
  std::uint32_t prid_;
  MemoryView memory_;
  Environment& environment_;
  State state_;
  jit::JitRegisters jit_registers_;  // right behind state_: translated code reaches both from one place
  bool halted_ = false;
  bool waiting_ = false;
  std::uint32_t attention_ = 0;
  std::uint32_t wires_ = 0;  // levels of the external interrupt wires
  bool held_ = false;
  bool translation_allowed_ = true;
  std::unordered_set<std::uint32_t> breakpoints_;
  std::uint32_t vectors_ = 0;       // how often the core has gone to one
  std::uint32_t step_vectors_ = 0;  // the same when the stepped instruction began
  std::uint8_t step_level_ = 0;     // instructions below this interrupt level end the step; 0: no step
  bool step_begun_ = false;         // one of them is under way
  std::uint32_t told_pc_ = 0;       // what the debugger has been told last: where the core was ...
  std::uint64_t told_at_ = ~std::uint64_t{0};  // ... and how many instructions it had executed
  // instructions() is end_ - left_: during run(), `left_` is what remains of the budget that ends at `end_`.
  std::uint64_t end_ = 0;
  std::int64_t left_ = 0;
  std::unique_ptr<Interpreter> interpreter_;
  std::size_t jit_memory_ = kDefaultJitMemory;
  OnTranslated on_translated_;
  Counter counter_;
  InstructionObserver* observer_ = nullptr;
  base::Tracer* tracer_ = nullptr;
  std::unique_ptr<jit::Translator> translator_;
};

}  // namespace espalier::xtensa
