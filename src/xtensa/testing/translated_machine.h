// A machine whose code is translated at once, for tests of the translator.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

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

  TestMachine machine_;
};

}  // namespace espalier::xtensa::testing
