// Window overflow and underflow where the guest's handlers are the usual ones: the exception, its handler and
// the return from it in one step. Everything is then as the handler would have left it, the count of
// instructions included. Where it cannot be (a budget that ends within, a stack that is not plain memory,
// other handlers) the exception is raised. What is most common a backend may do by itself.
#include <cstring>

#include "xtensa/interpreter.h"
#include "xtensa/jit/translator.h"
#include "xtensa/jit/window_handlers.h"

namespace espalier::xtensa::jit {
namespace {

constexpr unsigned kPageBits = 12;
constexpr std::uint32_t kPane = 16;  // bytes of the four registers by which windows move

// A call has just written PS's third byte: a load of all of it would have to wait for that store. OWB is all
// that the second one holds.
void set_owb(State& state, std::uint32_t windowbase) {
  static_assert(kPsOwb == 0xf00 && (kPsWritable & 0xff00f000) == 0);
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&state.ps);
  state.ps = bytes[0] | windowbase << kPsOwbShift | std::uint32_t{bytes[2]} << 16;
}

std::uint32_t load_word(const std::uint8_t* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

// Who wants to know of windows and their handlers gets to see them.
bool Translator::traces_windows() const {
  return core_.traces(base::TraceEvent::cpu_window) || core_.traces(base::TraceEvent::cpu_window_return);
}

// Whether nothing but the handler would come now, and it is the usual one.
bool Translator::takes_window_step(unsigned handler) {
  const State& state = core_.state_;
  if (core_.attention_ != 0) return false;
  if (traces_windows()) return false;
  if ((state.interrupt & (state.intenable | kNmiLine)) != 0 && core_.interrupt_ready()) return false;
  const WindowHandlers& handlers = registers_.handlers;
  if (!handlers.known || handlers.vecbase != state.vecbase) look_at_window_handlers();
  return (handlers.usual >> handler & 1) != 0;
}

void Translator::look_at_window_handlers() {
  WindowHandlers& handlers = registers_.handlers;
  handlers = {.known = true, .vecbase = core_.state_.vecbase, .usual = 0};
  handlers.usual = usual_window_handlers(source_, handlers.vecbase);
  for (unsigned handler = 0; handler < kWindowHandlers; ++handler)
    if ((handlers.usual >> handler & 1) != 0)
      core_.environment_.code_decoded(core_, handlers.vecbase + handler * kWindowHandlerDistance,
                                      window_handler_size(handler));
}

bool WindowHandlers::overlap(std::uint32_t address, std::uint64_t end) const {
  const std::uint64_t all = std::uint64_t{kWindowHandlers} * kWindowHandlerDistance;
  return known && address < vecbase + all && vecbase < end;
}

// Words that the interpreter would access in host memory, too.
bool Translator::are_plain(std::uint32_t address, std::uint32_t size, std::uint8_t needed) const {
  const std::uint32_t last = address + size - 1;
  const std::uint8_t* const attributes = core_.memory_.attributes;
  return (address & 3) == 0 && last >= address &&
         (attributes[address >> kPageBits] & attributes[last >> kPageBits] & needed) != 0;
}

bool Translator::spill_window(std::uint32_t pc) {
  State& state = core_.state_;
  const std::uint32_t present = present_window();
  // How far above the present window the frame is, and how many windows it has.
  std::uint32_t above = 1;
  while (!registers_.started(present + above)) ++above;
  std::uint32_t windows = 1;
  while (windows < 3 && !registers_.started(present + above + windows)) ++windows;
  const std::int64_t cost = kWindowHandlerSteps[windows - 1];
  if (registers_.left < cost || !takes_window_step(overflow_handler(windows))) return false;

  const std::uint32_t frame = present + above;
  std::uint32_t* const own = state.window(frame);
  std::uint8_t* const memory = core_.memory_.base;
  const std::uint32_t save = state.window(frame + windows)[1] - kPane;
  if (!are_plain(save, kPane, kPageStore32)) return false;
  if (windows == 1) {
    std::memcpy(memory + save, own, kPane);
  } else {
    // In the handler's order, as the words may be the same. The first is stored again if the handler has to
    // run: there is budget for it.
    const std::uint32_t link = own[1] - 12;
    if (!are_plain(link, 4, kPageLoad32)) return false;
    std::memcpy(memory + save, own, 4);
    const std::uint32_t stack = load_word(memory + link);
    const std::uint32_t rest = stack - kPane * windows;
    if (!are_plain(rest, kPane * (windows - 1), kPageStore32)) return false;
    std::memcpy(memory + save + 4, own + 1, kPane - 4);
    for (unsigned n = 1; n < windows; ++n)
      std::memcpy(memory + rest + kPane * (n - 1), state.window(frame + n), kPane);
    own[0] = stack;
  }
  registers_.set_started(frame, false);
  registers_.left -= cost;
  state.epc[1] = pc;
  set_owb(state, present);
  ++stats_.window_steps;
  return true;
}

// With the RETW that comes again.
bool Translator::reload_window(std::uint32_t pc) {
  State& state = core_.state_;
  const std::uint32_t* const window = registers_.window;
  const std::uint32_t present = present_window();
  const std::uint32_t windows = window[0] >> 30;
  if (windows == 0) return false;
  for (std::uint32_t n = 1; n <= 3; ++n)
    if (registers_.started(present - n)) return false;
  const std::int64_t cost = kWindowHandlerSteps[windows - 1] + 1;
  if (registers_.left < cost || !takes_window_step(underflow_handler(windows))) return false;

  const std::uint32_t frame = present - windows;
  const std::uint8_t* const memory = core_.memory_.base;
  const std::uint32_t saved = window[1] - kPane;
  if (!are_plain(saved, kPane, kPageLoad32)) return false;
  std::uint32_t own[4];
  std::memcpy(own, memory + saved, kPane);
  if (windows != 1) {
    const std::uint32_t link = own[1] - 12;
    if (!are_plain(link, 4, kPageLoad32)) return false;
    const std::uint32_t rest = load_word(memory + link) - kPane * windows;
    if (!are_plain(rest, kPane * (windows - 1), kPageLoad32)) return false;
    for (unsigned n = 1; n < windows; ++n)
      std::memcpy(state.window(frame + n), memory + rest + kPane * (n - 1), kPane);
  }
  std::memcpy(state.window(frame), own, kPane);
  registers_.set_started(frame, true);
  registers_.left -= cost;
  state.epc[1] = pc;
  set_owb(state, present);
  ++stats_.window_steps;
  return true;
}

}  // namespace espalier::xtensa::jit
