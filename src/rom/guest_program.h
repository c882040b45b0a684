// The guest code of the built-in ROM as a program of its own, for the names of its functions.
#pragma once

#include "image/elf.h"

namespace espalier::rom {

// rom.elf: what was built from rom/guest. Its functions lie elsewhere than the published ones, within the
// range of other names of symbols.def.
image::ElfFile guest_program();

}  // namespace espalier::rom
