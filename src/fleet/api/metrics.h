// What GET /metrics answers: Prometheus's text format, version 0.0.4.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "fleet/api/http_server.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

// How long the API's answers have taken, by route. Any thread.
class ApiMetrics {
 public:
  void add(const Served& served);
  std::string text() const;

 private:
  static constexpr std::array kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                         0.1,    0.25,  0.5,    1.0,   2.5,  5.0,   10.0};  // seconds
  struct Histogram {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // of each bucket by itself
    double sum = 0;
    std::map<unsigned, std::uint64_t> statuses{};
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Histogram> histograms_;  // by route and method
};

// `per_device`: with time series for each device, too.
std::string metrics_of(const FleetInfo& info, const FleetStats& stats, bool per_device);

}  // namespace espalier::fleet::api
