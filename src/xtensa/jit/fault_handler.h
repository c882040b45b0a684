// Guest accesses that the host's memory refuses: SIGSEGV within translated code.
#pragma once

namespace espalier::xtensa::jit {

class Translator;

// For the process; signals that no translated code has caused go to whoever handled them before.
void install_fault_handler();

// While it lives, faults on this thread may come from the translator's code.
class RunningTranslator {
 public:
  explicit RunningTranslator(Translator& translator);
  ~RunningTranslator();
  RunningTranslator(const RunningTranslator&) = delete;
  RunningTranslator& operator=(const RunningTranslator&) = delete;

 private:
  Translator* previous_;
};

}  // namespace espalier::xtensa::jit
