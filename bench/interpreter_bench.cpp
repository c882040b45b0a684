// How many guest instructions a second the interpreter runs, by kinds of code.
//   interpreter_bench [SECONDS-PER-KERNEL]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace {

using namespace espalier::xtensa;
using namespace espalier::xtensa::testing;

struct Kernel {
  const char* name;
  const char* program;  // runs for ever
};

constexpr Kernel kKernels[] = {
    {"arithmetic in a branch loop", R"(
      start:
        movi a2, 0
        movi a3, 1000
      again:
        add a4, a2, a3
        slli a5, a4, 3
        xor a6, a5, a2
        srli a7, a6, 5
        addx4 a2, a7, a3
        extui a8, a2, 4, 8
        add.n a2, a2, a8
        addi.n a3, a3, -1
        bnez a3, again
        j start
    )"},
    {"CRC-32, bit by bit", R"(
      start:
        movi a2, -1
        movi a3, 0x400
        movi a9, 0x1b7
        slli a9, a9, 20
      byte:
        extui a4, a3, 0, 8
        xor a2, a2, a4
        movi a5, 8
      bit:
        bbci a2, 0, even
        srli a2, a2, 1
        xor a2, a2, a9
        j next
      even:
        srli a2, a2, 1
      next:
        addi.n a5, a5, -1
        bnez a5, bit
        addi.n a3, a3, -1
        bnez a3, byte
        j start
    )"},
    {"memory copy in a zero-overhead loop", R"(
      start:
        mov.n a2, a14
        addmi a3, a14, 0x4000
        movi a4, 256
        loop a4, done
        l32i.n a5, a2, 0
        l32i.n a6, a2, 4
        s32i.n a5, a3, 0
        s32i.n a6, a3, 4
        addi a2, a2, 8
        addi a3, a3, 8
      done:
        j start
    )"},
    {"bytes: string length and compare", R"(
      start:
        mov.n a2, a14
        addmi a3, a14, 0x1000
        movi a4, 500
      again:
        l8ui a5, a2, 0
        l8ui a6, a3, 0
        bne a5, a6, start
        addi.n a2, a2, 1
        addi.n a3, a3, 1
        addi.n a4, a4, -1
        bnez a4, again
        j start
    )"},
    {"matrix: multiply and accumulate", R"(
      start:
        mov.n a2, a14
        addmi a3, a14, 0x1000
        movi a4, 64
        movi a5, 0
        loop a4, done
        l16si a6, a2, 0
        l16si a7, a3, 0
        mull a6, a6, a7
        add.n a5, a5, a6
        addi a2, a2, 2
        addi a3, a3, 32
      done:
        s32i a5, a14, 0x100
        j start
    )"},
    {"windowed calls without overflow", R"(
      start:
        mov.n a11, a2
        movi a10, 7
        call8 outer
        add a2, a2, a10
        j start
        .align 4
      outer:
        entry a1, 32
        mov.n a10, a2
        mov.n a11, a3
        call8 inner
        add a2, a10, a3
        retw.n
        .align 4
      inner:
        entry a1, 32
        addx2 a2, a2, a3
        retw.n
    )"},
    {"recursion with window overflows", R"(
      start:
        movi a10, 17
        call8 fib
        j start
        .align 4
      fib:
        entry a1, 32
        bgei a2, 2, more
        retw.n
      more:
        addi a10, a2, -1
        call8 fib
        addi a2, a2, -2
        mov.n a3, a10
        mov.n a10, a2
        call8 fib
        add.n a2, a3, a10
        retw.n
    )"},
    {"state machine with a jump table", R"(
      start:
        movi a2, 0
        movi a3, 0
      again:
        extui a4, a2, 0, 2
        addi.n a2, a2, 5
        l32r a5, table
        addx4 a5, a4, a5
        l32i a5, a5, 0
        jx a5
      s0:
        addi a3, a3, 1
        j again
      s1:
        bltz a3, s0
        addi a3, a3, -2
        j again
      s2:
        xor a3, a3, a2
        j again
      s3:
        srai a3, a3, 1
        j again
    )"},
    {"critical sections: RSIL and WSR.PS", R"(
      start:
        rsil a4, 3
        l32i a5, a14, 0
        addi a5, a5, 1
        s32i a5, a14, 0
        wsr.ps a4
        rsync
        rsr.prid a6
        extui a6, a6, 0, 8
        add a7, a6, a5
        j start
    )"},
    {"floating point: multiply and add", R"(
      start:
        const.s f1, 1
        const.s f2, 3
        movi a2, 100
      again:
        madd.s f3, f1, f2
        add.s f4, f3, f1
        mul.s f5, f4, f2
        sub.s f3, f5, f4
        addi.n a2, a2, -1
        bnez a2, again
        j start
    )"},
};

double run(const Kernel& kernel, double seconds) {
  TestMachine machine;
  machine.load_program(kVectorProgram, kVectors);
  // The jump table of those that have one lies before the code, where L32R reaches it.
  std::string text = kernel.program;
  if (text.find("table") != std::string::npos) {
    text =
        "j start\n.align 4\ntable: .word entries\nentries: .word s0\n.word s1\n.word s2\n.word s3\n" + text;
  }
  machine.load_program(text);
  State& state = machine.state();
  state.ps = kPsWoe;
  state.cpenable = 1;
  machine.core().set_a(1, kData + 0x20000);
  machine.core().set_a(14, kData);
  machine.write32(kData + 0x20000 - 12, kData + 0x20100);
  machine.core().run(1'000'000);
  // Time on the processor, so that a busy host does not count.
  const std::clock_t begin = std::clock();
  const std::uint64_t before = machine.core().instructions();
  double passed = 0;
  do {
    machine.core().run(1'000'000);
    passed = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  } while (passed < seconds);
  return static_cast<double>(machine.core().instructions() - before) / passed / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 0.5;
  double log_sum = 0;
  for (const Kernel& kernel : kKernels) {
    const double mips = run(kernel, seconds);
    log_sum += std::log(mips);
    std::printf("%-40s %8.1f million instructions/s\n", kernel.name, mips);
  }
  std::printf("%-40s %8.1f\n", "geometric mean", std::exp(log_sum / std::size(kKernels)));
  return 0;
}
