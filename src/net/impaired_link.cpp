#include "net/impaired_link.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace espalier::net {
namespace {

using base::Ticks;

constexpr std::uint64_t kInStream = 1, kOutStream = 2;

}  // namespace

ImpairedLink::ImpairedLink(base::EventQueue& events, std::function<void()> queued)
    : events_(events), queued_(std::move(queued)), timer_(events, [this] { deliver(); }) {
  in_.random = base::Random(base::seed_of("in", kInStream));
  out_.random = base::Random(base::seed_of("out", kOutStream));
}

void ImpairedLink::plug(EthernetPort& guest, EthernetPeer& network) {
  guest_ = &guest;
  network_ = &network;
  guest.on_receive_ready([this] {
    deliver();
    if (ready_ && bypassed(in_, link_.in) && guest_->can_receive()) ready_();
  });
}

void ImpairedLink::set(const LinkImpairment& link) {
  if (link.seed != link_.seed) {
    in_.random = base::Random(base::seed_of("in", link.seed));
    out_.random = base::Random(base::seed_of("out", link.seed));
  }
  link_ = link;
  if (ready_ && can_receive()) ready_();
}

bool ImpairedLink::receive(Frame frame) {
  if (bypassed(in_, link_.in)) return guest_->receive(frame);
  take(in_, link_.in, frame);
  return true;
}

void ImpairedLink::send(Frame frame) {
  if (bypassed(out_, link_.out)) return network_->send(frame);
  take(out_, link_.out, frame);
}

void ImpairedLink::guest_down() {
  in_.waiting.clear();
  arm();
  network_->guest_down();
}

void ImpairedLink::take(Way& way, const Impairment& impairment, Frame frame) {
  if (frame.empty()) return;
  // All of them are drawn for each frame, so that what one option does to it is the same with and without the
  // others.
  const bool lost = way.random.chance(impairment.loss);
  const bool twice = way.random.chance(impairment.duplicate);
  const bool overtakes = way.random.chance(impairment.reorder);
  const double jitter = 2 * way.random.unit() - 1;
  if (lost || impairment.partition || stuck_) {
    ++way.counts.lost;
    return;
  }
  wait(way, impairment, jitter, overtakes, frame);
  if (twice) {
    ++way.counts.duplicated;
    wait(way, impairment, jitter, overtakes, frame);
  }
  arm();
  queued_();
}

void ImpairedLink::wait(Way& way, const Impairment& impairment, double jitter, bool overtakes, Frame frame) {
  if (way.waiting.size() >= kMostWaiting) {
    ++way.counts.lost;
    return;
  }
  Ticks due = events_.now();
  if (impairment.rate != 0) {
    const Ticks needed = static_cast<Ticks>(static_cast<unsigned __int128>(frame.size()) * 8 *
                                            base::kTicksPerSecond / impairment.rate);
    due = way.free_at = std::max(way.free_at, due) + needed;
  }
  if (!overtakes) {
    const double ns =
        static_cast<double>(impairment.latency_ns) + jitter * static_cast<double>(impairment.jitter_ns);
    due += base::ticks_from_ns(static_cast<std::uint64_t>(std::max(ns, 0.0)));
    due = way.last_due = std::max(due, way.last_due);
  }
  way.waiting.emplace(due, Bytes(frame.begin(), frame.end()));
}

// What is due. The guest's side may have no buffer: then that frame and those behind it stay.
void ImpairedLink::deliver() {
  // Whoever gets a frame may send one or announce buffers before that returns.
  if (std::exchange(delivering_, true)) return;
  const Ticks now = events_.now();
  const auto next = [now](Way& way) -> Bytes {
    if (way.waiting.empty() || way.waiting.begin()->first > now) return {};
    Bytes frame = std::move(way.waiting.begin()->second);
    way.waiting.erase(way.waiting.begin());
    return frame;
  };
  for (Bytes frame; !(frame = next(out_)).empty();)
    if (!stuck_) network_->send(frame);
  for (Bytes frame; guest_->can_receive() && !(frame = next(in_)).empty();)
    if (!stuck_) guest_->receive(frame);
  delivering_ = false;
  arm();
}

// Frames that are due but find no buffer need no timer: the guest's side tells.
void ImpairedLink::arm() {
  if (delivering_) return;
  const Ticks now = events_.now();
  Ticks due = base::kNever;
  if (!out_.waiting.empty()) due = out_.waiting.begin()->first;
  if (!in_.waiting.empty() && (in_.waiting.begin()->first > now || guest_->can_receive()))
    due = std::min(due, in_.waiting.begin()->first);
  if (due == base::kNever)
    timer_.cancel();
  else if (!timer_.armed() || timer_.deadline() != due)
    timer_.arm(due);
}

}  // namespace espalier::net
