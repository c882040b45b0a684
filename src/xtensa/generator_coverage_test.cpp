// What random programs are good for is what they do: every instruction, every exception, every vector, and
// not just once in a while.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>

#include "xtensa/decoder.h"
#include "xtensa/instruction_table.h"
#include "xtensa/testing/assembler.h"
#include "xtensa/testing/program_generator.h"
#include "xtensa/testing/random_run.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa {
namespace {

using testing::Image;
using testing::kCode;
using testing::kMixed;
using testing::kVectors;
using testing::RandomProgram;
using testing::RandomRun;

struct Seen {
  std::array<unsigned, kInstructionCount + 1> ops{};  // executed outside of the vectors
  std::map<std::string, unsigned> vectors;            // entered
  std::map<unsigned, unsigned> causes;
  unsigned loops = 0;  // to LBEG from LEND
  unsigned natives = 0, stops = 0;
  unsigned hot = 0;      // programs in which some instruction was executed 50 times
  unsigned changed = 0;  // programs in which code was changed that had been executed
  std::uint64_t instructions = 0;
};

const char* vector_name(std::uint32_t offset) {
  switch (offset) {
    case kVecWindowOverflow4:
      return "overflow4";
    case kVecWindowUnderflow4:
      return "underflow4";
    case kVecWindowOverflow8:
      return "overflow8";
    case kVecWindowUnderflow8:
      return "underflow8";
    case kVecWindowOverflow12:
      return "overflow12";
    case kVecWindowUnderflow12:
      return "underflow12";
    case kVecLevel2:
      return "level2";
    case kVecLevel3:
      return "level3";
    case kVecLevel4:
      return "level4";
    case kVecLevel5:
      return "level5";
    case kVecDebug:
      return "debug";
    case kVecNmi:
      return "nmi";
    case kVecKernel:
      return "kernel";
    case kVecUser:
      return "user";
    case kVecDouble:
      return "double";
    default:
      return nullptr;
  }
}

void watch(const RandomProgram& program, Seen& seen) {
  const Image image = layout(program);
  static RandomRun run;
  run.start(program, image, {});
  testing::TestMachine& machine = run.machine();
  testing::Random random(0);
  std::map<std::uint32_t, unsigned> counts;
  std::map<std::uint32_t, std::uint32_t> words;
  bool hot = false, changed = false;
  while (!run.finished() && run.now() < program.instructions) {
    const std::uint32_t pc = machine.state().pc;
    const bool code = pc - kCode < 0x4000 || pc - kMixed < 0x4000;
    if (code) {
      const std::uint8_t* const bytes = &machine.byte(pc);
      const std::uint32_t word = bytes[0] | bytes[1] << 8 | bytes[2] << 16;
      ++seen.ops[static_cast<std::size_t>(decode(pc, word).op)];
      hot = hot || ++counts[pc] == 50;
      const auto [at, added] = words.emplace(pc, word);
      changed = changed || (!added && at->second != word);
      at->second = word;
    }
    const std::uint32_t lend = machine.state().lend, lcount = machine.state().lcount;
    run.advance(run.now() + 1, testing::Slicing::kSingle, random);
    const std::uint32_t next = machine.state().pc;
    if (machine.state().lcount + 1 == lcount && next == machine.state().lbeg && lend != 0) ++seen.loops;
    // An interrupt is taken and the first instruction of its handler executed in one step.
    if (next - kVectors < 0x2000 && next >> 6 != pc >> 6) {
      if (const char* name = vector_name((next - kVectors) & 0xfc0)) {
        ++seen.vectors[name];
        const std::string_view kind = name;
        if (kind == "user" || kind == "kernel" || kind == "double") ++seen.causes[machine.state().exccause];
      }
    }
  }
  seen.instructions += run.now();
  seen.hot += hot;
  seen.changed += changed;
  seen.stops += run.requested();
  for (const testing::LogEntry& entry : run.log())
    seen.natives += entry.kind == testing::LogEntry::Kind::kNative;
}

TEST(ProgramGenerator, ProgramsDoEverythingOften) {
  constexpr unsigned kPrograms = 3000, kOften = 10;
  Seen seen;
  for (std::uint64_t seed = 0; seed < kPrograms; ++seed) watch(testing::generate_program(seed), seen);
  std::string few;
  for (const InstructionRow& row : kInstructionTable) {
    if (seen.ops[static_cast<std::size_t>(row.op)] < kOften) few += std::string(row.mnemonic) + " ";
  }
  EXPECT_EQ(few, "");
  EXPECT_GE(seen.ops[kInstructionCount], kOften) << "words that are no instruction";
  for (std::uint32_t offset = 0; offset < 0x400; offset += 0x40) {
    const char* const name = vector_name(offset);
    EXPECT_GE(name == nullptr ? kOften : seen.vectors[name], kOften) << name;
  }
  for (const Cause cause :
       {Cause::kIllegalInstruction, Cause::kSyscall, Cause::kLoadStoreError, Cause::kLevel1Interrupt,
        Cause::kAlloca, Cause::kIntegerDivideByZero, Cause::kLoadStoreAlignment,
        Cause::kLoadStorePifDataError, Cause::kInstFetchProhibited, Cause::kLoadProhibited,
        Cause::kStoreProhibited, Cause::kCoprocessor0Disabled}) {
    EXPECT_GE(seen.causes[static_cast<unsigned>(cause)], kOften) << static_cast<unsigned>(cause);
  }
  EXPECT_GE(seen.loops, 10 * kPrograms);
  EXPECT_GE(seen.hot, kPrograms / 3);
  EXPECT_GE(seen.changed, kPrograms / 10);
  EXPECT_GE(seen.natives, kPrograms / 3);
  EXPECT_GE(seen.stops, kPrograms / 3);
  EXPECT_GE(seen.instructions, 700 * kPrograms);
}

TEST(ProgramGenerator, ASeedIsAProgram) {
  for (const std::uint64_t seed : {1u, 2u, 1'000'000u}) {
    const RandomProgram a = testing::generate_program(seed), b = testing::generate_program(seed);
    EXPECT_EQ(to_text(a), to_text(b));
    EXPECT_NE(to_text(a), to_text(testing::generate_program(seed + 1)));
  }
}

// What a report shows can be put into a test as it is.
TEST(ProgramGenerator, TheTextAssemblesToTheProgram) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const RandomProgram program = testing::generate_program(seed);
    const testing::Program assembled = testing::assemble(to_text(program), program.base);
    EXPECT_EQ(assembled.bytes, layout(program).bytes) << to_text(program);
  }
}

}  // namespace
}  // namespace espalier::xtensa
