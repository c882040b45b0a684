#include "fleet/api/to_json.h"

#include <string>

namespace espalier::fleet::api {

namespace {

constexpr double kMillisecond = 1e6;

Json time_or_null(double time) {
  return time == 0 ? Json(nullptr) : Json(time);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json to_json(const DeviceStats& device) {
  return {{"name", device.name},
          {"group", device.group},
          {"state", name_of(device.state)},
          {"ready", device.ready},
          {"instructions", device.instructions},
          {"mips", device.mips},
          {"cpu_seconds", seconds(device.cpu_ns)},
          {"cpu_share", device.cpu_share},
          {"resets", device.resets},
          {"panics", device.panics},
          {"restarts", device.restarts},
          {"frames_in", device.frames_in},
          {"frames_out", device.frames_out},
          {"console_bytes", device.console_bytes},
          {"up_seconds", seconds(device.up_ns)},
          {"guest_seconds", seconds(device.guest_ns)}};
}

Json to_json(const WorkerStats& worker) {
  return {{"devices", worker.devices},
          {"cpu_seconds", seconds(worker.cpu_ns)},
          {"polls", worker.polls},
          {"advances", worker.advances}};
}

}  // namespace

Json to_json(const GroupInfo& group) {
  return {{"name", group.name}, {"source", group.source}, {"count", group.count}};
}

Json to_json(const FleetInfo& info) {
  Json groups = Json::array();
  for (const GroupInfo& group : info.groups) groups.push_back(to_json(group));
  return {{"name", info.name},       {"net", info.net},         {"pid", info.pid},
          {"started", info.started}, {"workers", info.workers}, {"groups", std::move(groups)},
          {"states", info.states},   {"ready", info.ready},     {"going_down", info.going_down}};
}

Json to_json(const net::LinkImpairment& link) {
  const auto one = [](const net::Impairment& way) -> Json {
    return {{"latency_ms", static_cast<double>(way.latency_ns) / kMillisecond},
            {"jitter_ms", static_cast<double>(way.jitter_ns) / kMillisecond},
            {"loss", way.loss},
            {"duplicate", way.duplicate},
            {"reorder", way.reorder},
            {"rate", way.rate},
            {"partition", way.partition}};
  };
  return {{"in", one(link.in)}, {"out", one(link.out)}, {"seed", link.seed}};
}

Json to_json(const DeviceInfo& device) {
  Json ports = Json::array();
  for (const net::Publish& port : device.ports)
    ports.push_back({{"address", port.address},
                     {"host_port", port.host_port},
                     {"guest_port", port.guest_port},
                     {"protocol", port.udp ? "udp" : "tcp"}});
  return {{"name", device.name},
          {"group", device.group},
          {"ordinal", device.ordinal},
          {"mac", device.mac},
          {"ethernet_mac", text_or_null(device.ethernet_mac)},
          {"hostname", device.hostname},
          {"address", text_or_null(device.address)},
          {"ports", std::move(ports)},
          {"state", name_of(device.state)},
          {"ready", device.ready},
          {"restart", name_of(device.restart)},
          {"restarts", device.restarts},
          {"exit_reason", text_or_null(device.exit_reason)},
          {"network", to_json(device.link)},
          {"created", device.created},
          {"started", time_or_null(device.started)},
          {"ended", time_or_null(device.ended)}};
}

Json to_json(const FleetStats& stats) {
  Json workers = Json::array();
  for (const WorkerStats& worker : stats.workers) workers.push_back(to_json(worker));
  Json devices = Json::array();
  for (const DeviceStats& device : stats.devices) devices.push_back(to_json(device));
  return {{"states", stats.states},
          {"ready", stats.ready},
          {"instructions", stats.instructions},
          {"mips", stats.mips},
          {"resets", stats.resets},
          {"panics", stats.panics},
          {"restarts", stats.restarts},
          {"frames_in", stats.frames_in},
          {"frames_out", stats.frames_out},
          {"resident_bytes", stats.resident_bytes},
          {"cpu_seconds", seconds(stats.cpu_ns)},
          {"mappings", stats.mappings},
          {"up_seconds", seconds(stats.up_ns)},
          {"workers", std::move(workers)},
          {"devices", std::move(devices)}};
}

Json to_json(const Event& event) {
  return {{"id", event.id},
          {"time", event.time},
          {"kind", name_of(event.kind)},
          {"device", text_or_null(event.device)},
          {"detail", event.detail}};
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace espalier::fleet::api
