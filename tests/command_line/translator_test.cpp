// What a user meets of the translator: a host that forbids it, and the map that it writes for perf.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "run_espalier.h"
#include "xtensa/core.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::vector<std::string> kBoot = {"run",  "--demo",  "--net",     "none",    "--clock",
                                        "warp", "--until", "link down", "--engine"};

std::vector<std::string> boot_with(std::initializer_list<std::string> more) {
  std::vector<std::string> arguments = kBoot;
  arguments.insert(arguments.end(), more);
  return arguments;
}

// As SELinux's execmem, systemd's MemoryDenyWriteExecute or PR_SET_MDWE have it: no memory that can be both
// written and executed.
bool forbid_executable_memory() {
#if defined(__x86_64__)
  constexpr std::uint32_t kBoth = PROT_WRITE | PROT_EXEC;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      // The dynamic linker's own mappings are executable, but not writable.
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kBoth),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kBoth, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
#else
  return false;
#endif
}

TEST(Translator, AHostThatForbidsExecutableMemoryGetsTheInterpreterAndOneLine) {
  const Outcome forbidden = espalier(boot_with({"jit"}), forbid_executable_memory);
  if (forbidden.code == kNotRun) GTEST_SKIP() << "this host has no seccomp filters";
  const Outcome usual = espalier(boot_with({"interp"}));
  EXPECT_EQ(forbidden.code, 0);
  EXPECT_EQ(forbidden.output, usual.output);
  EXPECT_THAT(forbidden.output, HasSubstr("link down"));
  EXPECT_EQ(usual.errors, "");
  EXPECT_THAT(forbidden.errors,
              HasSubstr("the interpreter executes all of it: this host allows no executable"));
  EXPECT_EQ(std::ranges::count(forbidden.errors, '\n'), 1) << forbidden.errors;
}

TEST(Translator, PerfMapHasALineForEachTranslation) {
  if (xtensa::kDefaultEngine != xtensa::Engine::kJit) GTEST_SKIP() << "nothing is translated on this host";
  const Outcome outcome = espalier(boot_with({"jit", "--perf-map", "--stats"}));
  const fs::path path = "/tmp/perf-" + std::to_string(outcome.pid) + ".map";
  ASSERT_TRUE(fs::exists(path)) << outcome.errors;
  std::ifstream file(path);
  unsigned lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream fields(line);
    std::uint64_t address = 0, size = 0;
    std::uint32_t pc = 0;
    std::string name;
    fields >> std::hex >> address >> size >> name;
    std::istringstream(name) >> std::hex >> pc;
    EXPECT_NE(address, 0u) << line;
    EXPECT_NE(size, 0u) << line;
    EXPECT_GE(pc, 0x40000000u) << line;
    EXPECT_LT(pc, 0x50002000u) << line;
  }
  fs::remove(path);
  EXPECT_GT(lines, 0u);
  EXPECT_THAT(outcome.errors, testing::ContainsRegex("regions translated +" + std::to_string(lines) + "\n"));
}

}  // namespace
}  // namespace espalier
