#include "base/zero_pages.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace espalier::base {

ZeroPages::ZeroPages(std::size_t size) : data_(nullptr), size_(size) {
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  // A table of two megabytes of which one entry is used is not to cost two megabytes.
  madvise(at, size, MADV_NOHUGEPAGE);
  data_ = static_cast<std::byte*>(at);
}

ZeroPages::~ZeroPages() {
  munmap(data_, size_);
}

void ZeroPages::clear(std::size_t at, std::size_t size) {
  if (madvise(data_ + at, size, MADV_DONTNEED) != 0) std::memset(data_ + at, 0, size);
}

}  // namespace espalier::base
