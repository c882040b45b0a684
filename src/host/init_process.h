// What process 1 of a container has to do besides its work. Signals: host/signal_watch.h.
#pragma once

namespace espalier::host {

// Whether this is the first process of its PID namespace: with its end all others there are killed.
bool is_init_process();

// As process 1, lets the kernel forget orphans that end, which are its children then: nobody waits for them,
// and they would be kept as zombies. Not for a program that waits for children of its own.
void reap_orphans();

}  // namespace espalier::host
