#pragma once

#include <cstddef>
#include <cstdint>

namespace espalier::esp32 {

// An anonymous file of memory that several mappings (aliases, cores, machines) show.
class SharedPages {
 public:
  explicit SharedPages(const char* name, std::size_t size);
  ~SharedPages();
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;

  int fd() const { return fd_; }
  std::size_t size() const { return size_; }
  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }

 private:
  int fd_;
  std::size_t size_;
  std::uint8_t* data_;
};

}  // namespace espalier::esp32
