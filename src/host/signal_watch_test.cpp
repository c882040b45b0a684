#include "host/signal_watch.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "host/init_process.h"

namespace espalier::host {
namespace {

constexpr int kCannot = 77;

// Calls `task` as process 1 of a PID namespace, and returns how that process has ended, as waitpid() says it.
template <class Task>
int as_init(Task task) {
  const pid_t outer = fork();
  if (outer == 0) {
    if (unshare(CLONE_NEWPID | (getuid() != 0 ? CLONE_NEWUSER : 0)) != 0) _exit(kCannot);
    const pid_t inner = fork();
    if (inner == 0) _exit(is_init_process() ? task() : kCannot);
    int status = 0;
    if (inner < 0 || waitpid(inner, &status, 0) != inner) _exit(kCannot);
    if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
    raise(WTERMSIG(status));
    _exit(kCannot);
  }
  int status = 0;
  waitpid(outer, &status, 0);
  return status;
}

int two_signals() {
  base::EventLoop loop;
  const SignalWatch watch(loop);
  raise(SIGTERM);
  if (watch.signal() != SIGTERM) return 1;
  raise(SIGTERM);
  return 2;
}

TEST(SignalWatch, TheSecondSignalEndsTheProcess) {
  EXPECT_EXIT(two_signals(), testing::KilledBySignal(SIGTERM), "");
}

TEST(SignalWatch, AndProcess1) {
  const int status = as_init(two_signals);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "no PID namespaces here";
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}

// 0 if a child's end leaves nothing to wait for.
int ends_of_children() {
  reap_orphans();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  errno = 0;
  return waitpid(child, nullptr, 0) < 0 && errno == ECHILD ? 0 : 1;
}

TEST(InitProcess, KeepsNoZombies) {
  const int status = as_init(ends_of_children);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(status, 0);
}

TEST(InitProcess, OthersWaitForTheirChildren) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(ends_of_children());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

}  // namespace
}  // namespace espalier::host
