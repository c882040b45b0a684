#include "devices/flash_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace espalier::devices {

namespace {

constexpr std::uint32_t kLargestFlash = 16 * 1024 * 1024;

// Anonymous memory with a descriptor. Its length is sealed, so that nobody who holds the descriptor can turn
// another's mapping into a bus error.
std::expected<OwnedFd, std::string> anonymous_memory(const char* name, std::size_t size) {
  OwnedFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.get() < 0) {
    const char* remedy = errno == EMFILE ? " (raise the limit of open files, ulimit -n)" : "";
    return std::unexpected(
        fmt::format("no memory for the flash contents: {}{}", std::strerror(errno), remedy));
  }
  if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return std::unexpected(fmt::format("no memory for the flash contents: {}", std::strerror(errno)));
  }
  return fd;
}

std::expected<Mapping, std::string> map_all(const OwnedFd& fd, std::size_t size, int protection) {
  void* data = mmap(nullptr, size, protection, MAP_SHARED | MAP_NORESERVE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return std::unexpected(fmt::format("the flash contents cannot be mapped: {}", std::strerror(errno)));
  }
  return Mapping(static_cast<std::uint8_t*>(data), size);
}

// Not empty. Each byte is as the one before it: memcmp() looks at many at a time.
bool is_blank(std::span<const std::uint8_t> bytes) {
  return bytes.front() == 0xff && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}
OwnedFd::OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, size_);
}
Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

FlashImage::FlashImage(OwnedFd fd, Mapping map, std::vector<std::uint32_t> slots)
    : fd_(std::move(fd)), map_(std::move(map)), slots_(std::move(slots)) {}

std::expected<std::shared_ptr<const FlashImage>, std::string> FlashImage::create(
    std::span<const std::uint8_t> image, std::uint32_t size) {
  if (size == 0 || size % kFlashPageSize != 0 || size > kLargestFlash) {
    return std::unexpected(fmt::format("a flash of {} bytes cannot be: give a multiple of 65536, at most {}",
                                       size, kLargestFlash));
  }
  if (image.size() > size) {
    return std::unexpected(fmt::format(
        "the image has {} bytes, more than the flash's {}: give a larger flash size", image.size(), size));
  }

  // Slot 0 is the blank page, every other slot one page of the image.
  std::vector<std::uint32_t> slots(size / kFlashPageSize, 0);
  std::uint32_t used = 1;
  for (std::size_t at = 0; at < image.size(); at += kFlashPageSize) {
    const auto page = image.subspan(at, std::min<std::size_t>(kFlashPageSize, image.size() - at));
    if (!is_blank(page)) slots[at / kFlashPageSize] = used++;
  }

  const std::size_t bytes = std::size_t{used} * kFlashPageSize;
  auto fd = anonymous_memory("espalier-flash", bytes);
  if (!fd) return std::unexpected(fd.error());
  {
    auto writable = map_all(*fd, bytes, PROT_READ | PROT_WRITE);
    if (!writable) return std::unexpected(writable.error());
    std::memset(writable->data(), 0xff, kFlashPageSize);
    for (std::uint32_t page = 0; page < slots.size(); ++page) {
      if (slots[page] == 0) continue;
      std::uint8_t* to = writable->data() + std::size_t{slots[page]} * kFlashPageSize;
      const auto from = image.subspan(std::size_t{page} * kFlashPageSize);
      const std::size_t n = std::min<std::size_t>(kFlashPageSize, from.size());
      std::memcpy(to, from.data(), n);
      std::memset(to + n, 0xff, kFlashPageSize - n);
    }
  }
  auto map = map_all(*fd, bytes, PROT_READ);
  if (!map) return std::unexpected(map.error());
  return std::shared_ptr<const FlashImage>(new FlashImage(std::move(*fd), std::move(*map), std::move(slots)));
}

