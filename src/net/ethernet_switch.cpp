#include "net/ethernet_switch.h"

#include <algorithm>
#include <utility>

namespace espalier::net {
namespace {

constexpr std::size_t kHeader = 14;

}  // namespace

// ---- The switch ----

EthernetSwitch::Counts EthernetSwitch::counts() const {
  return {.forwarded = forwarded_, .flooded = flooded_, .dropped = dropped_};
}

std::size_t EthernetSwitch::addresses() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

// With the mutex. True where another port has the address, which nobody has been told of.
bool EthernetSwitch::learn(EthernetAddress address, const Place& place) {
  const auto [at, fresh] = table_.try_emplace(address, place);
  if (fresh) {
    if (table_.size() > kMostAddresses)
      std::erase_if(table_, [&](const auto& entry) { return entry.second.uplink && entry.first != address; });
    return false;
  }
  if (at->second.port == place.port) return false;
  at->second = place;
  return !std::exchange(duplicate_told_, true);
}

// ---- Bays ----

EthernetSwitch::Bay::Bay(EthernetSwitch& of, base::EventLoop& loop)
    : switch_(of), bell_(loop, [this] { drain(); }) {
  const std::lock_guard lock(switch_.mutex_);
  switch_.bays_.push_back(this);
}

EthernetSwitch::Bay::~Bay() {
  const std::lock_guard lock(switch_.mutex_);
  std::erase(switch_.bays_, this);
}

std::unique_ptr<EthernetSwitch::Port> EthernetSwitch::Bay::plug(bool uplink) {
  std::uint32_t id = 0;
  {
    const std::lock_guard lock(switch_.mutex_);
    id = switch_.next_port_++;
  }
  std::unique_ptr<Port> port(new Port(*this, id, uplink));
  ports_.emplace(id, port.get());
  return port;
}

void EthernetSwitch::Bay::put(Item item) {
  if (inbox_.size() >= kMostInInbox) return switch_.count_drop();
  inbox_.push_back(std::move(item));
  bell_.ring();
}

void EthernetSwitch::Bay::drain() {
  std::vector<Item> items;
  {
    const std::lock_guard lock(switch_.mutex_);
    items.swap(inbox_);
  }
  for (const Item& item : items) {
    if (item.port == kEveryPort) {
      flood(item.frame, nullptr, item.scope);
    } else if (const auto at = ports_.find(item.port); at != ports_.end()) {
      at->second->deliver(*item.frame, &item.frame);
    }
  }
}

void EthernetSwitch::Bay::flood(const SharedFrame& frame, const Port* except, Scope scope) {
  for (const auto& [id, port] : ports_)
    if (port != except && (scope == Scope::kAll || port->uplink_)) port->deliver(*frame, &frame);
}

// ---- Ports ----

EthernetSwitch::Port::~Port() {
  bay_.ports_.erase(id_);
  const std::lock_guard lock(bay_.switch_.mutex_);
  std::erase_if(bay_.switch_.table_, [&](const auto& entry) { return entry.second.port == id_; });
}

void EthernetSwitch::Port::attach(EthernetPort* port, bool listens) {
  port_ = port;
  attached_ = std::make_shared<Port*>(this);
  // A cable that is exchanged while the machine runs: its link is as it was.
  if (!port_) {
    waiting_.clear();
    link_up_ = uplink_;
    return;
  }
  if (!listens) return;
  // The MAC may keep the callback for longer than this lives, or get another one.
  port_->on_receive_ready([weak = std::weak_ptr(attached_)] {
    if (const auto alive = weak.lock()) (*alive)->room();
  });
}

void EthernetSwitch::Port::room() {
  link_up_ = true;
  while (port_ && !waiting_.empty() && port_->can_receive()) {
    const SharedFrame frame = std::move(waiting_.front());
    waiting_.pop_front();
    port_->receive(*frame);
  }
}

void EthernetSwitch::Port::guest_down() {
  waiting_.clear();
  link_up_ = false;
}

void EthernetSwitch::Port::note_source(Frame frame) {
  learn(ethernet_address(frame, 6));
}

void EthernetSwitch::Port::has(EthernetAddress address) {
  link_up_ = true;
  learn(address);
}

void EthernetSwitch::Port::learn(EthernetAddress source) {
  if (is_group(source) || source == 0) return;
  bool tell = false;
  {
    const std::lock_guard lock(bay_.switch_.mutex_);
    tell = bay_.switch_.learn(source, {.bay = &bay_, .port = id_, .uplink = uplink_});
  }
  if (tell && bay_.switch_.duplicate_) bay_.switch_.duplicate_(source);
}

EthernetSwitch::Port::Found EthernetSwitch::Port::forward(EthernetAddress address, Frame frame) {
  EthernetSwitch& of = bay_.switch_;
  Place place;
  {
    const std::lock_guard lock(of.mutex_);
    const auto at = of.table_.find(address);
    if (at == of.table_.end()) return Found::kUnknown;
    place = at->second;
    if (place.bay != &bay_)
      place.bay->put({.frame = std::make_shared<const std::vector<std::uint8_t>>(frame.begin(), frame.end()),
                      .port = place.port,
                      .scope = Scope::kAll});
  }
  if (place.port == id_) return Found::kDone;  // it has heard it already
  of.forwarded_.fetch_add(1, std::memory_order_relaxed);
  if (place.bay == &bay_)
    if (const auto at = bay_.ports_.find(place.port); at != bay_.ports_.end())
      at->second->deliver(frame, nullptr);
  return Found::kDone;
}

void EthernetSwitch::Port::flood(Frame frame, Scope scope) {
  EthernetSwitch& of = bay_.switch_;
  const auto shared = std::make_shared<const std::vector<std::uint8_t>>(frame.begin(), frame.end());
  of.flooded_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(of.mutex_);
    for (Bay* bay : of.bays_)
      if (bay != &bay_) bay->put({.frame = shared, .port = Bay::kEveryPort, .scope = scope});
  }
  bay_.flood(shared, this, scope);
}

void EthernetSwitch::Port::send(Frame frame) {
  link_up_ = true;
  if (frame.size() < kHeader) return;
  note_source(frame);
  const EthernetAddress to = ethernet_address(frame, 0);
  if (is_group(to) || forward(to, frame) == Found::kUnknown) flood(frame, Scope::kAll);
}

bool EthernetSwitch::Port::send_to(EthernetAddress address, Frame frame) {
  link_up_ = true;
  if (frame.size() < kHeader) return true;
  note_source(frame);
  return forward(address, frame) != Found::kUnknown;
}

void EthernetSwitch::Port::hear(Frame frame) {
  link_up_ = true;
  if (frame.size() >= kHeader) note_source(frame);
}

void EthernetSwitch::Port::send_to_uplinks(Frame frame) {
  link_up_ = true;
  if (frame.size() < kHeader) return;
  note_source(frame);
  flood(frame, Scope::kUplinks);
}

void EthernetSwitch::Port::deliver(Frame frame, const SharedFrame* shared) {
  if (!port_ || !link_up_) return;  // as on a cable with nobody at its end
  if (waiting_.empty() && port_->can_receive()) {
    port_->receive(frame);
    return;
  }
  if (waiting_.size() >= kMostWaiting) return bay_.switch_.count_drop();
  waiting_.push_back(shared ? *shared
                            : std::make_shared<const std::vector<std::uint8_t>>(frame.begin(), frame.end()));
}

}  // namespace espalier::net
