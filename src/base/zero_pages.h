// Memory that reads as zeros and costs none until it is written to.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace espalier::base {

// For tables of which a machine may need little: an allocation of this kind is given to a process page by
// page, and one that is cleared gives its pages back.
class ZeroPages {
 public:
  // Throws std::bad_alloc when the process has no address space left.
  explicit ZeroPages(std::size_t size);
  ~ZeroPages();
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  // All zeros again from `at` to `at + size`; both are multiples of 4 KiB, or reach the end.
  void clear(std::size_t at, std::size_t size);

 private:
  std::byte* data_;
  std::size_t size_;
};

// An array in such memory. The elements' zero bytes have to be a value of theirs.
template <class T>
requires(std::is_trivially_copyable_v<T>) class ZeroArray {
 public:
  explicit ZeroArray(std::size_t count) : pages_(count * sizeof(T)) {}
  T* data() const { return reinterpret_cast<T*>(pages_.data()); }
  T& operator[](std::size_t i) const { return data()[i]; }
  void clear() { pages_.clear(0, pages_.size()); }

 private:
  ZeroPages pages_;
};

}  // namespace espalier::base
