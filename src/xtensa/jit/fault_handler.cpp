#include "xtensa/jit/fault_handler.h"

#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <mutex>

#include "xtensa/jit/translator.h"

namespace espalier::xtensa::jit {
namespace {

// A signal handler has no other way to know what its thread is doing.
thread_local Translator* running = nullptr;
struct sigaction previous_segv, previous_bus;

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& previous = signal == SIGSEGV ? previous_segv : previous_bus;
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The access happens again, and ends the process as it should.
    sigaction(signal, &previous, nullptr);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
#if defined(__x86_64__)
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  auto* const host = reinterpret_cast<std::uint8_t*>(registers[REG_RIP]);
  constexpr greg_t kWrite = 2;  // of the page fault's error code
  if (running != nullptr && running->resolve(host, info->si_addr, (registers[REG_ERR] & kWrite) != 0)) return;
#endif
  pass_on(signal, info, context);
}

}  // namespace

void install_fault_handler() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGSEGV, SIGBUS}) {
    struct sigaction present;
    sigaction(signal, nullptr, &present);
    if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_fault) continue;
    (signal == SIGSEGV ? previous_segv : previous_bus) = present;
    sigaction(signal, &action, nullptr);
  }
}

RunningTranslator::RunningTranslator(Translator& translator) : previous_(running) {
  running = &translator;
}

RunningTranslator::~RunningTranslator() {
  running = previous_;
}

}  // namespace espalier::xtensa::jit
