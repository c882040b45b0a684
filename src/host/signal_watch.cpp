#include "host/signal_watch.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cassert>

#include "host/init_process.h"

namespace espalier::host {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

// A signal handler reaches nothing but globals: signals belong to the process, not to a machine.
std::atomic<int> g_signal{0};
std::atomic<base::EventLoop*> g_loop{nullptr};

void on_signal(int signal) {
  // A second one is not held up by whatever the first started. To process 1 SIG_DFL means nothing.
  if (g_signal.exchange(signal) != 0) {
    if (is_init_process()) _exit(128 + signal);
    std::signal(signal, SIG_DFL);
    raise(signal);  // comes when this handler returns
    return;
  }
  if (base::EventLoop* loop = g_loop) loop->wake();
}

}  // namespace

SignalWatch::SignalWatch(base::EventLoop& loop) {
  assert(!g_loop);
  g_signal = 0;
  g_loop = &loop;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  for (int s : kSignals) sigaction(s, &action, nullptr);
}

SignalWatch::~SignalWatch() {
  for (int s : kSignals) std::signal(s, SIG_DFL);
  g_loop = nullptr;
}

int SignalWatch::signal() const {
  return g_signal;
}

}  // namespace espalier::host
