#include "fleet/event_log.h"

#include <chrono>
#include <utility>

namespace espalier::fleet {

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void EventLog::add(Event::Kind kind, std::string device, std::string detail) {
  Event event{
      .id = 0, .time = wall_time(), .kind = kind, .device = std::move(device), .detail = std::move(detail)};
  broadcast_.publish(
      [&] {
        event.id = ++last_id_;
        kept_.push_back(event);
        if (kept_.size() > kKept) kept_.pop_front();
        return true;
      },
      event);
}

Subscription EventLog::follow(std::uint64_t after, Control::EventCallback callback) {
  return broadcast_.follow(std::move(callback), [&](const Control::EventCallback& follower) {
    for (const Event& event : kept_)
      if (event.id > after) follower(event);
  });
}

}  // namespace espalier::fleet