std::expected<std::unique_ptr<FlashStorage>, std::string> FlashStorage::create(
    std::shared_ptr<const FlashImage> image) {
  auto fd = anonymous_memory("espalier-flash-changes", image->size());
  if (!fd) return std::unexpected(fd.error());
  auto overlay = map_all(*fd, image->size(), PROT_READ | PROT_WRITE);
  if (!overlay) return std::unexpected(overlay.error());
  return std::unique_ptr<FlashStorage>(
      new FlashStorage(std::move(image), std::move(*fd), std::move(*overlay)));
}

FlashStorage::FlashStorage(std::shared_ptr<const FlashImage> image, OwnedFd fd, Mapping overlay)
    : image_(std::move(image)),
      fd_(std::move(fd)),
      overlay_(std::move(overlay)),
      owned_(image_->size() / kFlashPageSize),
      dirty_sectors_(image_->size() / kFlashSectorSize),
      new_changes_(dirty_sectors_.size()) {}

const std::uint8_t* FlashStorage::page(std::uint32_t index) const {
  return owned_[index] ? overlay_.data() + std::size_t{index} * kFlashPageSize : image_->page(index);
}

FlashStorage::Backing FlashStorage::backing(std::uint32_t page) const {
  if (owned_[page]) return {fd_.get(), static_cast<off_t>(page) * kFlashPageSize};
  return {image_->fd(), image_->offset(page)};
}

std::uint8_t* FlashStorage::own_page(std::uint32_t index) {
  std::uint8_t* own = overlay_.data() + std::size_t{index} * kFlashPageSize;
  if (!owned_[index]) {
    std::memcpy(own, image_->page(index), kFlashPageSize);
    owned_[index] = true;
    if (backing_changed_) backing_changed_(index);
  }
  return own;
}

void FlashStorage::note_change(std::uint32_t address, std::uint32_t length) {
  const std::uint32_t last = (address + length - 1) / kFlashSectorSize;
  for (std::uint32_t sector = address / kFlashSectorSize; sector <= last; ++sector)
    dirty_sectors_[sector] = new_changes_[sector] = true;
  has_changes_ = true;
  if (contents_changed_) contents_changed_(address, length);
}

namespace {

// Calls visit(page, offset in page, offset in the range, length) for the pieces of [address, address +
// length) that lie within one page each, up to the flash's end.
template <class Visit>
void for_each_piece(std::uint32_t size, std::uint32_t address, std::size_t length, Visit visit) {
  if (address >= size) return;
  const std::size_t total = std::min<std::size_t>(length, size - address);
  for (std::size_t done = 0; done < total;) {
    const std::uint32_t at = address + static_cast<std::uint32_t>(done);
    const std::uint32_t in_page = at % kFlashPageSize;
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(kFlashPageSize - in_page, total - done));
    visit(at / kFlashPageSize, in_page, done, n);
    done += n;
  }
}

}  // namespace

void FlashStorage::read(std::uint32_t address, std::span<std::uint8_t> out) const {
  const std::size_t inside = address < size() ? std::min<std::size_t>(out.size(), size() - address) : 0;
  std::ranges::fill(out.subspan(inside), std::uint8_t{0xff});
  for_each_piece(size(), address, out.size(),
                 [&](std::uint32_t index, std::uint32_t in_page, std::size_t done, std::uint32_t n) {
                   std::memcpy(out.data() + done, page(index) + in_page, n);
                 });
}

void FlashStorage::program(std::uint32_t address, std::span<const std::uint8_t> data) {
  for_each_piece(size(), address, data.size(),
                 [&](std::uint32_t index, std::uint32_t in_page, std::size_t done, std::uint32_t n) {
                   const std::uint8_t* old = page(index) + in_page;
                   const std::uint8_t* with = data.data() + done;
                   const auto changes = [&](std::uint32_t i) { return (old[i] & with[i]) != old[i]; };
                   std::uint32_t first = 0;
                   while (first < n && !changes(first)) ++first;
                   if (first == n) return;
                   std::uint32_t last = n - 1;
                   while (!changes(last)) --last;
                   std::uint8_t* own = own_page(index) + in_page;
                   for (std::uint32_t i = first; i <= last; ++i) own[i] &= with[i];
                   note_change(index * kFlashPageSize + in_page + first, last - first + 1);
                 });
}

