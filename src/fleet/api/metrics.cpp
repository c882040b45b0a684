#include "fleet/api/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "fleet/api/to_json.h"

namespace espalier::fleet::api {

namespace {

// A value of a label, between quotes.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text;
}

class Text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  // `labels`: as in the format, without braces.
  template <class T>
  void value(std::string_view labels, T value, std::string_view suffix = "") {
    fmt::format_to(std::back_inserter(text_), "{}{}{}{}{} {}\n", name_, suffix, labels.empty() ? "" : "{",
                   labels, labels.empty() ? "" : "}", value);
  }
  template <class T>
  void single(std::string_view name, std::string_view type, std::string_view help, T only) {
    family(name, type, help);
    value("", only);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

struct DeviceFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*value)(const DeviceStats&);
};
constexpr DeviceFamily kDeviceFamilies[] = {
    {"espalier_device_running", "gauge", "Whether the device's machine runs.",
     [](const DeviceStats& d) { return d.state == DeviceState::kRunning ? 1.0 : 0.0; }},
    {"espalier_device_ready", "gauge", "Whether the device has shown its sign of readiness.",
     [](const DeviceStats& d) { return d.ready ? 1.0 : 0.0; }},
    {"espalier_device_guest_instructions_total", "counter", "Instructions that the device has executed.",
     [](const DeviceStats& d) { return static_cast<double>(d.instructions); }},
    {"espalier_device_guest_mips", "gauge", "Millions of instructions a second, of late.",
     [](const DeviceStats& d) { return d.mips; }},
    {"espalier_device_cpu_seconds_total", "counter", "Processor time of the host.",
     [](const DeviceStats& d) { return seconds(d.cpu_ns); }},
    {"espalier_device_resets_total", "counter", "Resets of the chip.",
     [](const DeviceStats& d) { return static_cast<double>(d.resets); }},
    {"espalier_device_panics_total", "counter", "Panics told on the console.",
     [](const DeviceStats& d) { return static_cast<double>(d.panics); }},
    {"espalier_device_restarts_total", "counter", "Restarts by the supervisor.",
     [](const DeviceStats& d) { return static_cast<double>(d.restarts); }},
    {"espalier_device_frames_in_total", "counter", "Ethernet frames to the device.",
     [](const DeviceStats& d) { return static_cast<double>(d.frames_in); }},
    {"espalier_device_frames_out_total", "counter", "Ethernet frames from the device.",
     [](const DeviceStats& d) { return static_cast<double>(d.frames_out); }},
    {"espalier_device_console_bytes_total", "counter", "Bytes that the device's console has shown.",
     [](const DeviceStats& d) { return static_cast<double>(d.console_bytes); }},
    {"espalier_device_up_seconds", "gauge", "How long the device's present machine has run.",
     [](const DeviceStats& d) { return seconds(d.up_ns); }},
    {"espalier_device_guest_seconds", "gauge", "The same by the guest's clock.",
     [](const DeviceStats& d) { return seconds(d.guest_ns); }},
};

}  // namespace

void ApiMetrics::add(const Served& served) {
  const double time = std::chrono::duration<double>(served.time).count();
  const auto bucket = std::ranges::lower_bound(kBounds, time) - kBounds.begin();
  const std::lock_guard lock(mutex_);
  // What has no route has no method of ours either: who asks for nonsense makes no time series.
  Histogram& histogram = histograms_[{served.route, served.route.empty() ? "" : served.method}];
  ++histogram.counts[static_cast<std::size_t>(bucket)];
  histogram.sum += time;
  ++histogram.statuses[served.status];
}

