#include "host/boot_inputs.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <string_view>
#include <utility>

#include "esp32/chip.h"
#include "host/demo_image.h"
#include "image/file.h"
#include "image/flash_report.h"

namespace espalier::host {

std::expected<image::FlashImage, std::string> load_image(const SessionOptions& options) {
  const image::FlashImageOptions how{.flash_size = options.flash_size};
  if (options.any_flash && options.image.empty() && !options.demo) {
    const std::uint32_t size = options.flash_size.value_or(4u << 20);
    return image::flash_image_from_bytes(image::Bytes(size, 0xff), "the blank flash", how);
  }
  if (!options.demo) return image::load_flash_image(options.image, how);
  const auto demo = demo_image();
  return image::flash_image_from_bytes(image::Bytes(demo.begin(), demo.end()), std::string(kDemoName), how);
}

devices::EfuseValues BootEfuses::to_keep(const devices::EfuseValues& burnt) const {
  devices::EfuseValues kept{};
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = (burnt[i] & ~values[i]) | file[i];
  return kept;
}

std::expected<BootEfuses, std::string> load_efuses(const SessionOptions& options) {
  constexpr std::uint32_t kCk8mFreq = 0xff;  // EFUSE_RD_CK8M_FREQ in BLK0_RDATA4
  const devices::EfuseValues factory = devices::factory_efuses(esp32::kDefaultMac);
  BootEfuses efuses{.values = factory};
  devices::EfuseValues& values = efuses.values;
  if (!options.efuse.empty()) {
    const auto bytes = image::read_file(options.efuse);
    if (!bytes) return std::unexpected(bytes.error());
    const auto parsed = devices::parse_efuse_file(*bytes);
    if (!parsed) return std::unexpected(fmt::format("{}: {}", options.efuse, parsed.error()));
    values = efuses.file = *parsed;
    if (devices::mac_of(values) == devices::MacAddress{}) devices::set_mac(values, esp32::kDefaultMac);
    if ((values[4] & kCk8mFreq) == 0) values[4] |= factory[4] & kCk8mFreq;
  }
  if (options.mac) devices::set_mac(values, *options.mac);
  constexpr std::uint32_t kDisableAppCpu = 1;  // EFUSE_RD_CHIP_VER_DIS_APP_CPU in BLK0_RDATA3
  if (options.cpus == 1) values[3] |= kDisableAppCpu;
  return efuses;
}

std::expected<std::shared_ptr<const esp32::SharedRom>, std::string> load_rom(const SessionOptions& options) {
  if (options.rom.empty()) return std::make_shared<esp32::SharedRom>(rom::Rom());
  auto rom = rom::Rom::load_file(options.rom);
  if (!rom) return std::unexpected(rom.error());
  return std::make_shared<esp32::SharedRom>(std::move(*rom));
}

bool is_snapshot(const std::string& path) {
  std::array<std::uint8_t, 8> begin{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(begin.data()), begin.size());
  return file.gcount() == begin.size() && esp32::Snapshot::is_one(begin);
}

std::expected<std::shared_ptr<const esp32::Snapshot>, std::string> load_snapshot(const std::string& path) {
  const auto bytes = image::read_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  auto snapshot = esp32::Snapshot::load(*bytes);
  if (!snapshot) return std::unexpected(fmt::format("{} {}", path, snapshot.error()));
  return snapshot;
}

namespace {

// A machine that goes on is as it was: nothing that belongs to its making can be chosen again.
std::expected<void, std::string> check_no_snapshot_options(const SessionOptions& options) {
  const std::pair<bool, std::string_view> wrong[] = {
      {options.persist || options.write_through,
       "the flash of a snapshot is its own: no file is written back"},
      {!options.efuse.empty(), "a snapshot keeps its chip's eFuses; --mac gives it another MAC address"},
      {options.flash_size.has_value(), "a snapshot keeps its flash's size"},
      {options.psram_size != 0, "a snapshot keeps its PSRAM"},
      {options.cpus != 2, "a snapshot keeps its cores"},
      {options.strapping.has_value(), "a snapshot keeps its strapping pins"},
      {!options.kernel.empty(), "a snapshot goes on with what it was running"},
  };
  for (const auto& [is_so, why] : wrong)
    if (is_so) return std::unexpected(fmt::format("{}: {}", options.image, why));
  return {};
}

}  // namespace

std::expected<std::shared_ptr<const BootInputs>, std::string> load_inputs(const SessionOptions& options) {
  auto inputs = std::make_shared<BootInputs>();
  auto rom = load_rom(options);
  if (!rom) return std::unexpected(rom.error());
  inputs->rom = std::move(*rom);
  if (!options.image.empty() && is_snapshot(options.image)) {
    if (auto ok = check_no_snapshot_options(options); !ok) return std::unexpected(ok.error());
    auto snapshot = load_snapshot(options.image);
    if (!snapshot) return std::unexpected(snapshot.error());
    inputs->snapshot = std::move(*snapshot);
    inputs->image.name = options.image;
    inputs->flash = inputs->snapshot->flash();
    return inputs;
  }
  auto image = load_image(options);
  if (!image) return std::unexpected(image.error());
  if (!options.any_flash)
    if (auto ok = image::check_bootable(*image); !ok) return std::unexpected(ok.error());
  auto flash = devices::FlashImage::create(image->bytes, static_cast<std::uint32_t>(image->bytes.size()));
  if (!flash) return std::unexpected(fmt::format("{}: {}", image->name, flash.error()));
  inputs->flash = std::move(*flash);
  image->bytes = image::Bytes();  // `= {}` would keep the memory
  inputs->image = std::move(*image);
  return inputs;
}

}  // namespace espalier::host
