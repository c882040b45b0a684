// Executable memory for translated code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace espalier::xtensa::jit {

// One piece of memory that is filled from its begin and emptied as a whole. The host gives pages as they are
// touched.
class CodeArena {
 public:
  // Null where the host refuses executable memory.
  static std::unique_ptr<CodeArena> create(std::size_t size);
  ~CodeArena();
  CodeArena(const CodeArena&) = delete;
  CodeArena& operator=(const CodeArena&) = delete;

  // Null if there is no room.
  std::uint8_t* allocate(std::size_t size);
  // Gives back the end of what was allocated last.
  void shrink(std::uint8_t* end) { used_ = static_cast<std::size_t>(end - data_); }
  // Everything from `mark` on is free again.
  void reset_to(std::uint8_t* mark) { used_ = static_cast<std::size_t>(mark - data_); }

  bool contains(const void* at) const {
    return static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - data_) < size_;
  }
  std::uint8_t* data() { return data_; }
  std::size_t used() const { return used_; }
  std::size_t size() const { return size_; }

 private:
  CodeArena(std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint8_t* data_;
  std::size_t size_;
  std::size_t used_ = 0;
};

}  // namespace espalier::xtensa::jit
