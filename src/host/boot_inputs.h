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
// What a machine's eFuses hold at first, and what of that is from the file: the rest is not written to it.
struct BootEfuses {
  devices::EfuseValues values{};
  devices::EfuseValues file{};  // zeros without one

  // What belongs into the file once the machine has burnt its eFuses to `burnt`.
  devices::EfuseValues to_keep(const devices::EfuseValues& burnt) const;
};
// The file's eFuses or a new chip's, with what the options say of MAC address and cores. Files that QEMU's
// users make (idf.py, pytest-embedded) lack what every chip has from its factory: where there is no MAC
// address or no frequency of the fast RC oscillator they are a new chip's.
std::expected<BootEfuses, std::string> load_efuses(const SessionOptions& options);
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
