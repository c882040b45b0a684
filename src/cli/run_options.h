// What `espalier run` is asked to do: the command line, parsed and checked, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/publish.h"

namespace espalier::cli {

// Where the bytes of one of the guest's UARTs go to and come from.
struct SerialTarget {
  enum class Kind : std::uint8_t {
    kNone,
    kStdio,  // standard input and output
    kTcp,    // a server at address:port, waiting for one client at a time
    kUnix,   // the same at a path
    kFile,   // output only; the file is begun anew
  };
  Kind kind = Kind::kNone;
  std::string address{};  // kTcp: an IPv4 or IPv6 address, without brackets
  std::uint16_t port = 0;
  std::string path{};  // kUnix, kFile

  bool operator==(const SerialTarget&) const = default;
};

enum class NetMode : std::uint8_t { kUser, kNone };
enum class ClockMode : std::uint8_t { kRealtime, kWarp };
enum class EngineKind : std::uint8_t { kInterpreter };

using MacAddress = std::array<std::uint8_t, 6>;

struct RunOptions {
  // Exactly one of the two: a flash image or build folder, or the built-in guest.
  std::string image;
  bool demo = false;

  std::vector<net::Publish> publish;
  NetMode net = NetMode::kUser;
  std::string pcap;                                                                      // file; empty: none
  std::array<SerialTarget, 3> serial{SerialTarget{.kind = SerialTarget::Kind::kStdio}};  // UART0 to UART2

  std::vector<std::string> until;         // texts that UART0 is to show, in this order
  std::optional<double> timeout_seconds;  // of host time; greater than 0

  ClockMode clock = ClockMode::kRealtime;
  EngineKind engine = EngineKind::kInterpreter;
  std::string rom;                // a real mask ROM, ELF or dump; empty: the built-in one
  std::optional<MacAddress> mac;  // the chip's base MAC address; default: what --efuse or the emulator says
  std::string efuse;              // file of 124 bytes; empty: a blank chip's
  std::optional<std::uint32_t> flash_size;   // bytes
  std::uint32_t psram_size = 0;              // bytes: 0, 2 MiB or 4 MiB
  unsigned cpus = 2;                         // 1 or 2
  bool persist = false;                      // write flash changes back to `image`, which is a file then
  std::optional<std::uint32_t> reset_limit;  // stop when the chip resets for this many-and-first time
  std::string log;                           // "LEVEL[,AREA...]", checked; empty: the default
};

}  // namespace espalier::cli
