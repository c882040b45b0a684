// The code that all regions share, and how code is put into the arena and patched there.
#include <asmjit/x86.h>

#include <array>
#include <bit>
#include <cstring>

#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit {
namespace {

using namespace asmjit;
using x64::Emitter;
using x64::HostFeatures;
using x64::Layout;
using x64::Thunks;

bool slow_path(SlowFrame* frame, const std::uint8_t* return_address, Translator* translator) {
  return translator->slow_path(*frame, return_address);
}
bool call_native(Translator* translator, std::uint32_t return_pc) {
  return translator->call_native(return_pc);
}
const void* resume(Translator* translator, Resume how, std::uint32_t pc, const Instruction* in) {
  return translator->resume(how, pc, in);
}
bool spill_window(Translator* translator, std::uint32_t pc) {
  return translator->spill_window(pc);
}
bool reload_window(Translator* translator, std::uint32_t pc) {
  return translator->reload_window(pc);
}

// Registers that hold guest registers, as SlowFrame::gpr has them.
constexpr x86::Gp kSaved[] = {x86::rsi, x86::rdi, x86::r8, x86::r9, x86::r10, x86::r11, x86::r12, x86::r15};
constexpr std::size_t kCallerSaved = 6;  // of them

class X64Backend final : public Backend {
 public:
  explicit X64Backend(Translator& translator) : translator_(translator) {
    const auto& core = translator.core();
    const auto distance = [&core](const void* at) {
      return static_cast<std::int32_t>(static_cast<const std::byte*>(at) -
                                       reinterpret_cast<const std::byte*>(&core.state()));
    };
    layout_ = {.jit = distance(&translator.registers()), .attention = distance(&translator.attention())};
    const auto& cpu = CpuInfo::host().features().x86();
    features_.bmi2 = cpu.hasBMI2();
    features_.sse41 = cpu.hasSSE4_1();
    features_.fma = cpu.hasFMA();
  }

