#include "esp32/snapshot.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/archive.h"
#include "base/time.h"

namespace espalier::esp32 {

namespace {

using devices::kFlashPageSize;

// One more whenever the form of the file changes; what is in it has Machine::kStateVersion.
constexpr std::uint32_t kFileVersion = 200 + Machine::kStateVersion;
constexpr int kCompression = 3;
constexpr std::size_t kPage = 4096;
// More than the largest flash, the largest PSRAM and all the rest: no file makes us allocate more.
constexpr std::size_t kMostBytes = std::size_t{32} << 20;

bool all_are(std::span<const std::uint8_t> bytes, std::uint8_t value) {
  return std::ranges::all_of(bytes, [value](std::uint8_t byte) { return byte == value; });
}

// Writes or reads `count` pages of which blank ones are only counted. `page(i)` is where the i-th lies.
template <class Page>
void archive_pages(base::Archive& ar, std::size_t count, std::size_t size, std::uint8_t blank, Page page) {
  std::vector<bool> present(count);
  if (ar.is_saving())
    for (std::size_t i = 0; i < count; ++i) present[i] = !all_are({page(i), size}, blank);
  ar(present);
  if (ar.failed() || present.size() != count) return;
  for (std::size_t i = 0; i < count; ++i)
    if (present[i]) ar.bytes({page(i), size});
}

}  // namespace

std::expected<std::shared_ptr<const Snapshot>, std::string> Snapshot::take(Machine& machine,
                                                                           SnapshotNotes notes) {
  std::shared_ptr<Snapshot> made(new Snapshot);
  made->notes_ = std::move(notes);
  made->instructions_ = machine.instructions();
  made->clock_ns_ = base::ns_from_ticks(machine.clock().now());
  const MachineOptions& options = machine.options();
  made->psram_size_ = options.psram_size;
  made->chip_ = options.chip;
  made->chip_.efuses = machine.chip().efuse.fuses();  // which may have been burnt since, or exchanged
  made->rom_ = options.rom->digest();
  made->flash_ = options.flash;
  const devices::FlashStorage& flash = machine.flash();
  if (!flash.dirty_ranges().empty()) {
    std::vector<std::uint8_t> bytes(flash.size());
    flash.read(0, bytes);
    auto changed = devices::FlashImage::create(bytes, flash.size());
    if (!changed) return std::unexpected(changed.error());
    made->flash_ = std::move(*changed);
  }
  try {
    made->ram_ = machine.memory().snapshot();
  } catch (const std::system_error& error) {
    return std::unexpected(error.what());
  }
  base::Archive ar = base::Archive::saving();
  machine.archive_state(ar);
  made->state_ = ar.bytes();
  return made;
}

void Snapshot::archive_notes(base::Archive& ar) {
  ar.section("notes");
  net::GuestLease& lease = notes_.lease;
  ar(notes_.program, notes_.image, lease.address, lease.gateway, lease.dns, lease.mask, instructions_,
     clock_ns_);
  ar.section("machine");
  ar(psram_size_, chip_.efuses, chip_.strapping, chip_.random_seed, chip_.timer_group_watchdogs, rom_);
}

std::vector<std::uint8_t> Snapshot::file() const {
  base::Archive ar = base::Archive::saving();
  Snapshot copy = *this;  // an archive wants to be able to write
  copy.archive_notes(ar);
  ar.section("flash");
  std::uint32_t pages = flash_->size() / kFlashPageSize;
  ar(pages);
  archive_pages(ar, pages, kFlashPageSize, 0xff, [this](std::size_t i) {
    return const_cast<std::uint8_t*>(flash_->page(static_cast<std::uint32_t>(i)));
  });
  ar.section("ram");
  archive_pages(ar, ram_->size() / kPage, kPage, 0,
                [this](std::size_t i) { return const_cast<std::uint8_t*>(ram_->data()) + i * kPage; });
  ar.section("state");
  std::uint64_t size = state_.size();
  ar(size);
  ar.bytes(copy.state_);

  std::vector<std::uint8_t> packed(ZSTD_compressBound(ar.bytes().size()));
  const std::size_t written =
      ZSTD_compress(packed.data(), packed.size(), ar.bytes().data(), ar.bytes().size(), kCompression);
  packed.resize(ZSTD_isError(written) ? 0 : written);
  return base::seal(packed, kFileVersion);
}

std::expected<std::shared_ptr<const Snapshot>, std::string> Snapshot::load(
    std::span<const std::uint8_t> file) {
  const auto packed = base::unseal(file, kFileVersion);
  if (!packed) return std::unexpected(packed.error());
  const unsigned long long size = ZSTD_getFrameContentSize(packed->data(), packed->size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMostBytes)
    return std::unexpected("is damaged: it holds no compressed state");
  std::vector<std::uint8_t> bytes(size);
  if (ZSTD_decompress(bytes.data(), bytes.size(), packed->data(), packed->size()) != size)
    return std::unexpected("is damaged: it cannot be decompressed");

  base::Archive ar = base::Archive::loading(bytes);
  std::shared_ptr<Snapshot> made(new Snapshot);
  made->archive_notes(ar);
  ar.section("flash");
  std::uint32_t pages = 0;
  ar(pages);
  if (ar.failed() || std::size_t{pages} * kFlashPageSize > kMostBytes)
    return std::unexpected(fmt::format("is damaged: in its {}", ar.failed_in()));
  std::vector<std::uint8_t> flash(std::size_t{pages} * kFlashPageSize, 0xff);
  archive_pages(ar, pages, kFlashPageSize, 0xff, [&](std::size_t i) { return &flash[i * kFlashPageSize]; });
  auto image = devices::FlashImage::create(flash, static_cast<std::uint32_t>(flash.size()));
  if (!image) return std::unexpected(fmt::format("cannot be used: {}", image.error()));
  made->flash_ = std::move(*image);
  ar.section("ram");
  const std::size_t ram_size = MemoryMap::ram_size(made->psram_size_);
  if (ar.failed() || made->psram_size_ > kPsramSize)
    return std::unexpected(fmt::format("is damaged: in its {}", ar.failed_in()));
  try {
    auto ram = std::make_shared<SharedPages>("espalier-origin", ram_size);
    archive_pages(ar, ram_size / kPage, kPage, 0, [&](std::size_t i) { return ram->data() + i * kPage; });
    made->ram_ = std::move(ram);
  } catch (const std::system_error& error) {
    return std::unexpected(fmt::format("cannot be used: {}", error.what()));
  }
  ar.section("state");
  std::uint64_t state_size = 0;
  ar(state_size);
  if (!ar.failed() && state_size <= bytes.size()) {
    made->state_.resize(state_size);
    ar.bytes(made->state_);
  }
  if (ar.failed() || !ar.at_end())
    return std::unexpected(fmt::format("is damaged: in its {}", ar.failed_in()));
  return made;
}

bool Snapshot::is_one(std::span<const std::uint8_t> begin) {
  return base::is_sealed(begin);
}

std::expected<std::unique_ptr<Machine>, std::string> Snapshot::clone(const CloneOptions& options,
                                                                     base::Logger log) const {
  if (options.rom->digest() != rom_)
    return std::unexpected(
        "was taken with another mask ROM, or by a program with another one built in: name it (--rom), or "
        "take it again");
  MachineOptions machine{.rom = options.rom,
                         .flash = flash_,
                         .psram_size = psram_size_,
                         .clock = options.clock,
                         .host_clock = options.host_clock,
                         .engine = options.engine,
                         .chip = chip_,
                         .reset_limit = options.reset_limit,
                         .origin = ram_};
  auto made = Machine::create(machine, std::move(log));
  if (!made) return made;
  base::Archive ar = base::Archive::loading(state_);
  (*made)->archive_state(ar);
  if (ar.failed() || !ar.at_end())
    return std::unexpected(fmt::format("is damaged: in its {}", ar.failed_in()));
  return made;
}

}  // namespace espalier::esp32
