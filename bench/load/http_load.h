#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace espalier::load {

/// Where requests go.
struct Target {
  sockaddr_in address{};
  std::string host;  ///< as named, for the Host header
  std::string path;  ///< begins with '/'
};

/// `ADDR:PORT/PATH`, ADDR being an IPv4 address; or one line that says what is wrong with it.
std::expected<Target, std::string> parse_target(const std::string& text);

struct LoadOptions {
  Target target;
  unsigned connections = 1;     ///< kept open, each with one request under way
  std::uint64_t requests = 0;   ///< stop after so many; 0: not for that reason
  double seconds = 5;           ///< stop after this time
  double patience_seconds = 5;  ///< a request without an answer for so long has failed
};

struct LoadResult {
  std::vector<std::uint32_t> latencies_us;  ///< of the requests answered with status 200, ascending
  std::uint64_t failures = 0;               ///< other answers, connections refused or broken, no answer
  std::uint64_t reconnects = 0;             ///< connections that the server closed after an answer
  double seconds = 0;                       ///< from the first request to the last answer
  std::string first_failure;                ///< what it was
};

/// Sends GET requests over keep-alive connections, the next one as soon as the last is answered, and waits
/// for what is under way at the end. Another connection is opened with each answer until there are all: a
/// small server's backlog is short, and a SYN that it drops is repeated only after seconds. One thread, one
/// epoll; what it costs itself is some microseconds a request. An error: the host refuses what the client
/// needs.
std::expected<LoadResult, std::string> run_load(const LoadOptions& options);

}  // namespace espalier::load
