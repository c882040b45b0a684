#include "host/init_process.h"

#include <unistd.h>

#include <csignal>

namespace espalier::host {

bool is_init_process() {
  return getpid() == 1;
}

void reap_orphans() {
  if (!is_init_process()) return;
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  action.sa_flags = SA_NOCLDWAIT;
  sigaction(SIGCHLD, &action, nullptr);
}

}  // namespace espalier::host
