// What people are told of the cores by.
#pragma once

#include <array>
#include <string_view>

namespace espalier::debug {

// By the core's number; the ESP32 Technical Reference Manual's names.
inline constexpr std::array<std::string_view, 2> kCoreNames = {"PRO CPU", "APP CPU"};

}  // namespace espalier::debug