  // False if the arena has no room.
  bool make_thunks() {
    CodeHolder code;
    std::uint8_t* const base = translator_.arena().allocate(kThunkBytes);
    if (base == nullptr ||
        code.init(asmjit::Environment::host(), reinterpret_cast<std::uint64_t>(base)) != kErrorOk)
      return false;
    x86::Assembler as(&code);
    const auto jit = [this](std::size_t offset, unsigned size = 8) {
      x86::Mem at = x86::ptr(x86::rbp, layout_.jit + static_cast<std::int32_t>(offset));
      at.setSize(size);
      return at;
    };
    const auto here = [&] {
      const Label label = as.newLabel();
      as.bind(label);
      return label;
    };

    const Label enter = here();
    for (const x86::Gp& reg : {x86::rbp, x86::rbx, x86::r12, x86::r13, x86::r14, x86::r15}) as.push(reg);
    as.sub(x86::rsp, 8);  // aligned by 16
    as.mov(x86::rbp, x86::rsi);
    as.mov(x86::rbx, jit(offsetof(JitRegisters, window)));
    as.mov(x86::r13, jit(offsetof(JitRegisters, memory)));
    as.mov(x86::r14, jit(offsetof(JitRegisters, left)));
    as.jmp(x86::rdi);

    const Label exit = here();
    as.mov(jit(offsetof(JitRegisters, left)), x86::r14);
    as.mov(jit(offsetof(JitRegisters, window)), x86::rbx);
    const Label exit_synced = here();
    as.add(x86::rsp, 8);
    for (const x86::Gp& reg : {x86::r15, x86::r14, x86::r13, x86::r12, x86::rbx, x86::rbp}) as.pop(reg);
    as.ret();

    const auto exit_with = [&](Exit why) {
      const Label label = here();
      as.mov(jit(offsetof(JitRegisters, exit), 4), static_cast<std::uint32_t>(why));
      as.jmp(exit);
      return label;
    };
    const Label exit_call = here();
    as.mov(jit(offsetof(JitRegisters, call)), x86::rcx);
    as.mov(jit(offsetof(JitRegisters, call_increment), 4), x86::edx);
    const Label exit_link = here();
    as.mov(jit(offsetof(JitRegisters, link)), x86::rax);
    const Label exit_continue = exit_with(Exit::kContinue);
    const Label exit_interpret = exit_with(Exit::kInterpret);
    const Label exit_budget = exit_with(Exit::kBudget);

    // Finds the way in C++, which remembers it for the next jump.
    const Label jump_miss = here(), find_way = as.newLabel(), resume_thunk = as.newLabel();
    as.mov(x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, pc))), x86::ecx);
    as.jmp(find_way);
    const Label go_on = here();
    x64::emit_go_on(as, layout_, find_way);
    as.bind(find_way);
    as.mov(x86::esi, static_cast<std::uint32_t>(Resume::kGoOn));
    as.mov(x86::edx, x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, pc))));
    as.jmp(resume_thunk);

    const auto save_own = [&] {
      as.mov(jit(offsetof(JitRegisters, left)), x86::r14);
      as.mov(jit(offsetof(JitRegisters, window)), x86::rbx);
    };
    const auto frame = [](std::size_t offset) {
      return x86::qword_ptr(x86::rsp, static_cast<std::int32_t>(offset));
    };
    const auto slow_thunk = [&](bool fp) {
      constexpr std::size_t kFrame = (sizeof(SlowFrame) + 15) / 16 * 16 + 8;
      const Label label = here();
      as.sub(x86::rsp, kFrame);
      for (std::size_t i = 0; i < std::size(kSaved); ++i)
        as.mov(frame(offsetof(SlowFrame, gpr) + 8 * i), kSaved[i]);
      for (unsigned i = 2; fp && i < 16; ++i)
        as.movss(x86::dword_ptr(x86::rsp, static_cast<std::int32_t>(offsetof(SlowFrame, fr) + 4 * i)),
                 x86::xmm(i));
      save_own();
      as.mov(x86::rdi, x86::rsp);
      as.mov(x86::rsi, x86::qword_ptr(x86::rsp, kFrame));
      as.mov(x86::rdx, jit(offsetof(JitRegisters, translator)));
      as.call(reinterpret_cast<std::uint64_t>(&slow_path));
      const Label stop = as.newLabel();
      as.test(x86::al, x86::al);
      as.jnz(stop);
      for (std::size_t i = 0; i < std::size(kSaved); ++i)
        as.mov(kSaved[i], frame(offsetof(SlowFrame, gpr) + 8 * i));
      for (unsigned i = 2; fp && i < 16; ++i)
        as.movss(x86::xmm(i),
                 x86::dword_ptr(x86::rsp, static_cast<std::int32_t>(offsetof(SlowFrame, fr) + 4 * i)));
      as.mov(x86::r14, jit(offsetof(JitRegisters, left)));
      as.mov(x86::rax, frame(offsetof(SlowFrame, result)));
      as.add(x86::rsp, kFrame);
      as.ret();
      as.bind(stop);
      as.add(x86::rsp, kFrame + 8);
      as.jmp(exit_synced);
      return label;
    };
    const Label slow = slow_thunk(false);
    const Label slow_fp = slow_thunk(true);

    const Label native = here();
    as.sub(x86::rsp, 8);
    save_own();
    as.mov(x86::rdi, jit(offsetof(JitRegisters, translator)));
    as.call(reinterpret_cast<std::uint64_t>(&call_native));
    as.add(x86::rsp, 8);
    as.mov(x86::r14, jit(offsetof(JitRegisters, left)));
    const Label stop = as.newLabel();
    as.test(x86::al, x86::al);
    as.jnz(stop);
    as.ret();
    as.bind(stop);
    as.add(x86::rsp, 8);
    as.jmp(exit_synced);

    const Label return_miss = here();
    as.mov(x86::esi, static_cast<std::uint32_t>(Resume::kReturn));
    as.bind(resume_thunk);
    save_own();
    as.mov(x86::rdi, jit(offsetof(JitRegisters, translator)));
    as.call(reinterpret_cast<std::uint64_t>(&resume));
    as.test(x86::rax, x86::rax);
    as.jz(exit_synced);
    as.mov(x86::r14, jit(offsetof(JitRegisters, left)));
    as.mov(x86::rbx, jit(offsetof(JitRegisters, window)));
    as.jmp(x86::rax);

    // What r12 and r15 have held is in memory.
    const auto window_thunk = [&](auto emit_step, bool (*step)(Translator*, std::uint32_t),
                                  Resume otherwise) {
      const Label label = here(), unusual = as.newLabel(), raise = as.newLabel();
      emit_step(as, layout_, translator_, unusual);
      as.bind(unusual);
      save_own();
      as.mov(x86::r12, x86::rcx);
      as.mov(x86::r15d, x86::edx);
      as.mov(x86::rdi, jit(offsetof(JitRegisters, translator)));
      as.mov(x86::esi, x86::edx);
      as.call(reinterpret_cast<std::uint64_t>(step));
      as.mov(x86::edx, x86::r15d);
      as.test(x86::al, x86::al);
      as.jz(raise);
      as.mov(x86::r14, jit(offsetof(JitRegisters, left)));
      as.jmp(x86::r12);
      as.bind(raise);
      as.mov(x86::esi, static_cast<std::uint32_t>(otherwise));
      as.jmp(resume_thunk);
      return label;
    };
    const Label spill_thunk = window_thunk(x64::emit_spill_step, &spill_window, Resume::kWindowOverflow);
    const Label reload_thunk = window_thunk(x64::emit_reload_step, &reload_window, Resume::kReturn);

    const Label find_return = here();
    as.mov(x86::ecx, x86::eax);
    as.and_(x86::ecx, (1u << kReturnBits) - 1);
    as.shl(x86::ecx, std::countr_zero(sizeof(ReturnLink)));
    as.add(x86::rcx, jit(offsetof(JitRegisters, returns)));
    const Label return_found = as.newLabel();
    as.cmp(x86::eax, x86::dword_ptr(x86::rcx, offsetof(ReturnLink, a0)));
    as.je(return_found);
    as.xor_(x86::rcx, kOtherReturn * sizeof(ReturnLink));
    as.cmp(x86::eax, x86::dword_ptr(x86::rcx, offsetof(ReturnLink, a0)));
    as.jne(return_miss);
    as.bind(return_found);
    as.push(x86::qword_ptr(x86::rcx, offsetof(ReturnLink, host)));
    as.ret();

    std::array<Label, 2 * x64::kFarthest + 1> rotations;
    for (int n = -x64::kFarthest; n <= x64::kFarthest; ++n) {
      if (n == 0) continue;
      rotations[static_cast<std::size_t>(n + x64::kFarthest)] = here();
      x64::emit_rotation(as, layout_, n);
    }

    // An FpOperation has no need of the guest's registers, but does not keep them.
    const Label fp = here();
    constexpr std::size_t kFpFrame = (sizeof(SlowFrame) + 15) / 16 * 16 + 8;
    const auto fp_slot = [](unsigned i) {
      return x86::dword_ptr(x86::rsp, static_cast<std::int32_t>(offsetof(SlowFrame, fr) + 4 * i));
    };
    as.sub(x86::rsp, kFpFrame);
    for (std::size_t i = 0; i < kCallerSaved; ++i) as.mov(frame(offsetof(SlowFrame, gpr) + 8 * i), kSaved[i]);
    for (unsigned i = 2; i < 16; ++i) as.movss(fp_slot(i), x86::xmm(i));
    as.mov(x86::edi, x86::ecx);
    as.mov(x86::esi, x86::edx);
    as.movd(x86::edx, x86::xmm0);
    as.mov(x86::rcx, jit(offsetof(JitRegisters, translator)));
    as.call(x86::rax);
    for (std::size_t i = 0; i < kCallerSaved; ++i) as.mov(kSaved[i], frame(offsetof(SlowFrame, gpr) + 8 * i));
    for (unsigned i = 2; i < 16; ++i) as.movss(x86::xmm(i), fp_slot(i));
    as.add(x86::rsp, kFpFrame);
    as.ret();

    if (!place(code, base, kThunkBytes)) return false;
    const auto at = [&](const Label& label) -> const void* { return base + code.labelOffset(label); };
    thunks_ = {.enter = at(enter),
               .exit_continue = at(exit_continue),
               .exit_interpret = at(exit_interpret),
               .exit_budget = at(exit_budget),
               .exit_link = at(exit_link),
               .exit_call = at(exit_call),
               .go_on = at(go_on),
               .slow = at(slow),
               .slow_fp = at(slow_fp),
               .native = at(native),
               .resume = at(resume_thunk),
               .return_miss = at(return_miss),
               .find_return = at(find_return),
               .spill_window = at(spill_thunk),
               .reload_window = at(reload_thunk),
               .jump_miss = at(jump_miss),
               .fp = at(fp)};
    for (std::size_t i = 0; i < rotations.size(); ++i)
      if (rotations[i].isValid()) thunks_.rotate[i] = at(rotations[i]);
    return true;
  }

  std::unique_ptr<Translation> translate(const Region& region, Translator& translator) override {
    CodeArena& arena = translator.arena();
    std::uint8_t* const base = arena.allocate(0);
    CodeHolder code;
    if (base == nullptr ||
        code.init(asmjit::Environment::host(), reinterpret_cast<std::uint64_t>(base)) != kErrorOk)
      return nullptr;
    Emitter emitter(region, translator, thunks_, features_, layout_, code);
    emitter.emit();
    if (code.flatten() != kErrorOk || code.resolveUnresolvedLinks() != kErrorOk) return nullptr;
    const std::size_t size = code.codeSize();
    if (arena.allocate(size) != base || !place(code, base, size)) return nullptr;
    return emitter.finish(base, size);
  }

  void run(const void* host, JitRegisters&) override {
    reinterpret_cast<void (*)(const void*, State*)>(const_cast<void*>(thunks_.enter))(
        host, &translator_.core().state());
  }

  const void* return_miss() const override { return thunks_.return_miss; }

  const void* jump_miss() const override { return thunks_.jump_miss; }

  void patch_jump(std::uint8_t* at, const void* host) override { put_relative(at, 0xe9, host); }

  void patch_call(std::uint8_t* at, const void* host) override { put_relative(at, 0xe8, host); }

  std::uint8_t* patch_access(std::uint8_t* at, unsigned length, bool fp) override {
    put_relative(at, 0xe8, fp ? thunks_.slow_fp : thunks_.slow);
    for (unsigned i = kCallBytes; i < length; ++i) at[i] = 0x90;
    return at + kCallBytes;
  }

 private:
  static constexpr std::size_t kThunkBytes = 12 * 1024;
  static constexpr unsigned kCallBytes = 5;

  static void put_relative(std::uint8_t* at, std::uint8_t opcode, const void* host) {
    const auto distance =
        static_cast<std::int32_t>(static_cast<const std::uint8_t*>(host) - (at + kCallBytes));
    at[0] = opcode;
    std::memcpy(at + 1, &distance, sizeof distance);
  }

  static bool place(CodeHolder& code, std::uint8_t* base, std::size_t size) {
    if (code.flatten() != kErrorOk || code.resolveUnresolvedLinks() != kErrorOk) return false;
    if (code.hasUnresolvedLinks()) return false;
    if (code.relocateToBase(reinterpret_cast<std::uint64_t>(base)) != kErrorOk) return false;
    return code.codeSize() <= size && code.copyFlattenedData(base, size) == kErrorOk;
  }

  Translator& translator_;
  Layout layout_;
  HostFeatures features_;
  Thunks thunks_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(Translator& translator) {
#if !defined(__x86_64__)
  return (void)translator, nullptr;  // there is no other backend yet
#else
  auto backend = std::make_unique<X64Backend>(translator);
  if (!backend->make_thunks()) return nullptr;
  return backend;
#endif
}

}  // namespace espalier::xtensa::jit
