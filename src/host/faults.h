// Carries out faults on one machine.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/event_queue.h"
#include "base/random.h"
#include "esp32/machine.h"
#include "host/fault.h"
#include "net/impaired_link.h"

namespace espalier::host {

// Belongs to the machine's thread. Whoever drives the machine calls carry_out() between rounds once due()
// says so, and runs none while the power is off.
class Faults {
 public:
  // `cable` gives the piece of cable that can be stuck; `told` is told what has been done, a line each that
  // says so exactly that it can be done again.
  Faults(esp32::Machine& machine, std::function<net::ImpairedLink&()> cable,
         std::function<void(const Fault&, const std::string&)> told);

  // Done at the next carry_out(), or when its time comes. An error is one line: this machine cannot have it.
  std::expected<void, std::string> add(const Fault& fault);
  // Whether carry_out() has something to do.
  bool due() const { return machine_.instructions() >= next_; }
  void carry_out();
  // For how long the power is off still (ns of the host's time). Asked by whoever is about to let the machine run:
  // its clock goes on once the answer is 0.
  std::uint64_t off_ns();

 private:
  struct Planned {
    std::uint64_t at;
    Fault fault;
  };
  std::expected<void, std::string> check(const Fault& fault);
  void plan();
  void carry_out(const Fault& fault);
  std::string cut_power(const Fault& fault);
  std::string brown_out(const Fault& fault);
  std::string flip_bits(const Fault& fault);
  std::string flip(Fault::Memory memory, std::uint32_t address, unsigned bit);
  std::uint32_t any_address(Fault::Memory memory, base::Random& random);
  bool is_there(Fault::Memory memory, std::uint32_t address);

  esp32::Machine& machine_;
  std::function<net::ImpairedLink&()> cable_;
  std::function<void(const Fault&, const std::string&)> told_;
  std::vector<Planned> planned_;  // by time
  std::uint64_t next_;
  std::uint64_t off_until_ns_ = 0;
  base::Timer brown_out_timer_;
  base::Timer stuck_timer_;
};

}  // namespace espalier::host
