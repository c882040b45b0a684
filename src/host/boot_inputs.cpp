#include "host/boot_inputs.h"

#include <fmt/format.h>

#include <utility>

#include "esp32/chip.h"
#include "host/demo_image.h"
#include "image/file.h"

namespace espalier::host {

std::expected<image::FlashImage, std::string> load_image(const SessionOptions& options) {
  const image::FlashImageOptions how{.flash_size = options.flash_size};
  if (options.any_flash && options.image.empty() && !options.demo) {
    const std::uint32_t size = options.flash_size.value_or(4u << 20);
    return image::flash_image_from_bytes(image::Bytes(size, 0xff), "the blank flash", how);
  }
  if (!options.demo) return image::load_flash_image(options.image, how);
  const auto demo = demo_image();
  return image::flash_image_from_bytes(image::Bytes(demo.begin(), demo.end()), "the demo guest", how);
}

std::expected<devices::EfuseValues, std::string> load_efuses(const SessionOptions& options) {
  devices::EfuseValues values = devices::factory_efuses(esp32::kDefaultMac);
  if (!options.efuse.empty()) {
    const auto bytes = image::read_file(options.efuse);
    if (!bytes) return std::unexpected(bytes.error());
    const auto parsed = devices::parse_efuse_file(*bytes);
    if (!parsed) return std::unexpected(fmt::format("{}: {}", options.efuse, parsed.error()));
    values = *parsed;
  }
  if (options.mac) devices::set_mac(values, *options.mac);
  constexpr std::uint32_t kDisableAppCpu = 1;  // EFUSE_RD_CHIP_VER_DIS_APP_CPU in BLK0_RDATA3
  if (options.cpus == 1) values[3] |= kDisableAppCpu;
  return values;
}

std::expected<std::shared_ptr<const esp32::SharedRom>, std::string> load_rom(const SessionOptions& options) {
  if (options.rom.empty()) return std::make_shared<esp32::SharedRom>(rom::Rom());
  auto rom = rom::Rom::load_file(options.rom);
  if (!rom) return std::unexpected(rom.error());
  return std::make_shared<esp32::SharedRom>(std::move(*rom));
}

}  // namespace espalier::host
