// libFuzzer target: a guest that programs the Ethernet MAC's registers and descriptors at will, against a
// network that answers from within send(). Nothing may crash, hang or reach outside the guest's memory.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/event_queue.h"
#include "base/log.h"
#include "devices/dma.h"
#include "devices/open_eth.h"
#include "net/ethernet_port.h"

namespace {

using namespace espalier;

constexpr std::uint32_t kRam = 0x3ffb0000;

class Ram final : public devices::DmaBus {
 public:
  bool read(std::uint32_t addr, std::span<std::uint8_t> into) override {
    if (!holds(addr, into.size())) return false;
    std::copy_n(bytes_.begin() + (addr - kRam), into.size(), into.begin());
    return true;
  }
  bool write(std::uint32_t addr, std::span<const std::uint8_t> from) override {
    if (!holds(addr, from.size())) return false;
    std::copy(from.begin(), from.end(), bytes_.begin() + (addr - kRam));
    return true;
  }

 private:
  bool holds(std::uint32_t addr, std::size_t size) const {
    return addr >= kRam && addr - kRam <= bytes_.size() && size <= bytes_.size() - (addr - kRam);
  }
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(0x2000);
};

class Clock final : public base::TimeSource {
 public:
  base::Ticks now() override { return now_; }
  void advance(base::EventQueue& events, base::Ticks ticks) {
    now_ += ticks;
    events.run_due(now_);
  }

 private:
  base::Ticks now_ = 0;
};

// Echoes every frame back while there is room, and once more when there is none.
class Echo final : public net::EthernetPeer {
 public:
  explicit Echo(devices::OpenEth& eth) : eth_(eth) {}
  void send(net::Frame frame) override {
    if (frame.size() > 0xffff) std::abort();
    const bool room = eth_.can_receive();
    const bool taken = eth_.receive(frame);
    // Backpressure is a promise: whoever asked first loses nothing.
    if (room && !taken) std::abort();
  }

 private:
  devices::OpenEth& eth_;
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}
  bool empty() const { return left_.empty(); }
  std::uint32_t take(std::size_t bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes && !left_.empty(); ++i) {
      value |= static_cast<std::uint32_t>(left_[0]) << 8 * i;
      left_ = left_.subspan(1);
    }
    return value;
  }
  std::span<const std::uint8_t> take_span(std::size_t size) {
    const auto part = left_.first(std::min(size, left_.size()));
    left_ = left_.subspan(part.size());
    return part;
  }

 private:
  std::span<const std::uint8_t> left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Clock clock;
  base::EventQueue events(clock);
  base::Logger log([](base::LogLevel, base::LogArea, std::string_view) {});
  Ram ram;
  base::Tracer tracer;
  devices::OpenEth eth({events, log, tracer}, ram);
  Echo echo(eth);
  eth.connect(&echo);
  std::vector<std::uint8_t> waiting(64, 0xff);
  eth.on_receive_ready([&] { eth.receive(waiting); });

  Input input(data, size);
  // Bounded: with timers that re-arm each other a long input would only repeat itself.
  for (int step = 0; step < 2000 && !input.empty(); ++step) {
    const std::uint32_t what = input.take(1);
    switch (what & 7) {
      case 0:  // a register
        eth.write((input.take(1) & 0x1f) * 4, input.take(4));
        break;
      case 1:  // a descriptor's flags and length
        eth.write(0x400 + (input.take(1) & 0x7f) * 8, input.take(4));
        break;
      case 2:  // a descriptor's pointer, mostly into RAM and around its ends
        eth.write(0x404 + (input.take(1) & 0x7f) * 8, kRam - 0x100 + (input.take(2) & 0x3fff));
        break;
      case 3:  // a narrow store
        eth.write_masked((input.take(2) & 0x1ff) * 4, input.take(4), what & 8 ? 0xffff0000 : 0x0000ff00);
        break;
      case 4:
        eth.read((input.take(2) & 0x1ff) * 4);
        break;
      case 5: {
        const auto frame = input.take_span(input.take(2) & 0x7ff);
        const bool room = eth.can_receive();
        if (!eth.receive(frame) && room) std::abort();
        break;
      }
      case 6:
        clock.advance(events, input.take(2));
        break;
      default: {
        if (what & 8) {
          eth.set_cable(what & 16);
        } else if (what & 16) {
          eth.reset(devices::ResetKind::kCore);
        } else {  // a snapshot, whole or damaged
          auto saving = base::Archive::saving();
          eth.archive(saving);
          std::vector<std::uint8_t> bytes = saving.bytes();
          const auto damage = input.take_span(input.take(1) & 0x3f);
          const std::size_t at = input.take(2) % bytes.size();
          std::copy_n(damage.begin(), std::min(damage.size(), bytes.size() - at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at));
          auto loading = base::Archive::loading(bytes);
          eth.archive(loading);
        }
        break;
      }
    }
    if (eth.irq.level() != ((eth.peek(0x04) & eth.peek(0x08)) != 0)) std::abort();
  }
  return 0;
}
