// One run of a random program: a machine whose surroundings (devices, native functions, timers, interrupts)
// do the same each time, and a log of what the program did to them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "xtensa/testing/random.h"
#include "xtensa/testing/random_program.h"
#include "xtensa/testing/test_machine.h"

namespace espalier::xtensa::testing {

// How the time up to the next event is cut into calls of Core::run(). None of it may show.
enum class Slicing : std::uint8_t { kWhole, kSingle, kRandom };

struct LogEntry {
  enum class Kind : std::uint8_t {
    kLoad,
    kStore,
    kWriteExternal,
    kNative,
    kDebugBreak,
    kCompareChanged,
  };
  Kind kind;
  std::uint32_t address, size, value;
  std::uint64_t time;
  bool operator==(const LogEntry&) const = default;
};

class RandomRun {
 public:
  RandomRun();

  // Puts everything into the state in which `program` begins, with a new core. `configure` chooses its
  // engine.
  void start(const RandomProgram& program, const Image& image, const std::function<void(Core&)>& configure);
  // Runs until `time` (or a little beyond, where native functions take time), or until the program waits for
  // an interrupt that will never come.
  void advance(std::uint64_t time, Slicing slicing, Random& random);

  // Instructions executed, charged and slept since the start.
  std::uint64_t now() const { return slept_ + machine_.core().instructions(); }
  bool finished() const { return finished_; }
  TestMachine& machine() { return machine_; }
  const std::vector<LogEntry>& log() const { return log_; }
  // How often run() returned because of request_stop().
  unsigned requested() const { return requested_; }
  // True if memory that the program cannot reach is as it was.
  bool surroundings_intact() const;

  // What is different in another run of the same program, a line each; empty if nothing is.
  std::string difference(RandomRun& other, std::string_view name, std::string_view other_name);

 private:
  bool same(RandomRun& other);
  void fire();
  std::uint64_t next_event() const;
  void record(LogEntry::Kind kind, std::uint32_t address, std::uint32_t size, std::uint32_t value);
  std::uint32_t device_load(std::uint32_t address, unsigned size);
  void device_store(std::uint32_t address, unsigned size, std::uint32_t value);
  void device_effect(std::uint32_t address, std::uint32_t value, bool store);
  void change_word(std::uint32_t address, std::uint32_t value);
  void call_native(Core& core, std::uint32_t pc);
  void compare_changed(unsigned n);

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  mutable TestMachine machine_;
  const RandomProgram* program_ = nullptr;
  const Image* image_ = nullptr;
  std::vector<LogEntry> log_;
  std::size_t next_ = 0;  // of the program's events
  std::array<std::uint64_t, 3> timers_{};
  std::uint64_t slept_ = 0;
  bool finished_ = false;
  unsigned requested_ = 0;
  std::uint32_t loads_ = 0, breaks_ = 0;
};

}  // namespace espalier::xtensa::testing
