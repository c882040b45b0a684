// A machine whose code is translated at once, for tests of the translator.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "xtensa/jit/region.h"
#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa::testing {

class TranslatedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!machine_.core().set_engine(Engine::kJit)) GTEST_SKIP() << "nothing is translated on this host";
    machine_.core().set_jit_threshold(1);
    machine_.write(kVectors, assemble(kVectorProgram, kVectors).bytes);
    machine_.state().ps = kPsWoe | kPsUm;
  }
  Program start(std::string_view text) { return machine_.load_program(text); }
  // The machine's memory as code, of which nothing more is known.
  jit::CodeSource code_source() {
    return {.fetch =
                [this](std::uint32_t pc, std::uint32_t& word) {
                  const std::uint32_t at = pc & ~3u;
                  const std::uint64_t two = machine_.read32(at) | std::uint64_t{machine_.read32(at + 4)}
                                                                      << 32;
                  word = static_cast<std::uint32_t>(two >> 8 * (pc & 3));
                  return true;
                },
            .is_native = [](std::uint32_t) { return false; },
            .is_breakpoint = [](std::uint32_t) { return false; },
            .is_loop_end = [](std::uint32_t) { return false; },
            .add_loop_end = [](std::uint32_t) {},
            .literal = {}};
  }

  TestMachine machine_;
};

}  // namespace espalier::xtensa::testing