std::string ApiMetrics::text() const {
  const std::lock_guard lock(mutex_);
  Text text;
  const auto labels_of = [](const auto& key) {
    return fmt::format("route=\"{}\",method=\"{}\"", escaped(key.first), escaped(key.second));
  };
  text.family("espalier_api_requests_total", "counter",
              "Requests that this API has answered; without a route: that it has refused.");
  for (const auto& [key, histogram] : histograms_)
    for (const auto& [status, count] : histogram.statuses)
      text.value(fmt::format("{},status=\"{}\"", labels_of(key), status), count);
  text.family("espalier_api_request_duration_seconds", "histogram",
              "From the end of a request's header to the end of its answer, or to a stream's start.");
  for (const auto& [key, histogram] : histograms_) {
    const std::string labels = labels_of(key);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < kBounds.size(); ++i) {
      count += histogram.counts[i];
      text.value(fmt::format("{},le=\"{}\"", labels, kBounds[i]), count, "_bucket");
    }
    count += histogram.counts.back();
    text.value(labels + ",le=\"+Inf\"", count, "_bucket");
    text.value(labels, histogram.sum, "_sum");
    text.value(labels, count, "_count");
  }
  return text.take();
}

std::string metrics_of(const FleetInfo& info, const FleetStats& stats, bool per_device) {
  Text text;
  text.family("espalier_fleet_info", "gauge", "Always 1; its labels say what the fleet is.");
  text.value(fmt::format("fleet=\"{}\",net=\"{}\"", escaped(info.name), escaped(info.net)), 1);
  text.family("espalier_group_devices", "gauge", "How many devices a group is to have.");
  for (const GroupInfo& group : info.groups)
    text.value(fmt::format("group=\"{}\"", escaped(group.name)), group.count);
  text.family("espalier_devices", "gauge", "Devices by state.");
  for (const auto& [state, count] : stats.states) text.value(fmt::format("state=\"{}\"", state), count);
  text.single("espalier_devices_ready", "gauge", "Devices that have shown their sign of readiness.",
              stats.ready);
  text.single("espalier_guest_instructions_total", "counter", "Instructions that the devices have executed.",
              stats.instructions);
  text.single("espalier_guest_mips", "gauge", "Millions of guest instructions a second, of late.",
              stats.mips);
  text.single("espalier_resets_total", "counter", "Resets of chips.", stats.resets);
  text.single("espalier_panics_total", "counter", "Panics told on consoles.", stats.panics);
  text.single("espalier_restarts_total", "counter", "Restarts by the supervisor.", stats.restarts);
  text.family("espalier_frames_total", "counter", "Ethernet frames to (in) and from (out) the devices.");
  text.value("direction=\"in\"", stats.frames_in);
  text.value("direction=\"out\"", stats.frames_out);
  std::uint64_t console_bytes = 0;
  for (const DeviceStats& device : stats.devices) console_bytes += device.console_bytes;
  text.single("espalier_console_bytes", "gauge",
              "Bytes that the consoles of the devices there are have shown.", console_bytes);
  text.single("espalier_up_seconds", "gauge", "How long the fleet has run.", seconds(stats.up_ns));
  text.family("espalier_worker_cpu_seconds_total", "counter",
              "Processor time of a thread that runs devices.");
  for (std::size_t i = 0; i < stats.workers.size(); ++i)
    text.value(fmt::format("worker=\"{}\"", i), seconds(stats.workers[i].cpu_ns));
  text.family("espalier_worker_devices", "gauge", "Devices of a thread.");
  for (std::size_t i = 0; i < stats.workers.size(); ++i)
    text.value(fmt::format("worker=\"{}\"", i), stats.workers[i].devices);
  text.single("process_cpu_seconds_total", "counter", "Processor time of the process.",
              seconds(stats.cpu_ns));
  text.single("process_resident_memory_bytes", "gauge", "Memory of the process.", stats.resident_bytes);
  text.single("espalier_process_mappings", "gauge",
              "Memory mappings of the process, which vm.max_map_count limits.", stats.mappings);
  if (per_device)
    for (const DeviceFamily& family : kDeviceFamilies) {
      text.family(family.name, family.type, family.help);
      for (const DeviceStats& device : stats.devices)
        text.value(fmt::format("device=\"{}\",group=\"{}\"", escaped(device.name), escaped(device.group)),
                   family.value(device));
    }
  return text.take();
}

}  // namespace espalier::fleet::api
