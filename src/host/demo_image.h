// The guest that `run --demo` boots: guest/http_server, packed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace espalier::host {

// What messages and snapshots call it.
inline constexpr std::string_view kDemoName = "the demo guest";

// guest/http_server/http_server.bin: flash from image::kBootloaderOffset (0x1000) on, so what
// image::flash_image_from_bytes() takes as it is.
std::span<const std::uint8_t> demo_image();

}  // namespace espalier::host