void FlashStorage::put(std::uint32_t address, std::span<const std::uint8_t> data) {
  for_each_piece(size(), address, data.size(),
                 [&](std::uint32_t index, std::uint32_t in_page, std::size_t done, std::uint32_t n) {
                   const std::uint8_t* old = page(index) + in_page;
                   const std::uint8_t* with = data.data() + done;
                   std::uint32_t first = 0;
                   while (first < n && old[first] == with[first]) ++first;
                   if (first == n) return;
                   std::uint32_t last = n - 1;
                   while (old[last] == with[last]) --last;
                   std::memcpy(own_page(index) + in_page + first, with + first, last - first + 1);
                   note_change(index * kFlashPageSize + in_page + first, last - first + 1);
                 });
}

void FlashStorage::erase(std::uint32_t address, std::uint32_t length) {
  for_each_piece(size(), address, length,
                 [&](std::uint32_t index, std::uint32_t in_page, std::size_t, std::uint32_t n) {
                   const std::uint8_t* old = page(index) + in_page;
                   std::uint32_t first = 0;
                   while (first < n && old[first] == 0xff) ++first;
                   if (first == n) return;
                   std::uint32_t last = n - 1;
                   while (old[last] == 0xff) --last;
                   std::memset(own_page(index) + in_page + first, 0xff, last - first + 1);
                   note_change(index * kFlashPageSize + in_page + first, last - first + 1);
                 });
}

namespace {

std::vector<FlashStorage::Range> ranges_of(const std::vector<bool>& sectors) {
  std::vector<FlashStorage::Range> ranges;
  for (std::uint32_t sector = 0; sector < sectors.size(); ++sector) {
    if (!sectors[sector]) continue;
    const std::uint32_t address = sector * kFlashSectorSize;
    if (!ranges.empty() && ranges.back().address + ranges.back().length == address) {
      ranges.back().length += kFlashSectorSize;
    } else {
      ranges.push_back({address, kFlashSectorSize});
    }
  }
  return ranges;
}

}  // namespace

std::vector<FlashStorage::Range> FlashStorage::dirty_ranges() const {
  return ranges_of(dirty_sectors_);
}

std::vector<FlashStorage::Range> FlashStorage::take_changes() {
  std::vector<Range> ranges = ranges_of(new_changes_);
  new_changes_.assign(new_changes_.size(), false);
  has_changes_ = false;
  return ranges;
}

void FlashStorage::archive(base::Archive& ar) {
  ar.section(fmt::format("flash storage of {} bytes", size()));
  std::vector<bool> owned = owned_;
  std::vector<bool> dirty = dirty_sectors_;
  ar(owned, dirty);
  if (ar.failed() || owned.size() != owned_.size() || dirty.size() != dirty_sectors_.size()) return;
  if (!ar.is_saving()) {
    // Whoever keeps a file in step has to write both what this machine had changed and what the state has.
    for (std::size_t sector = 0; sector < dirty.size(); ++sector)
      if (dirty[sector] || dirty_sectors_[sector]) new_changes_[sector] = has_changes_ = true;
    dirty_sectors_ = dirty;
  }
  for (std::uint32_t index = 0; index < pages(); ++index) {
    if (ar.is_saving()) {
      if (!owned[index]) continue;
      auto& bytes = *reinterpret_cast<std::array<std::uint8_t, kFlashPageSize>*>(
          overlay_.data() + std::size_t{index} * kFlashPageSize);
      ar(bytes);
      continue;
    }
    if (!owned[index] && !owned_[index]) continue;
    if (owned[index]) {
      auto& bytes = *reinterpret_cast<std::array<std::uint8_t, kFlashPageSize>*>(
          overlay_.data() + std::size_t{index} * kFlashPageSize);
      ar(bytes);
    }
    const bool moved = owned[index] != owned_[index];
    owned_[index] = owned[index];
    if (moved && backing_changed_) backing_changed_(index);
    if (contents_changed_) contents_changed_(index * kFlashPageSize, kFlashPageSize);
  }
}

}  // namespace espalier::devices
