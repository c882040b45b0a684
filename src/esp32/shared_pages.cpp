#include "esp32/shared_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include "esp32/host_call.h"

namespace espalier::esp32 {

SharedPages::SharedPages(const char* name, std::size_t size)
    : fd_(memfd_create(name, MFD_CLOEXEC)), size_(size), data_(nullptr) {
  check(fd_ >= 0, "creating guest memory");
  check(ftruncate(fd_, static_cast<off_t>(size)) == 0, "sizing guest memory");
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  check(at != MAP_FAILED, "mapping guest memory");
  data_ = static_cast<std::uint8_t*>(at);
}

SharedPages::~SharedPages() {
  munmap(data_, size_);
  close(fd_);
}

}  // namespace espalier::esp32
