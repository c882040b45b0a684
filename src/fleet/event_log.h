// What has happened in a fleet of late, and who follows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "fleet/broadcast.h"
#include "fleet/control.h"

namespace espalier::fleet {

// May be used by any thread.
class EventLog {
 public:
  static constexpr std::size_t kKept = 1000;

  void add(Event::Kind kind, std::string device, std::string detail);
  // Those kept with an id greater than `after`, then all that come.
  Subscription follow(std::uint64_t after, Control::EventCallback callback);

 private:
  Broadcast<const Event&> broadcast_;
  std::deque<Event> kept_;
  std::uint64_t last_id_ = 0;
};

// Seconds since 1970.
double wall_time();

}  // namespace espalier::fleet
