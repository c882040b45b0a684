// What levels and areas of messages are called.
#pragma once

#include <string_view>

#include "base/log.h"

namespace espalier::base {

std::string_view name_of(LogLevel level);
std::string_view name_of(LogArea area);

}  // namespace espalier::base
