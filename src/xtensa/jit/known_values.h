// What is known while a block runs: constants in ARs, and what instructions have asked of addresses and
// windows, which need not be asked again.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "xtensa/jit/region.h"

namespace espalier::xtensa::jit {

// The literal at an address, if it is part of code.
using ReadLiteral = std::function<std::optional<std::uint32_t>(std::uint32_t address)>;

class KnownValues {
 public:
  explicit KnownValues(const Facts& facts);
  // Everything is relative to what the registers were at the block's begin: for wanted() and wanted_for().
  static KnownValues relative();

  // The LX6 has to be asked for unaligned words, which it accesses on the data bus only.
  bool is_aligned(unsigned reg) const { return values_[reg].aligned_if == 0; }
  // Below it, and above whatever an instruction or Facts::kMostRoom small steps may add, lies the data bus:
  // memory there takes accesses of all sizes. Above it lies the instruction bus, which takes words only.
  static constexpr std::uint32_t kNarrowLimit = 0x40000000 - 0x400;
  bool is_narrow(unsigned reg) const { return room(reg) != 0; }
  unsigned panes() const { return panes_; }
  std::optional<std::uint32_t> constant(unsigned reg) const;

  // The instruction is executed; what its access asks for has been true.
  void step(const Step& step, const ReadLiteral& literal);
  // So many windows above the present one have been found free.
  void need_panes(unsigned panes);

  Facts facts() const;
  // What would have saved a test so far, had it been known at the begin; and what would make `facts` known
  // here.
  const Facts& wanted() const { return wanted_; }
  Facts wanted_for(const Facts& facts) const;

 private:
  static constexpr std::uint32_t kNever = ~0u;
  static constexpr std::uint8_t kNowhere = 0xff, kTested = 0xfe;
  static constexpr std::int32_t kSmallStep = 128;  // what ADDI adds at most
  struct Value {
    std::uint32_t aligned_if = kNever;  // these registers (a bit each) were multiples of 4; kNever: who knows
    std::uint32_t constant = 0;
    bool is_constant = false;
    std::uint8_t near = kNowhere;  // the register that it was, or kTested: it was below kNarrowLimit
    std::uint8_t steps = 0;        // since then
  };
  static Value constant_value(std::uint32_t number);
  static Value moved(Value value, std::int32_t by);

  KnownValues() = default;
  unsigned room(unsigned reg) const;
  void access(const Instruction& in);
  Value result(const Step& step, const ReadLiteral& literal, unsigned& to) const;

  std::array<Value, kArs> values_{};
  unsigned panes_ = 0;
  Facts wanted_;
};

}  // namespace espalier::xtensa::jit
