// Power cuts: what a flash may hold after one.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "esp32/machine.h"

namespace espalier::esp32::testing_support {

// What a NOR flash may hold, from the commands that its chip was given: it knows of pages, sectors and the
// data sheet's times (GD25Q32C, "AC characteristics", typical), and nothing of how the chip is modelled.
class FlashRules {
  using Bytes = std::vector<std::uint8_t>;

 public:
  explicit FlashRules(Machine& machine) : machine_(machine), shadow_(contents()) {
    machine.tracer().listen(base::TraceEvent::spi_flash_program, [this](const base::TraceRecord& record) {
      begin(record, false, 600 * base::kTicksPerMicrosecond);
    });
    machine.tracer().listen(base::TraceEvent::spi_flash_erase, [this](const base::TraceRecord& record) {
      const bool sector = record.values[1].number() == 4096;
      begin(record, true, (sector ? 45 : 150) * base::kTicksPerMillisecond);
    });
  }
  // Before the cut.
  void cut() {
    cut_at_ = machine_.events().now();
    uncut_ = contents();
  }
  // After it. What is wrong, or nothing.
  std::string verdict() {
    std::string wrong = std::exchange(wrong_, {});
    const bool torn = operation_ && cut_at_ - operation_->began < operation_->longest;
    ++counts[!torn ? "idle" : operation_->erase ? "erase" : "program"];
    if (!torn) end();
    Bytes now = contents();
    for (std::uint32_t at = 0; at < now.size(); ++at) {
      if (torn && at - operation_->address < operation_->length) {
        if (const std::string_view bad = torn_wrong(shadow_[at], uncut_[at], now[at]); !bad.empty())
          wrong += fmt::format("{:#x}: {:#x}, to be {:#x}, is {:#x}: {}; ", at, shadow_[at], uncut_[at],
                               now[at], bad);
      } else if (now[at] != shadow_[at]) {
        wrong +=
            fmt::format("{:#x}: is {:#x}, not {:#x}, and nobody wrote there; ", at, now[at], shadow_[at]);
      }
    }
    shadow_ = std::move(now);
    operation_.reset();
    return wrong + std::exchange(wrong_, {});
  }

  std::map<std::string, unsigned, std::less<>> counts;  // of cuts, by what was under way

 private:
  struct Operation {
    bool erase;
    std::uint32_t address, length;
    base::Ticks began, longest;
  };
  // A byte of the range that was under way, which held `before` and was to hold `after`. An erase may leave
  // any value, but first it pulls all bits down: nothing has become one then.
  std::string_view torn_wrong(std::uint8_t before, std::uint8_t after, std::uint8_t now) const {
    const bool falling = 4 * (cut_at_ - operation_->began) < operation_->longest;
    if (operation_->erase)
      return falling && (now & ~before) ? "an erase that has just begun has set a bit" : std::string_view();
    if (now & ~before) return "a program has set a bit";
    if (after & ~now) return "a program has cleared a bit that was to stay";
    return {};
  }
  Bytes contents() const {
    Bytes bytes(machine_.flash().size());
    machine_.flash().read(0, bytes);
    return bytes;
  }
  void begin(const base::TraceRecord& record, bool erase, base::Ticks longest) {
    end();
    const auto address = static_cast<std::uint32_t>(record.values[0].number());
    const auto length = static_cast<std::uint32_t>(record.values[1].number());
    const std::uint32_t page = address & ~255u;
    if (!erase && (length > 256 || address + length > page + 256)) wrong_ += "a program leaves its page; ";
    operation_ = Operation{erase, address, length, record.time, longest};
  }
  // The operation under way is over: what it was to do has been done, and nothing else within its range.
  void end() {
    if (!operation_) return;
    Bytes now(operation_->length);
    machine_.flash().read(operation_->address, now);
    for (std::uint32_t i = 0; i < now.size(); ++i) {
      std::uint8_t& before = shadow_[operation_->address + i];
      if (operation_->erase ? now[i] != 0xff : (now[i] & ~before) != 0)
        wrong_ += fmt::format("{:#x}: {:#x} became {:#x} by {}; ", operation_->address + i, before, now[i],
                              operation_->erase ? "an erase" : "a program");
      before = now[i];
    }
    operation_.reset();
  }

  Machine& machine_;
  Bytes shadow_;  // all that is over
  Bytes uncut_;   // as if all that was under way when the power went had been over
  std::optional<Operation> operation_;
  std::string wrong_;
  base::Ticks cut_at_ = 0;
};

// Up to that instruction, through all that the guest waits for.
inline void run_to(Machine& machine, std::uint64_t instructions) {
  machine.limit_instructions(instructions);
  while (machine.instructions() < instructions) {
    ASSERT_FALSE(machine.halted()) << machine.halted()->message;
    if (machine.run_round() == Machine::Progress::kIdle) {
      ASSERT_TRUE(machine.skip_idle());
    }
  }
}

// How much a test does, unless the environment says otherwise.
inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

}  // namespace espalier::esp32::testing_support
