#include "xtensa/jit/code_arena.h"

#include <sys/mman.h>

namespace espalier::xtensa::jit {

std::unique_ptr<CodeArena> CodeArena::create(std::size_t size) {
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  return std::unique_ptr<CodeArena>(new CodeArena(static_cast<std::uint8_t*>(at), size));
}

CodeArena::~CodeArena() {
  munmap(data_, size_);
}

std::uint8_t* CodeArena::allocate(std::size_t size) {
  constexpr std::size_t kAlign = 16;
  const std::size_t start = (used_ + kAlign - 1) / kAlign * kAlign;
  if (start + size > size_) return nullptr;
  used_ = start + size;
  return data_ + start;
}

}  // namespace espalier::xtensa::jit
