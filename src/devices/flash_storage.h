// What a machine's SPI flash holds: an image shared by many machines, and the pages one machine has changed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"

namespace espalier::devices {

// A file descriptor of the emulator's own, closed when its owner goes.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept;
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A mapping of a whole descriptor into the emulator.
class Mapping {
 public:
  Mapping() = default;
  Mapping(std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  ~Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  std::uint8_t* data() const { return data_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// The flash's geometry. Pages are those of the ESP32's cache MMU (TRM ch. "Memory Management and Protection
// Units"), the unit in which flash is mapped and in which a machine leaves the shared image; sectors are the
// smallest piece that the flash chip erases.
inline constexpr std::uint32_t kFlashPageSize = 64 * 1024;
inline constexpr std::uint32_t kFlashSectorSize = 4 * 1024;

// A flash image as it was before any machine ran: immutable, in anonymous shared memory, so that every
// machine that runs it maps the same host pages. Blank pages (all 0xff) are stored once.
class FlashImage {
 public:
  // Copies `image` and pads it with 0xff to `size` bytes, a multiple of 64 KiB and at most 16 MiB (what three
  // address bytes reach). Says what is wrong if the image is longer, or when the host has no memory for it.
  static std::expected<std::shared_ptr<const FlashImage>, std::string> create(
      std::span<const std::uint8_t> image, std::uint32_t size);

  std::uint32_t size() const { return static_cast<std::uint32_t>(slots_.size()) * kFlashPageSize; }
  // The 64 KiB of page `index`.
  const std::uint8_t* page(std::uint32_t index) const {
    return map_.data() + std::size_t{slots_[index]} * kFlashPageSize;
  }
  int fd() const { return fd_.get(); }
  // Where page `index` lies in fd().
  off_t offset(std::uint32_t index) const { return static_cast<off_t>(slots_[index]) * kFlashPageSize; }

 private:
  FlashImage(OwnedFd fd, Mapping map, std::vector<std::uint32_t> slots);
  OwnedFd fd_;
  Mapping map_;
  std::vector<std::uint32_t> slots_;  // of each page, its place in the descriptor
};

// One machine's flash: the shared image, and on top of it, in this machine's own anonymous memory, the pages
// it has changed. Nothing is copied until a page's contents really differ. Addresses are byte offsets into
// the flash; what lies outside reads as 0xff and takes no writes.
class FlashStorage {
 public:
  // Where the bytes of a page are at present, for mmap(PROT_READ, MAP_SHARED) of 64 KiB.
  struct Backing {
    int fd;
    off_t offset;
    friend bool operator==(const Backing&, const Backing&) = default;
  };
  struct Range {
    std::uint32_t address;
    std::uint32_t length;
    friend bool operator==(const Range&, const Range&) = default;
  };

  // Says so when the host has no descriptor or memory left for the machine's own pages.
  static std::expected<std::unique_ptr<FlashStorage>, std::string> create(
      std::shared_ptr<const FlashImage> image);

  std::uint32_t size() const { return image_->size(); }
  std::uint32_t pages() const { return size() / kFlashPageSize; }

  void read(std::uint32_t address, std::span<std::uint8_t> out) const;
  // Clears bits, as programming a NOR flash does: each byte becomes the old one AND the new one.
  void program(std::uint32_t address, std::span<const std::uint8_t> data);
  // Sets bytes to what no command does, but a power cut or a failing cell.
  void put(std::uint32_t address, std::span<const std::uint8_t> data);
  // Sets `length` bytes to 0xff.
  void erase(std::uint32_t address, std::uint32_t length);

  Backing backing(std::uint32_t page) const;
  // The bytes of a page, valid until its backing changes.
  const std::uint8_t* page(std::uint32_t index) const;

  // `callback(page)` is called when a page has moved to another backing (its first change, or a loaded
  // state); its contents are still the old ones then, unless a state is being loaded.
  void on_backing_change(std::function<void(std::uint32_t page)> callback) {
    backing_changed_ = std::move(callback);
  }
  // `callback(address, length)` is called after bytes have changed: the smallest range that holds the change,
  // never across a page's end. Translated code from it is stale.
  void on_contents_change(std::function<void(std::uint32_t address, std::uint32_t length)> callback) {
    contents_changed_ = std::move(callback);
  }

  // The sectors whose bytes have been changed since the machine was made, adjacent ones joined, in order:
  // what has to be written back to keep the changes.
  std::vector<Range> dirty_ranges() const;

  // The sectors that have changed since the last call; each change is handed out once.
  std::vector<Range> take_changes();
  bool has_changes() const { return has_changes_; }

  // Saves the changed pages only; loading gives back exactly those, over the same image.
  void archive(base::Archive& ar);

 private:
  FlashStorage(std::shared_ptr<const FlashImage> image, OwnedFd fd, Mapping overlay);
  std::uint8_t* own_page(std::uint32_t index);
  void note_change(std::uint32_t address, std::uint32_t length);

  std::shared_ptr<const FlashImage> image_;
  OwnedFd fd_;
  Mapping overlay_;
  std::vector<bool> owned_;          // of each page: lies in the overlay
  std::vector<bool> dirty_sectors_;  // of each sector: changed
  std::vector<bool> new_changes_;    // of each sector: changed since take_changes()
  bool has_changes_ = false;
  std::function<void(std::uint32_t)> backing_changed_;
  std::function<void(std::uint32_t, std::uint32_t)> contents_changed_;
};

}  // namespace espalier::devices
