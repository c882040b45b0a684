// Calls of the host's that are not expected to fail.
#pragma once

#include <cerrno>
#include <system_error>

namespace espalier::esp32 {

// `what`: what the call was for. Throws with errno's text where it has failed.
inline void check(bool ok, const char* what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace espalier::esp32
