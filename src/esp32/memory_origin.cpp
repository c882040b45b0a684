// What RAM holds, and whose pages: those of the origin, which other machines show as well, are copied before
// they are written to.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "esp32/host_call.h"
#include "esp32/memory_map_view.h"

namespace espalier::esp32 {
namespace {

bool is_zero(const std::uint8_t* bytes, std::size_t size) {
  return std::all_of(bytes, bytes + size, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

// Shows RAM from `offset`, each piece of it as long as it is the origin's or this map's own.
void MemoryMap::map_ram(unsigned cpu, std::uint32_t address, std::uint32_t offset, std::uint32_t size) {
  for (std::uint32_t done = 0, run = 0; done < size; done += run) {
    const bool origins = shared(offset + done);
    for (run = kPage; done + run < size && shared(offset + done + run) == origins;) run += kPage;
    map_fixed(cpu, address + done, run, origins ? origin_->fd() : ram_.fd(), offset + done, !origins);
  }
}

// Gives a page of RAM that is the origin's a copy of this map's own, wherever it is shown. False: the host
// has no room for it.
bool MemoryMap::own(std::uint32_t page) {
  // Two at a time: a process may have only so many mappings, and neighbours are mostly written soon after.
  // Each piece of RAM has an even number of pages.
  constexpr std::uint32_t kUnit = 2 * kPage;
  const std::uint32_t at = page * kPage / kUnit * kUnit;
  if (!copy_from_origin(at, kUnit)) return false;
  if (mmap(ram_.data() + at, kUnit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_.fd(), at) ==
      MAP_FAILED)
    return own_all();
  shared_[at / kPage] = shared_[at / kPage + 1] = false;
  const auto map_again = [&](unsigned cpu, std::uint32_t address) {
    return !exhausted_ && map_fixed(cpu, address, kUnit, ram_.fd(), at, true) &&
           (refresh(cpu, address, kUnit, true), !exhausted_);
  };
  for (unsigned cpu = 0; cpu < views_.size(); ++cpu) {
    for (const Segment& alias : segments_)
      if (alias.straight && at - alias.offset < alias.size &&
          !map_again(cpu, alias.address + (at - alias.offset)))
        return own_all();
    if (at < kPsramOffset) continue;
    const auto& windows = views_[cpu]->psram;
    for (std::uint32_t i = 0; i < windows.size(); ++i)
      if (windows[i] != View::kNoPsram && at - kPsramOffset - windows[i] < kPsramPage &&
          !map_again(cpu, kPsramBase + i * kPsramPage + (at - kPsramOffset - windows[i])))
        return own_all();
  }
  return true;
}

// The process has all the mappings that it may have: one for all of RAM takes the place of many.
bool MemoryMap::own_all() {
  if (shared_.empty()) return false;
  exhausted_ = false;
  for (std::uint32_t at = 0; at < ram_.size(); at += kPage)
    if (shared(at) && !copy_from_origin(at, kPage)) return false;
  exhausted_ = mmap(ram_.data(), ram_.size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram_.fd(), 0) ==
               MAP_FAILED;
  if (exhausted_) return false;
  shared_.assign(shared_.size(), false);
  for (unsigned cpu = 0; cpu < views_.size(); ++cpu) {
    // What is one mapping of the host's has to be replaced in one go: to cut it would take another one.
    struct {
      std::uint32_t address, size, offset;
    } run{};
    const auto map_run = [&] {
      if (run.size != 0 && !exhausted_ && map_fixed(cpu, run.address, run.size, ram_.fd(), run.offset, true))
        refresh(cpu, run.address, run.size, true);
    };
    const auto add = [&](std::uint32_t address, std::uint32_t offset, std::uint32_t size) {
      if (address - run.address != run.size || offset - run.offset != run.size) {
        map_run();
        run = {address, 0, offset};
      }
      run.size += size;
    };
    for (const Segment& s : segments_)
      if (s.straight) add(s.address, s.offset, s.size);
    const auto& windows = views_[cpu]->psram;
    for (std::uint32_t i = 0; i < windows.size(); ++i)
      if (windows[i] != View::kNoPsram)
        add(kPsramBase + i * kPsramPage, kPsramOffset + windows[i], kPsramPage);
    map_run();
  }
  return !exhausted_;
}

bool MemoryMap::copy_from_origin(std::uint32_t at, std::uint32_t size) {
  const std::uint8_t* const from = origin_->data() + at;
  // Zeros are there already.
  if (!is_zero(from, size) && pwrite(ram_.fd(), from, size, at) != static_cast<ssize_t>(size))
    exhausted_ = true;
  return !exhausted_;
}

std::uint8_t* MemoryMap::writable_psram(std::uint32_t offset, std::uint32_t size) {
  for (std::uint32_t at = kPsramOffset + offset; at < kPsramOffset + offset + size;
       at = (at / kPage + 1) * kPage)
    if (shared(at) && !own(at / kPage)) return nullptr;
  return ram_.data() + kPsramOffset + offset;
}

void MemoryMap::clear() {
  for (std::uint32_t page = 0; page < shared_.size(); ++page)
    if (shared_[page] && !is_zero(origin_->data() + std::size_t{page} * kPage, kPage)) own(page);
  check(fallocate(ram_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                  static_cast<off_t>(ram_.size())) == 0,
        "clearing guest memory");
  for (const Segment& s : segments_)
    if (s.straight) stored(s.address, s.size);
}

void MemoryMap::archive(base::Archive& ar) {
  ar.section("ram");
  if (!ar.is_saving())
    for (std::uint32_t page = 0; page < shared_.size(); ++page)
      if (shared_[page]) check(own(page), "copying guest memory");
  ar.bytes({ram_.data(), ram_.size()});
}

std::shared_ptr<const SharedPages> MemoryMap::snapshot() const {
  auto pages = std::make_shared<SharedPages>("espalier-origin", ram_.size());
  for (std::size_t at = 0; at < ram_.size(); at += kPage) {
    const std::uint8_t* const from = ram_.data() + at;
    if (!is_zero(from, kPage)) std::memcpy(pages->data() + at, from, kPage);
  }
  return pages;
}

std::size_t MemoryMap::own_ram() const {
  return ram_.size() - kPage * static_cast<std::size_t>(std::ranges::count(shared_, true));
}

}  // namespace espalier::esp32
