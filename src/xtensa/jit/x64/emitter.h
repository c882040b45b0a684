// x86-64 code for one region.
//
// Host registers: rbp State (JitRegisters behind it), rbx the present window's a0, r13 the core's memory, r14
// what remains of the budget; rax, rcx, rdx are free within an instruction. The eight others hold the
// region's most used guest registers from end to end, xmm2 to xmm15 its FP registers. A guest register that
// has no host register is in State.
#pragma once

#include <asmjit/x86.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "xtensa/jit/known_values.h"
#include "xtensa/jit/translator.h"

namespace espalier::xtensa::jit::x64 {

// The most windows by which code moves at once.
inline constexpr int kFarthest = 3;

// Code that all regions share.
struct Thunks {
  const void* enter = nullptr;  // void(const void* host, State*)
  const void* exit_continue = nullptr;
  const void* exit_interpret = nullptr;
  const void* exit_budget = nullptr;
  const void* exit_link = nullptr;  // rax: the link
  // The same behind a call, which may lead on by itself. rcx: where it is, edx: its increment.
  const void* exit_call = nullptr;
  const void* go_on = nullptr;        // from State::pc, where translated code may: everything is in memory
  const void* slow = nullptr;         // does the instruction of the site that called
  const void* slow_fp = nullptr;      // the same where FP registers are in host registers
  const void* native = nullptr;       // runs the native function at State::pc; esi: where it should return to
  const void* resume = nullptr;       // esi: Resume, edx: the instruction's address, rcx: Instruction or null
  const void* return_miss = nullptr;  // edx: the address of a RETW that is done by Resume::kReturn
  const void* find_return = nullptr;  // the same with a0 in eax: where the call comes back to may be known
  // Saves the frame in the way of the instruction at edx and goes to rcx, where it comes again, or raises
  // window overflow. All registers are in memory.
  const void* spill_window = nullptr;
  // The same for a RETW whose frame has to be reloaded.
  const void* reload_window = nullptr;
  const void* jump_miss = nullptr;  // ecx: where to go on
  // Called where WindowEdges say so: moves by n windows; here by n + kFarthest, but for 0. All registers are
  // in memory. Keeps rax, rcx and rdx.
  std::array<const void*, 2 * kFarthest + 1> rotate{};
  // rax: an FpOperation; ecx, edx, xmm0: its operands. eax: its result. Only rax, rcx, rdx, xmm0 and xmm1
  // change.
  const void* fp = nullptr;
};

struct HostFeatures {
  bool bmi2 = false;
  bool sse41 = false;
  bool fma = false;
};

// Offsets from rbp.
struct Layout {
  std::int32_t jit = 0;        // of JitRegisters
  std::int32_t attention = 0;  // of Translator::attention()
};

// Bytes of the four registers by which windows move. Links and edges are as far apart.
inline constexpr int kPane = 16;
static_assert(offsetof(State, ar) == 0 && sizeof(ReturnLink) == kPane && sizeof(WindowEdges) == kPane);

// Thunks::rotate.
void emit_rotation(asmjit::x86::Assembler& as, Layout layout, int n);
// How Thunks::spill_window and reload_window begin: the usual is done; what is not goes to `otherwise` with
// rcx and edx as they were.
void emit_spill_step(asmjit::x86::Assembler& as, Layout layout, const Translator& translator,
                     asmjit::Label otherwise);
void emit_reload_step(asmjit::x86::Assembler& as, Layout layout, const Translator& translator,
                      asmjit::Label otherwise);

// How Thunks::go_on begins: to the translation for State::pc, where it is quickly found and nothing else
// comes first; else to `otherwise`.
void emit_go_on(asmjit::x86::Assembler& as, Layout layout, asmjit::Label otherwise);
// Sets ZF unless an interrupt is pending and enabled, whatever PS masks. Changes rax.
void emit_look_for_pending(asmjit::x86::Assembler& as);
// Sets ZF unless PS lets one of them through. Changes rax and rcx.
void emit_look_for_let_through(asmjit::x86::Assembler& as);

namespace Inst = asmjit::x86::Inst;

class Emitter {
 public:
  Emitter(const Region& region, Translator& translator, const Thunks& thunks, HostFeatures features,
          Layout layout, asmjit::CodeHolder& code);

  void emit();
  // After the code has been put at `base`.
  std::unique_ptr<Translation> finish(std::uint8_t* base, std::size_t size);

 private:
  using Gp = asmjit::x86::Gp;
  using Xmm = asmjit::x86::Xmm;
  using Mem = asmjit::x86::Mem;
  using Label = asmjit::Label;

