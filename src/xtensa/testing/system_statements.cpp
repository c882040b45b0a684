#include "xtensa/testing/system_statements.h"

#include <array>
#include <iterator>

#include "xtensa/registers.h"

namespace espalier::xtensa::testing {
namespace {

constexpr std::int64_t number(Sr sr) {
  return static_cast<std::int64_t>(sr);
}
constexpr std::int64_t number(Sr first, unsigned n) {
  return number(first) + n;
}

std::uint32_t some_ps(Random& random) {
  return kPsWoe | (random.chance(70) ? kPsUm : 0) | (random.chance(20) ? random.below(7) : 0) |
         random.below(4) << kPsCallincShift | (random.chance(5) ? kPsExcm : 0);
}

void write(ProgramBuilder& b, Sr sr, std::uint32_t value) {
  const unsigned a = b.temporary();
  b.load_number(a, static_cast<std::int32_t>(value));
  b.emit(Op::WSR, {a, number(sr)});
}

void write_address(ProgramBuilder& b, std::int64_t sr, Label label) {
  const unsigned a = b.temporary();
  b.load_address(a, label);
  b.emit(Op::WSR, {a, sr});
}

// Any label there is so far, or the place right here.
Label some_label(ProgramBuilder& b) {
  const auto count = static_cast<std::uint32_t>(b.program.labels.size());
  return b.random.chance(50) ? b.here() : b.random.below(count);
}

void harmless(ProgramBuilder& b) {
  static constexpr Sr kHarmless[] = {
      Sr::SAR,    Sr::BR,         Sr::SCOMPARE1, Sr::ACCLO,    Sr::ACCHI, Sr::M0,       Sr::M1,
      Sr::M2,     Sr::M3,         Sr::DDR,       Sr::EPC1,     Sr::EPC4,  Sr::EPS2,     Sr::EPS6,
      Sr::DEPC,   Sr::MISC0,      Sr::EXCCAUSE,  Sr::EXCVADDR, Sr::MISC3, Sr::EXCSAVE1, Sr::EXCSAVE7,
      Sr::CCOUNT, Sr::DEBUGCAUSE, Sr::MEMCTL,    Sr::SAR,      Sr::BR};
  const Sr sr = b.random.pick(kHarmless);
  const unsigned a = b.temporary();
  b.emit(b.random.pick({Op::WSR, Op::XSR}), {a, number(sr)});
}

// RSR of whatever there is.
void read(ProgramBuilder& b) {
  if (b.random.chance(30)) {
    b.emit(Op::RSR, {b.temporary(), number(Sr::CCOUNT)});
  } else {
    b.emit_random(Op::RSR, b.registers());
  }
}

void interrupts(ProgramBuilder& b) {
  Random& random = b.random;
  switch (random.below(5)) {
    case 0:
      write(b, Sr::INTENABLE, random.chance(80) ? random.next() | 0x20018040 : 0);
      return;
    case 1:
      write(b, Sr::INTERRUPT, random.pick({0x80u, 0x20000000u, 0x20000080u, 0xffffffffu}));
      return;
    case 2:
      write(b, Sr::INTCLEAR, random.next());
      return;
    default: {
      const unsigned a = b.temporary();
      b.emit(Op::RSR, {a, number(Sr::CCOUNT)});
      b.emit(Op::ADDI, {a, a, random.between(1, 127)});
      b.emit(Op::WSR, {a, number(Sr::CCOMPARE0, random.below(3))});
      return;
    }
  }
}

void processor_state(ProgramBuilder& b) {
  Random& random = b.random;
  const unsigned a = b.temporary();
  switch (random.below(4)) {
    case 0:
      b.emit(Op::RSIL, {a, random.below(random.chance(80) ? 4 : 16)});
      if (random.chance(60)) {
        b.emit_random(random.pick(ops_of(Group::kInteger)), b.registers());
        b.emit(Op::WSR, {a, number(Sr::PS)});
      }
      return;
    case 1:
      b.emit(Op::RSIL, {a, 0});
      return;
    case 2:
      write(b, Sr::PS, some_ps(random));
      return;
    default:
      b.emit(Op::RSR, {a, number(Sr::PS)});
      b.emit(random.pick({Op::WSR, Op::XSR}), {a, number(Sr::PS)});
      return;
  }
}

void loop_registers(ProgramBuilder& b) {
  Random& random = b.random;
  switch (random.below(4)) {
    case 0:
      write_address(b, number(Sr::LBEG), some_label(b));
      return;
    case 1: {
      // Behind an instruction that comes soon.
      const Label end = b.program.new_label();
      write_address(b, number(Sr::LEND), end);
      for (unsigned i = random.below(3); i != 0; --i)
        b.emit_random(random.pick(ops_of(Group::kInteger)), b.registers());
      b.place(end);
      return;
    }
    case 2:
      write(b, Sr::LCOUNT, random.below(6));
      return;
    default:
      b.emit(Op::XSR, {b.temporary(), number(random.pick({Sr::LCOUNT, Sr::LBEG, Sr::LEND}))});
      return;
  }
}

void windows(ProgramBuilder& b) {
  Random& random = b.random;
  const unsigned a = b.temporary();
  switch (random.below(5)) {
    case 0: {
      const auto by = static_cast<std::int64_t>(random.between(1, 3));
      b.emit(Op::ROTW, {by});
      if (random.chance(70)) b.emit_random(random.pick(ops_of(Group::kBoolean)), b.registers());
      b.emit(Op::ROTW, {-by});
      return;
    }
    case 1:
      b.emit(Op::RSR, {a, number(Sr::WINDOWBASE)});
      if (random.chance(20)) b.emit(Op::ADDI, {a, a, 1});
      b.emit(Op::WSR, {a, number(Sr::WINDOWBASE)});
      return;
    case 2:
      b.emit(Op::RSR, {a, number(Sr::WINDOWSTART)});
      if (random.chance(20)) b.emit(Op::ADDI, {a, a, random.between(1, 64)});
      b.emit(random.pick({Op::WSR, Op::XSR}), {a, number(Sr::WINDOWSTART)});
      return;
    case 3:
      b.emit(Op::MOVSP, {a, random.below(16)});
      return;
    default:
      b.emit_random(random.pick({Op::L32E, Op::S32E}), b.registers());
      return;
  }
}

void breakpoints(ProgramBuilder& b) {
  Random& random = b.random;
  switch (random.below(3)) {
    case 0: {
      const unsigned n = random.below(2);
      write_address(b, number(Sr::IBREAKA0, n), some_label(b));
      write(b, Sr::IBREAKENABLE, random.between(0, 3));
      return;
    }
    case 1: {
      const unsigned n = random.below(2);
      const unsigned a = b.temporary();
      b.emit(Op::ADDI, {a, 2, random.between(0, 127)});
      b.emit(Op::WSR, {a, number(Sr::DBREAKA0, n)});
      b.load_literal(
          a, random.pick({0x40000000u, 0x80000000u, 0xc0000000u}) | random.pick({0x3fu, 0x3cu, 0x30u, 0u}));
      b.emit(Op::WSR, {a, number(Sr::DBREAKC0, n)});
      return;
    }
    default:
      write(b, Sr::ICOUNT, 0u - random.between(1, 40));
      write(b, Sr::ICOUNTLEVEL, random.between(0, 7));
      return;
  }
}

// RFE and its like, to the place behind them.
void return_from(ProgramBuilder& b) {
  Random& random = b.random;
  const Label behind = b.program.new_label();
  switch (random.below(3)) {
    case 0:
      write_address(b, number(Sr::EPC1), behind);
      b.emit(Op::RFE);
      break;
    case 1:
      write_address(b, number(Sr::DEPC), behind);
      b.emit(Op::RFDE);
      break;
    default: {
      const unsigned level = random.between(2, 7);
      write_address(b, number(Sr::EPC1, level - 1), behind);
      write(b, static_cast<Sr>(number(Sr::EPS2, level - 2)), some_ps(random));
      b.emit(Op::RFI, {level});
      break;
    }
  }
  b.place(behind);
}

void region(ProgramBuilder& b) {
  b.emit_random(b.random.pick(ops_of(Group::kRegion)), b.registers());
}

void illegal(ProgramBuilder& b) {
  Random& random = b.random;
  if (random.chance(80)) {
    b.emit_random(random.pick(ops_of(Group::kIllegal)), b.registers());
  } else {
    b.emit_word(random.next(), random.pick({2u, 3u}));
  }
}

void divide_by_zero(ProgramBuilder& b) {
  const unsigned a = b.temporary();
  b.emit(Op::MOVI_N, {a, 0});
  b.emit(b.random.pick(ops_of(Group::kDivide)), {b.temporary(), b.random.below(16), a});
}

void coprocessor(ProgramBuilder& b) {
  write(b, Sr::CPENABLE, b.random.chance(60) ? 0 : b.random.below(256));
}

void vectors(ProgramBuilder& b) {
  write(b, Sr::VECBASE, kVectors + (b.random.chance(50) ? 0x1000 : 0));
}

void wait(ProgramBuilder& b) {
  b.emit(Op::WAITI, {b.random.below(3)});
}

void atomics(ProgramBuilder& b) {
  write(b, Sr::ATOMCTL, b.random.below(64));
}

// Whatever the table has, with whatever is in the registers.
void anything(ProgramBuilder& b) {
  b.emit_random(b.random.pick(ops_of(Group::kControl)), b.registers());
}

struct Row {
  unsigned weight;
  void (*make)(ProgramBuilder&);
};

template <std::size_t N>
void one_of(ProgramBuilder& b, const Row (&rows)[N]) {
  std::array<unsigned, N> weights{};
  for (std::size_t i = 0; i < N; ++i) weights[i] = rows[i].weight;
  rows[b.random.weighted(weights)].make(b);
}

}  // namespace

void special_register_statement(ProgramBuilder& b) {
  static constexpr Row kRows[] = {
      {8, &harmless}, {8, &read}, {5, &interrupts}, {3, &processor_state}, {2, &loop_registers}};
  one_of(b, kRows);
}

void system_statement(ProgramBuilder& b) {
  static constexpr Row kRows[] = {{4, &windows}, {3, &breakpoints},    {3, &return_from}, {3, &region},
                                  {4, &illegal}, {2, &divide_by_zero}, {2, &coprocessor}, {2, &vectors},
                                  {2, &wait},    {1, &atomics},        {1, &anything}};
  one_of(b, kRows);
}

}  // namespace espalier::xtensa::testing
