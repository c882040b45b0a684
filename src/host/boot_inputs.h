// What a machine boots with, read from the files that its options name. Each error is one line that names the
// file.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "devices/efuse_values.h"
#include "esp32/machine.h"
#include "host/session_options.h"
#include "image/flash_image.h"

namespace espalier::host {

// The flash: the image or build folder, or the built-in guest; padded to the flash's size.
std::expected<image::FlashImage, std::string> load_image(const SessionOptions& options);
// The file's eFuses or a new chip's, with what the options say of MAC address and cores.
std::expected<devices::EfuseValues, std::string> load_efuses(const SessionOptions& options);
// The ROM that a file holds, or the built-in one.
std::expected<std::shared_ptr<const esp32::SharedRom>, std::string> load_rom(const SessionOptions& options);

}  // namespace espalier::host
