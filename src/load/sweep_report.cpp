#include "load/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "load/report.h"
#include "load/svg_plot.h"

namespace espalier::load {
namespace {

double milliseconds(const Histogram& latency, double percent) {
  return static_cast<double>(latency.percentile(percent)) / 1e6;
}
double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

// What was asked of it was not done: more than one request in a hundred failed, or answers came slower than
// requests.
bool overloaded(const SweepRow& row) {
  const LoadResult& result = row.result;
  return result.failed() * 100 > result.requests() || result.throughput() < row.rate * 0.95;
}

}  // namespace

std::string table_head() {
  return fmt::format("{:<12} {:>7} {:>8} {:>8} {:>9} {:>7} {:>9} {:>9} {:>9} {:>6} {:>9}\n", "", "devices",
                     "up, s", "rate/s", "answers/s", "failed", "p50, ms", "p99, ms", "max, ms", "cores",
                     "MiB");
}

std::string table_line(const SweepRow& row) {
  std::string text = fmt::format("{:<12} {:>7} {:>8.2f} ", row.contestant, row.devices, row.up_seconds);
  if (!row.problem.empty()) return text + row.problem + "\n";
  const LoadResult& result = row.result;
  return text + fmt::format("{:>8g} {:>9.1f} {:>7} {:>9.3f} {:>9.3f} {:>9.3f} {:>6.2f} {:>9.1f}{}\n",
                            row.rate, result.throughput(), result.failed(), milliseconds(result.latency, 50),
                            milliseconds(result.latency, 99), milliseconds(result.latency, 100),
                            row.cpu_share, mebibytes(row.memory_bytes), overloaded(row) ? " overloaded" : "");
}

std::string csv_of(const std::vector<SweepRow>& rows) {
  std::string text =
      "contestant,devices,up_seconds,rate,connections,requests,answered,failed,per_second,mean_ms,p50_ms,p90_"
      "ms,"
      "p99_ms,p99.9_ms,max_ms,cpu_cores,memory_mib,client_late_ms,problem\n";
  for (const SweepRow& row : rows) {
    const LoadResult& result = row.result;
    const Histogram& latency = result.latency;
    std::string problem = row.problem;
    std::ranges::replace(problem, '"', '\'');
    text += fmt::format(
        "{},{},{:.3f},{:g},{},{},{},{},{:.2f},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{:.3f},"
        "{:.1f},{:.3f},\"{}\"\n",
        row.contestant, row.devices, row.up_seconds, row.rate, row.connections, result.requests(),
        result.answered(), result.failed(), result.throughput(), latency.mean() / 1e6,
        milliseconds(latency, 50), milliseconds(latency, 90), milliseconds(latency, 99),
        milliseconds(latency, 99.9), milliseconds(latency, 100), row.cpu_share, mebibytes(row.memory_bytes),
        static_cast<double>(result.latest_start) / 1e6, problem);
  }
  return text;
}

nlohmann::ordered_json json_of(const SweepOptions& options, const std::vector<SweepRow>& rows) {
  nlohmann::ordered_json json{{"path", options.path}, {"rows", nlohmann::ordered_json::array()}};
  for (const SweepRow& row : rows) {
    nlohmann::ordered_json entry{
        {"contestant", row.contestant}, {"devices", row.devices}, {"up_seconds", row.up_seconds}};
    if (!row.problem.empty()) {
      entry["problem"] = row.problem;
    } else {
      LoadOptions load = options.load;
      load.connections = row.connections;
      load.rate = row.rate;
      entry["cpu_cores"] = row.cpu_share;
      entry["memory_bytes"] = row.memory_bytes;
      entry["load"] = json_of(load, row.result);
      entry["load"].erase("targets");  // thousands of lines that nobody compares
    }
    json["rows"].push_back(std::move(entry));
  }
  return json;
}

std::string svg_of(const std::vector<SweepRow>& rows) {
  Plot plot{.title = "Response time against the number of devices",
            .x_label = "devices",
            .y_label = "response time, ms",
            .solid = "median",
            .dashed = "99th percentile",
            .panels = {}};
  std::vector<double> rates;
  for (const SweepRow& row : rows)
    if (row.result.answered() != 0 && std::ranges::find(rates, row.rate) == rates.end())
      rates.push_back(row.rate);
  for (const double rate : rates) {
    Panel panel{.title = fmt::format("{:g} requests a second in all", rate), .series = {}};
    for (const SweepRow& row : rows) {
      if (row.rate != rate || row.result.answered() == 0) continue;
      for (const bool dashed : {false, true}) {
        auto series = std::ranges::find_if(
            panel.series, [&](const Series& s) { return s.name == row.contestant && s.dashed == dashed; });
        if (series == panel.series.end())
          series = panel.series.insert(series, {.name = row.contestant, .dashed = dashed, .points = {}});
        // A time below the clock's resolution still has a place on a logarithmic axis.
        series->points.emplace_back(static_cast<double>(row.devices),
                                    std::max(1e-3, milliseconds(row.result.latency, dashed ? 99 : 50)));
      }
    }
    plot.panels.push_back(std::move(panel));
  }
  return svg_of(plot);
}

}  // namespace espalier::load