  // emitter.cpp: registers, blocks and their ends.
  void allocate();
  void emit_block(std::size_t index);
  void emit_end(const Block& block, std::size_t index);
  void emit_step(const Step& step);
  void emit_instruction(const Step& step);
  void go_to(const Target& target, RegisterSet dirty, std::size_t from);
  void leave_to(std::uint32_t pc, RegisterSet dirty);
  void emit_loop_end(const Block& block, std::size_t index);
  void leave_to_lbeg(RegisterSet dirty);
  void emit_loop(const Block& block, std::size_t index);
  void emit_panes(const Step& step);
  // Sets ZF if none of the `n` windows above the present one holds a frame, of which the nearest are `known`
  // not to. Changes eax.
  void look_above(unsigned n, unsigned known = 0);
  // eax is 0 then; what of the flags is left open.
  void gather_above(unsigned n, unsigned known = 0);
  // An execution of the instruction at `pc` is counted, if anybody counts those; or is taken back.
  void emit_tally(std::uint32_t pc, bool back = false);
  void emit_rotate(int n) {
    as_.call(reinterpret_cast<std::uint64_t>(thunks_.rotate[static_cast<std::size_t>(n + kFarthest)]));
  }
  void spill(RegisterSet dirty);
  void fill(RegisterSet live);
  // A way out, put behind the region's code: refunds, spills, sets pc, jumps to `thunk`.
  Label cold_exit(std::uint32_t pc, unsigned refund, RegisterSet dirty, const void* thunk);
  // Opens the window of a function that has been taken in: control leaves in the middle of it.
  void open_window(unsigned window);
  // Where the interpreter has to do the present step.
  Label interpret_here();
  // Where C++ does the present step, which changes more than registers, and goes on from State::pc.
  Label resume_here(Resume how);
  void emit_resume(Resume how, const Step& step);
  void emit_spill_window(std::uint32_t pc, Label again);
  void cold(std::function<void()> emit) { cold_.push_back(std::move(emit)); }

  // Guest registers.
  bool allocated(unsigned reg) const { return host_[reg] != kNone; }
  Gp host(unsigned reg) const { return asmjit::x86::gpd(host_[reg]); }
  Mem home(unsigned reg) const;  // in State
  Mem word(std::size_t state_offset) const;
  Mem jit_byte(std::size_t offset) const;
  Mem jit_word(std::size_t offset) const;
  Mem jit_quad(std::size_t offset) const;
  // In the ReturnLink of the window that is `n` above the present one, and the same of WindowEdges.
  Mem link(int n, std::size_t offset, unsigned size = 4) const;
  Mem edge(std::size_t offset) const;
  // The register itself, or `scratch` with its value.
  Gp read(unsigned reg, Gp scratch);
  // A register or memory operand with its value.
  asmjit::Operand operand(unsigned reg) const;
  // Where a result is to be computed: the register itself, or `scratch`; to be followed by put().
  Gp result(unsigned reg, Gp scratch) const { return allocated(reg) ? host(reg) : scratch; }
  void put(unsigned reg, Gp value);
  void put_constant(unsigned reg, std::uint32_t value);
  void load_into(Gp to, unsigned reg);
  void load_ps(Gp to, Gp scratch);
  std::optional<std::uint32_t> constant(unsigned reg) const { return known_.constant(reg); }
  void emit_op(asmjit::InstId id, const asmjit::Operand& a, const asmjit::Operand& b) { as_.emit(id, a, b); }

  // emit_entries.cpp
  void emit_region_entry();
  void emit_entry_step();
  void emit_entry(std::size_t index);
  void emit_late_entries();
  void emit_landing(std::size_t index);
  bool falls_into(std::size_t index) const;
  const Block& block_of(int index) const { return region_.blocks[static_cast<std::size_t>(index)]; }
  std::uint32_t first_case() const { return block_of(region_.cases.front()).pc; }
  std::uint32_t last_case() const { return block_of(region_.cases.back()).pc; }
  bool has_early_entry(std::size_t index) const;
  Label dead_entry(std::uint32_t pc, unsigned increment = 0);

  // emit_integer.cpp
  bool emit_integer(const Instruction& in);
  void binary(asmjit::InstId id, const Instruction& in, bool commutes);
  void scaled_add(const Instruction& in, unsigned shift);
  void scaled_subtract(const Instruction& in, unsigned shift);
  void shift_by_sar(const Instruction& in);
  void set_sar(const Instruction& in);
  void select(asmjit::InstId cmov, const Instruction& in);
  void minimum(asmjit::InstId cmov, const Instruction& in);
  void multiply(const Instruction& in);
  void divide(const Instruction& in);
  void shift_right_64(Gp value, Gp amount, bool arithmetic);

  // emit_memory.cpp
  bool emit_memory(const Instruction& in);
  void emit_access(const Instruction& in, bool load, unsigned size, bool is_signed);
  void emit_conditional_store(const Instruction& in);
  std::uint32_t add_site();
  void emit_slow_call(std::uint32_t site);
  // Where the slow path does the present step because its address is not what later steps take it for.
  Label slow_and_leave(std::uint32_t site);
  void test_aligned(unsigned reg, Gp address, std::uint32_t site);
  // The host instruction that `emit` emits accesses guest memory.
  template <typename Emit>
  void access(std::optional<Label> cold_path, std::uint32_t site, Emit emit) {
    const Label at = as_.newLabel();
    as_.bind(at);
    const std::size_t begin = as_.offset();
    emit();
    accesses_.push_back({at, cold_path, site, static_cast<std::uint8_t>(as_.offset() - begin)});
  }

