#include "debug/core_watch.h"

#include <algorithm>
#include <utility>

namespace espalier::debug {

using base::TraceEvent;

namespace {

constexpr TraceEvent kOccasions[] = {TraceEvent::cpu_interrupt, TraceEvent::cpu_exception,
                                     TraceEvent::cpu_return, TraceEvent::cpu_window,
                                     TraceEvent::cpu_window_return};

unsigned interrupt_level(const xtensa::Core& core) {
  const std::uint32_t ps = core.state().ps;
  const std::uint32_t level = ps & xtensa::kPsIntlevel;
  return (ps & xtensa::kPsExcm) != 0 ? std::max(level, xtensa::kExcmLevel) : level;
}

}  // namespace

CoreWatch::CoreWatch(esp32::Machine& machine) : machine_(machine) {
  machine_.tracer().on_change(this, [this] { arm(); });
  arm();
}

CoreWatch::~CoreWatch() {
  machine_.tracer().on_change(this, {});
  for (const TraceEvent event : kOccasions) machine_.tracer().listen(event, {});
  machine_.scheduler().on_turn_end(this, {});
}

void CoreWatch::arm() {
  base::Tracer& tracer = machine_.tracer();
  const bool wanted = tracer.on(TraceEvent::task_switch) || tracer.on(TraceEvent::cpu_interrupt_done);
  if (wanted == armed_) return;
  armed_ = wanted;
  tasks_ = {};
  for (auto& levels : levels_) levels.clear();
  for (const TraceEvent event : kOccasions) {
    base::Tracer::Sink look_now;
    if (wanted)
      look_now = [this](const base::TraceRecord& record) {
        const auto cpu = static_cast<unsigned>(record.values[0].number());
        look(cpu);
        if (record.is(TraceEvent::cpu_interrupt))
          levels_[cpu].push_back(static_cast<unsigned>(record.values[1].number()));
      };
    tracer.listen(event, std::move(look_now));
  }
  if (wanted)
    machine_.scheduler().on_turn_end(this, [this](xtensa::Core& core, base::Ticks) { look(core.index()); });
  else
    machine_.scheduler().on_turn_end(this, {});
}

void CoreWatch::look(unsigned cpu) {
  base::Tracer& tracer = machine_.tracer();
  // A handler runs at its level at least.
  const unsigned level = interrupt_level(machine_.core(cpu));
  auto& levels = levels_[cpu];
  while (!levels.empty() && levels.back() > level) {
    tracer.trace<TraceEvent::cpu_interrupt_done>(cpu, levels.back());
    levels.pop_back();
  }
  const std::uint32_t task = current_tcb(machine_, symbols_, cpu);
  if (task == tasks_[cpu]) return;
  tasks_[cpu] = task;
  if (task != 0 && tracer.on(TraceEvent::task_switch))
    tracer.trace<TraceEvent::task_switch>(cpu, task, task_name(machine_, symbols_, task));
}

}  // namespace espalier::debug
