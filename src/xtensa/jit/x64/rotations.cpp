// Where the present window moves to one that is not in one piece: windows change sides then, as
// Core::rotate_to() has it, with what translated code keeps for each.
#include <cstring>

#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

constexpr int kAll = kWindows, kMoving = kMovingWindows;

class Rotation {
 public:
  Rotation(x86::Assembler& as, Layout layout) : as_(as), layout_(layout) {}

  // By n windows, where the row begins with window `row`.
  void emit(int row, int n) {
    const int from = row == 0 ? 0 : kAll, to = kAll - from, after = kMoving - row;
    for (int place = 0; place < kMoving; ++place) copy(registers(from + place), registers(to + place));
    for (int place = 0; place < kMoving; ++place) copy(link(from + place), link(to + place));
    // Before a row that begins with window 8 they are still there.
    if (after == 0)
      for (int place = 1 + static_cast<int>(kLastWhole); place < kAll; ++place) {
        as_.mov(x86::r8d, link(place, offsetof(ReturnLink, started), 4));
        as_.mov(link(place - kAll, offsetof(ReturnLink, started), 4), x86::r8d);
      }
    for (std::uint32_t place = kFirstShared; place <= kLastShared; ++place) {
      const WindowEdges edges = edges_at(place, static_cast<std::uint32_t>(after));
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, &edges, sizeof bytes);
      as_.mov(x86::r8, bytes);
      as_.mov(edges_of(static_cast<int>(place)), x86::r8);
    }
    as_.mov(x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, row))), after);
    as_.mov(x86::Mem(x86::rbp, jit(offsetof(JitRegisters, row)), 4), after);
    // Up from the first row, or down from the second, leads on to the place beside it.
    const bool beside = (n > 0) == (row == 0);
    as_.add(x86::rbx, kPane * (beside ? n : n > 0 ? n - kAll : n + kAll));
    as_.ret();
  }

 private:
  void copy(const x86::Mem& from, const x86::Mem& to) {
    as_.movups(x86::xmm0, from);
    as_.movups(to, x86::xmm0);
  }
  static x86::Mem registers(int place) { return x86::Mem(x86::rbp, kPane * place, kPane); }
  x86::Mem link(int place, std::size_t offset = 0, unsigned size = sizeof(ReturnLink)) const {
    const int at = (static_cast<int>(JitRegisters::kBefore) + place) * static_cast<int>(sizeof(ReturnLink));
    return x86::Mem(x86::rbp, jit(offsetof(JitRegisters, links) + offset) + at, size);
  }
  x86::Mem edges_of(int place) const {
    return x86::Mem(x86::rbp, jit(offsetof(JitRegisters, edges)) + kPane * place, sizeof(std::uint64_t));
  }
  std::int32_t jit(std::size_t offset) const { return layout_.jit + static_cast<std::int32_t>(offset); }

  x86::Assembler& as_;
  Layout layout_;
};

}  // namespace

void emit_rotation(x86::Assembler& as, Layout layout, int n) {
  Rotation rotation(as, layout);
  const Label second = as.newLabel();
  as.cmp(x86::dword_ptr(x86::rbp, static_cast<std::int32_t>(offsetof(State, row))), 0);
  as.jne(second);
  rotation.emit(0, n);
  as.bind(second);
  rotation.emit(kMovingWindows, n);
}

}  // namespace espalier::xtensa::jit::x64
