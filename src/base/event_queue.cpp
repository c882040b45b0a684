#include "base/event_queue.h"

#include <utility>

namespace espalier::base {

Timer::Timer(EventQueue& queue, std::function<void()> callback)
    : queue_(queue), rank_(queue.next_rank_++), callback_(std::move(callback)) {}

Timer::~Timer() {
  cancel();
}

void Timer::arm(Ticks deadline) {
  cancel();
  if (deadline == kNever) return;
  deadline_ = deadline;
  queue_.insert(this);
}

void Timer::cancel() {
  if (!armed()) return;
  queue_.remove(this);
  deadline_ = kNever;
}

bool EventQueue::before(const Timer* a, const Timer* b) {
  return a->deadline_ != b->deadline_ ? a->deadline_ < b->deadline_ : a->rank_ < b->rank_;
}

void EventQueue::insert(Timer* timer) {
  timer->order_ = next_order_++;
  timer->slot_ = heap_.size();
  heap_.push_back(timer);
  sift_up(timer->slot_);
  if (timer->slot_ == 0 && on_earlier_) on_earlier_(timer->deadline_);
}

void EventQueue::remove(Timer* timer) {
  const std::size_t slot = timer->slot_;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == timer) return;
  heap_[slot] = last;
  last->slot_ = slot;
  sift_up(slot);
  sift_down(last->slot_);
}

void EventQueue::sift_up(std::size_t slot) {
  while (slot > 0) {
    const std::size_t parent = (slot - 1) / 2;
    if (!before(heap_[slot], heap_[parent])) return;
    std::swap(heap_[slot], heap_[parent]);
    heap_[slot]->slot_ = slot;
    heap_[parent]->slot_ = parent;
    slot = parent;
  }
}

void EventQueue::sift_down(std::size_t slot) {
  for (;;) {
    std::size_t least = slot;
    for (std::size_t child = 2 * slot + 1; child <= 2 * slot + 2 && child < heap_.size(); ++child)
      if (before(heap_[child], heap_[least])) least = child;
    if (least == slot) return;
    std::swap(heap_[slot], heap_[least]);
    heap_[slot]->slot_ = slot;
    heap_[least]->slot_ = least;
    slot = least;
  }
}

void EventQueue::run_due(Ticks now) {
  // Timers armed by callbacks for a time already past fire in the next call: a callback that re-arms itself
  // for the present must not hold the machine up for ever.
  const std::uint64_t horizon = next_order_;
  while (!heap_.empty() && heap_.front()->deadline_ <= now && heap_.front()->order_ < horizon) {
    Timer* timer = heap_.front();
    timer->cancel();
    timer->callback_();
  }
}

}  // namespace espalier::base
