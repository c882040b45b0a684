// info mtree and info qtree: the address space and the devices.
#pragma once

#include <string>

#include "esp32/machine.h"

namespace espalier::host {

// The address space, a region a line, by address; in QEMU's form.
std::string memory_tree(esp32::Machine& machine);
// The devices with their registers' addresses and sizes; in QEMU's form.
std::string device_tree(const esp32::Machine& machine);

}  // namespace espalier::host