  // emit_fp.cpp
  bool emit_fp(const Instruction& in);
  Xmm xmm(unsigned reg) const { return asmjit::x86::xmm(host_[reg]); }
  // These four take the number of an FR.
  asmjit::Operand fp_operand(unsigned fr) const;
  void load_fr(Xmm to, unsigned fr);
  void load_fr(Gp to, unsigned fr);
  void put_fr(unsigned fr, Xmm value);
  void put_fr(unsigned fr, Gp value);
  void check_fp();
  void call_fp_operation(const Instruction& in);
  void finish_fp_result(const Instruction& in);
  void emit_fp_access(const Instruction& in, bool load, bool indexed, bool update);
  void fp_binary(asmjit::InstId id, const Instruction& in);
  void fp_fused(const Instruction& in, bool subtract);
  void fp_fused_unflagged(const Instruction& in);
  void fp_move_if(asmjit::InstId unless, const Instruction& in);
  void fp_compare(const Instruction& in, asmjit::InstId set, bool swap);
  void fp_to_integer(const Instruction& in, std::optional<int> rounding, bool is_signed);
  void fp_from_integer(const Instruction& in, bool is_signed);

  // emit_mac16.cpp
  bool emit_mac16(const Instruction& in);
  void mac16_multiply(const Instruction& in);
  void load_half(Gp to, unsigned reg, bool high, bool is_signed);
  // In State, where bits 40 to 63 are 0; in a host register they may be anything.
  Mem acc() const { return asmjit::x86::qword_ptr(asmjit::x86::rbp, offsetof(State, acclo)); }
  void store_acc(Gp value);
  void read_acc(Gp to, Sr half);
  void write_acc(Sr half, Gp value);

  // emit_branch.cpp
  void emit_branch(const Instruction& in, Label taken);
  void emit_indirect_jump();
  void emit_computed_jump();
  void emit_cases();
  void emit_table_jump();
  void find_way(Gp entry, std::size_t table);

  // emit_call.cpp
  void find_landings();
  void emit_call(const Block& block, std::size_t index);
  void emit_leaf_call(const Block& block, std::size_t index);
  void emit_native_call(const Block& block, std::uint32_t target);
  void emit_linked_call(const Block& block, std::uint32_t target, bool follows);
  void emit_linked_call(const Block& block, bool follows);
  void leave_to_alias(std::uint32_t target, Label unpaid);
  void leave_by_call(std::uint32_t target, Label site, unsigned n);
  void take_link(unsigned n);
  void emit_link(const Block& block);
  unsigned increment_of(const Block& block) const;
  std::uint32_t link_of(const Block& block) const;
  bool comes_back(const Block& block) const;
  void emit_callinc(unsigned n);
  void emit_leaf_entry(const Step& step);
  void emit_return();

  // emit_system.cpp
  bool emit_system(const Instruction& in);
  bool emit_boolean(const Instruction& in);
  // A bit of BR = bit 0 of eax; the others of eax are 0.
  void put_boolean(unsigned number);
  void leave_if_interrupted(const Instruction& in);
  void write_ps(const Instruction& in);
  void emit_resumed(const Block& block);
  void emit_rotw(std::int32_t windows);

  const Region& region_;
  Translator& translator_;
  const Thunks& thunks_;
  HostFeatures features_;
  Layout layout_;
  asmjit::CodeHolder& code_;
  asmjit::x86::Assembler as_;

  static constexpr std::uint8_t kNone = 0xff;
  std::array<std::uint8_t, kRegisters> host_;
  bool uses_fp_ = false;
  std::vector<Label> labels_;                  // of blocks
  Label paid_;                                 // of the first one behind ENTRY, which takes its price off
  std::vector<Label> landings_;                // where a call comes back to its block, by the block behind it
  std::vector<std::uint32_t> landing_values_;  // of a0 there: its increment is in the top bits
  Label region_entry_;
  Label case_table_;  // where the host's code of each case is, by its guest address; 0: it is no case
  std::vector<std::function<void()>> cold_;

  // While a block is emitted.
  const Block* block_ = nullptr;
  unsigned step_ = 0;    // its index in the block
  unsigned window_ = 0;  // that is open as far as the guest knows, above the region's
  const Step* current_ = nullptr;
  RegisterSet dirty_ = 0;  // allocated registers only
  bool fp_ready_ = false;  // known to be so
  KnownValues known_{Facts{}};
  struct KnownSar {
    enum Kind : std::uint8_t { kUnknown, kConstant, kLeft, kRight } kind = kUnknown;
    std::uint32_t value = 0;  // or the register that SSL, SSR named
  } sar_;

  struct Return {
    Label at;
    std::uint32_t site;
  };
  struct AccessMark {
    Label at;
    std::optional<Label> cold;
    std::uint32_t site;
    std::uint8_t length;
  };
  struct EntryMark {
    std::uint32_t pc;
    Label host, dead;
    unsigned increment = 0;  // of calls that come there
  };
  std::vector<Site> sites_;
  std::vector<Return> returns_;
  std::vector<AccessMark> accesses_;
  std::vector<EntryMark> entries_;
  std::vector<std::unique_ptr<Instruction>> resumed_;
};

}  // namespace espalier::xtensa::jit::x64
