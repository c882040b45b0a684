// What a machine boots with, read from the files that its options name. Each error is one line that names the
// file.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "devices/efuse_values.h"
#include "esp32/machine.h"
#include "esp32/snapshot.h"
#include "host/session_options.h"
#include "image/flash_image.h"

namespace espalier::host {

// The flash: the image or build folder, or the built-in guest; padded to the flash's size.
std::expected<image::FlashImage, std::string> load_image(const SessionOptions& options);
// The file's eFuses or a new chip's, with what the options say of MAC address and cores.
std::expected<devices::EfuseValues, std::string> load_efuses(const SessionOptions& options);
// The ROM that a file holds, or the built-in one.
std::expected<std::shared_ptr<const esp32::SharedRom>, std::string> load_rom(const SessionOptions& options);

// What any number of machines can share: loaded once, it may be handed to each by SessionOptions::inputs.
struct BootInputs {
  std::shared_ptr<const esp32::SharedRom> rom;
  image::FlashImage image;  // its name, file and so on; `bytes` is empty
  std::shared_ptr<const devices::FlashImage> flash;
  std::shared_ptr<const esp32::Snapshot> snapshot;  // the machine goes on from there; null: it is booted
};
std::expected<std::shared_ptr<const BootInputs>, std::string> load_inputs(const SessionOptions& options);

// A snapshot's file.
std::expected<std::shared_ptr<const esp32::Snapshot>, std::string> load_snapshot(const std::string& path);
// Whether `path` is a file that begins as a snapshot does.
bool is_snapshot(const std::string& path);

}  // namespace espalier::host
