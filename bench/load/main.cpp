// Asks one HTTP server over and over and says how it answered, as one line of JSON.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "load/http_load.h"

namespace {

using espalier::load::LoadOptions;

constexpr const char* kUsage =
    "usage: http_load [-c CONNECTIONS] [-s SECONDS] [-n REQUESTS] ADDR:PORT/PATH\n"
    "GET requests over keep-alive connections, each sending the next as soon as the last is answered.\n"
    "Exit code 1: a request failed.\n";

template <class T>
bool parse(const char* text, T& value) {
  auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  return error == std::errc() && *end == 0 && value > 0;
}

int bad_usage(const std::string& line) {
  std::fprintf(stderr, "http_load: %s\n%s", line.c_str(), kUsage);
  return 2;
}

// The value below which `share` of them lie, in microseconds; they are in order.
std::uint32_t quantile(const std::vector<std::uint32_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  LoadOptions options;
  std::string target;
  for (int n = 1; n < argc; ++n) {
    const std::string word = argv[n];
    const char* value = n + 1 < argc ? argv[n + 1] : "";
    bool good = true;
    if (word == "-c") {
      good = parse(value, options.connections) && options.connections <= 10'000;
    } else if (word == "-s") {
      good = parse(value, options.seconds) && std::isfinite(options.seconds);
    } else if (word == "-n") {
      good = parse(value, options.requests);
    } else if (target.empty() && !word.starts_with('-')) {
      target = word;
      continue;
    } else {
      return bad_usage("'" + word + "' is not understood");
    }
    if (!good) return bad_usage("'" + std::string(value) + "' is no value for " + word);
    ++n;
  }
  if (target.empty()) return bad_usage("which server?");
  const auto parsed = espalier::load::parse_target(target);
  if (!parsed) return bad_usage(parsed.error());
  options.target = *parsed;

  const auto result = espalier::load::run_load(options);
  if (!result) {
    std::fprintf(stderr, "http_load: %s\n", result.error().c_str());
    return 3;
  }
  const auto& times = result->latencies_us;
  const double rate = result->seconds > 0 ? static_cast<double>(times.size()) / result->seconds : 0;
  std::printf(
      "{\"requests\": %zu, \"failures\": %llu, \"reconnects\": %llu, \"seconds\": %.3f, \"per_second\": "
      "%.1f, "
      "\"latency_us\": {\"min\": %u, \"median\": %u, \"p90\": %u, \"p99\": %u, \"max\": %u}}\n",
      times.size(), static_cast<unsigned long long>(result->failures),
      static_cast<unsigned long long>(result->reconnects), result->seconds, rate, quantile(times, 0),
      quantile(times, 0.5), quantile(times, 0.9), quantile(times, 0.99), quantile(times, 1));
  if (result->failures == 0 && !times.empty()) return 0;
  std::fprintf(stderr, "http_load: %llu of %llu requests failed; the first: %s\n",
               static_cast<unsigned long long>(result->failures),
               static_cast<unsigned long long>(result->failures + times.size()),
               result->first_failure.c_str());
  return 1;
}
