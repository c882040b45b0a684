#include "xtensa/testing/initial_state.h"

#include <algorithm>

namespace espalier::xtensa::testing {
namespace {

std::uint32_t some_value(Random& random) {
  switch (random.below(6)) {
    case 0:
      return random.below(32);
    case 1:
      return 0u - random.below(8);
    case 2:
      return 1u << random.below(32);
    case 3:
      return random.pick({0x7fffffffu, 0x80000000u, 0xffff0000u, 0x0000ffffu, kRandomData, kDevice});
    default:
      return random.next();
  }
}

std::uint32_t some_float(Random& random) {
  switch (random.below(5)) {
    case 0:
      return random.pick({0u, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0x7f812345u, 0x3f800000u});
    case 1:
      return random.next() & 0x807fffff;  // subnormal
    case 2:
      return (random.next() & 0x8fffffff) | 0x38000000;  // of common magnitude
    default:
      return random.next();
  }
}

}  // namespace

void add_initial_state(ProgramBuilder& b) {
  Random& random = b.random;
  State& s = b.program.state;
  for (unsigned n = 0; n < 64; ++n) s.ar[n] = some_value(random);
  for (std::uint32_t& f : s.fr) f = some_float(random);
  s.windowbase = random.below(16);
  s.windowstart = 1u << s.windowbase;
  const unsigned a = 4 * s.windowbase;
  s.ar[a] = 0;
  s.ar[a + 1] = kRandomStack;
  s.ar[a + 2] = kRandomData;
  s.ps = (random.chance(95) ? kPsWoe : 0) | (random.chance(70) ? kPsUm : 0);
  s.vecbase = kVectors;
  s.sar = random.below(64);
  s.br = random.next() & 0xffff;
  s.acclo = random.next();
  s.acchi = random.next() & 0xff;
  for (std::uint32_t& m : s.m) m = random.next();
  s.fcr = random.chance(50) ? random.below(128) : 0;
  s.cpenable = random.chance(85) ? 1 : 0;
  s.intenable = random.chance(85) ? random.next() | 0x21198040 : 0;
  b.program.memory_seed = random.next64();
  b.program.debugger = random.chance(85) ? 0 : random.between(1, 2);
}

void add_events(ProgramBuilder& b) {
  Random& random = b.random;
  RandomProgram& program = b.program;
  const unsigned count = random.chance(50) ? random.below(3) : random.below(12);
  const auto time = static_cast<std::uint32_t>(program.instructions);
  for (unsigned i = 0; i < count; ++i) {
    Event event{.time = random.below(time)};
    switch (random.weighted(std::initializer_list<int>{10, 4, 3, 1})) {
      case 0:
        // Rare levels as often as level 1: 2, the NMI.
        event.kind = Event::Kind::kRaiseLine;
        event.value = random.chance(70) ? random.below(32) : random.pick({19u, 20u, 14u, 24u});
        break;
      case 1:
        event.kind = Event::Kind::kLowerLine;
        event.value = random.below(32);
        break;
      case 2:
        // A few bits of an instruction turn over, and back if it happens twice.
        event.kind = Event::Kind::kChangeCode;
        event.value =
            random.pick({0x00000100u, 0x00001000u, 0x00010000u, 0x00100000u, 0x00800000u, random.next()});
        event.label = random.below(static_cast<std::uint32_t>(program.labels.size()));
        break;
      default:
        event.kind = Event::Kind::kForgetCode;
        break;
    }
    program.events.push_back(event);
  }
  std::ranges::stable_sort(program.events, {}, &Event::time);
}

}  // namespace espalier::xtensa::testing
