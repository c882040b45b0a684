// Where the present window moves to one whose registers wrap, from one, or round the end of the 64: as
// Core::rotate_to() does it, with what translated code keeps for each window. Deep recursion comes by here
// twice in eight calls, so each way has code of its own, which knows what there is to move.
#include <algorithm>
#include <cstdlib>
#include <span>
#include <vector>

#include "xtensa/jit/x64/emitter.h"

namespace espalier::xtensa::jit::x64 {

using namespace asmjit;

namespace {

constexpr int kAll = kWindows, kLastWhole = kWindows - 4;  // windows above that wrap
constexpr int kBeyond = JitRegisters::kBeyond;

class Rotation {
 public:
  Rotation(x86::Assembler& as, Layout layout) : as_(as), layout_(layout) {}

  void emit(int before, int n) {
    const int raw = before + n, after = raw & (kAll - 1);
    // Of what has wrapped so many are in their second place, before and then.
    const int second = before - kLastWhole, then = after - kLastWhole;
    for (int pane = std::max(then, 0); pane < second; ++pane) copy_pane(kAll + pane, pane);
    for (int pane = std::max(second, 0); pane < then; ++pane) copy_pane(pane, kAll + pane);
    // The same of the starts, which lie beyond the others on both sides.
    if (second > 0 && then <= 0) copy_starts(kAll, 0);
    if (second <= 0 && then > 0) copy_starts(kBeyond, kBeyond + kAll);
    if (raw >= kAll) {
      // The link was kept where the window seemed to be.
      as_.mov(x86::r8d, link(raw, offsetof(ReturnLink, a0), 4));
      as_.mov(link(after, offsetof(ReturnLink, a0), 4), x86::r8d);
      as_.mov(x86::r9, link(raw, offsetof(ReturnLink, host), 8));
      as_.mov(link(after, offsetof(ReturnLink, host), 8), x86::r9);
    }
    as_.lea(x86::rbx, x86::ptr(x86::rbp, kPane * after));
    as_.ret();
  }

 private:
  // One register at a time, as they were written: a wider load would have to wait for those stores.
  void copy_pane(int from, int to) {
    constexpr x86::Gp kScratch[] = {x86::r8d, x86::r9d, x86::r10d, x86::r11d};
    for (int n = 0; n < 4; ++n) as_.mov(kScratch[n], x86::dword_ptr(x86::rbp, kPane * from + 4 * n));
    for (int n = 0; n < 4; ++n) as_.mov(x86::dword_ptr(x86::rbp, kPane * to + 4 * n), kScratch[n]);
  }
  void copy_starts(int from, int to) {
    for (int n = 0; n < kBeyond; ++n) {
      as_.mov(x86::r8d, link(from + n - kBeyond, offsetof(ReturnLink, started), 4));
      as_.mov(link(to + n - kBeyond, offsetof(ReturnLink, started), 4), x86::r8d);
    }
  }
  // In the link of window `number`, or of one beyond.
  x86::Mem link(int number, std::size_t offset, unsigned size) const {
    const int at = static_cast<int>(offsetof(JitRegisters, links) + offset) +
                   (kBeyond + number) * static_cast<int>(sizeof(ReturnLink));
    return x86::Mem(x86::rbp, layout_.jit + at, size);
  }

  x86::Assembler& as_;
  Layout layout_;
};

// From one of these windows by n, which register r8 tells apart. By comparisons: the same host foresees
// these well at all times, and where a call by a table leads only at some.
void emit_choice(Rotation& rotation, x86::Assembler& as, std::span<const int> before, int n) {
  if (before.size() == 1) return rotation.emit(before[0], n);
  const std::size_t half = before.size() / 2;
  const Label upper = as.newLabel();
  as.cmp(x86::r8d, kPane * before[half]);
  as.jae(upper);
  emit_choice(rotation, as, before.first(half), n);
  as.bind(upper);
  emit_choice(rotation, as, before.subspan(half), n);
}

}  // namespace

void emit_rotation(x86::Assembler& as, Layout layout, int n) {
  std::vector<int> before;
  for (int window = 0; window < kAll; ++window) {
    const WindowEdges edges = window_edges()[static_cast<std::size_t>(window)];
    const auto by = static_cast<std::size_t>(std::abs(n));
    if ((n > 0 ? edges.up[by] : edges.down[by]) != 0) before.push_back(window);
  }
  as.mov(x86::r8d, x86::ebx);
  as.sub(x86::r8d, x86::ebp);
  Rotation rotation(as, layout);
  emit_choice(rotation, as, before, n);
}

}  // namespace espalier::xtensa::jit::x64
