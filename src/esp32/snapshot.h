// A machine's whole state apart from any machine: what any number of clones start from.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "esp32/machine.h"
#include "net/guest_lease.h"

namespace espalier::esp32 {

// What is said of a snapshot besides its state.
struct SnapshotNotes {
  std::string program;      // "Espalier 0.1.0": what took it
  std::string image;        // what the machine had booted
  net::GuestLease lease{};  // what the guest had been using on a network that gives addresses
};

// Immutable, so that threads may share one. Clones map its RAM and flash: memory that they do not change
// exists once, however many there are.
class Snapshot {
 public:
  // Of a machine between rounds, which goes on unchanged. Says what the host could not give otherwise.
  static std::expected<std::shared_ptr<const Snapshot>, std::string> take(Machine& machine,
                                                                          SnapshotNotes notes);

  // The form in which it leaves the process: compressed, with version and checksum.
  std::vector<std::uint8_t> file() const;
  // Takes such a file back. An error is the rest of a line that begins with the file's name: "is damaged:
  // ...".
  static std::expected<std::shared_ptr<const Snapshot>, std::string> load(std::span<const std::uint8_t> file);
  // Whether a file that begins with these bytes (8 will do) means to be one.
  static bool is_one(std::span<const std::uint8_t> begin);

  // How a clone may differ from the machine that was taken.
  struct CloneOptions {
    std::shared_ptr<const SharedRom> rom;  // required: the ROM that the machine had
    ClockMode clock = ClockMode::kRealtime;
    MachineClock::HostClock host_clock;
    xtensa::Engine engine = xtensa::kDefaultEngine;
    std::optional<std::uint32_t> reset_limit;
  };
  // A machine that goes on where the other was taken. An error is the rest of a line that begins with what
  // the snapshot is called.
  std::expected<std::unique_ptr<Machine>, std::string> clone(const CloneOptions& options,
                                                             base::Logger log = base::Logger()) const;

  const SnapshotNotes& notes() const { return notes_; }
  std::uint64_t instructions() const { return instructions_; }  // of both cores, since power-on
  std::uint64_t clock_ns() const { return clock_ns_; }          // virtual time
  const std::shared_ptr<const devices::FlashImage>& flash() const { return flash_; }
  std::uint32_t psram_size() const { return psram_size_; }  // bytes
  const ChipOptions& chip() const { return chip_; }

 private:
  Snapshot() = default;
  void archive_notes(base::Archive& ar);

  SnapshotNotes notes_;
  std::uint64_t instructions_ = 0, clock_ns_ = 0;
  std::uint32_t psram_size_ = 0;
  ChipOptions chip_;
  std::array<std::uint8_t, 32> rom_{};  // SharedRom::digest()
  std::shared_ptr<const devices::FlashImage> flash_;
  std::shared_ptr<const SharedPages> ram_;
  std::vector<std::uint8_t> state_;  // Machine::archive_state()
};

}  // namespace espalier::esp32
