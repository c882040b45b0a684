#include "cli/fleet/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace espalier::cli::fleet {
namespace {

using Json = nlohmann::json;
using Row = std::vector<std::string>;

// Columns as wide as their widest cell; the last one is not padded.
std::string table_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:{}}  ", row[i], widths[i]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  if (seconds < 3600) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string ports_text(const Json& ports) {
  std::string text;
  for (const Json& port : ports) {
    const std::string address = port["address"];
    const bool ipv6 = address.find(':') != std::string::npos;
    text += fmt::format("{}{}{}{}:{}->{}{}", text.empty() ? "" : ", ", ipv6 ? "[" : "", address,
                        ipv6 ? "]" : "", port["host_port"].get<unsigned>(),
                        port["guest_port"].get<unsigned>(), port["protocol"] == "udp" ? "/udp" : "");
  }
  return text;
}

std::string states_text(const Json& fleet) {
  std::string text;
  for (const auto& [state, count] : fleet["states"].items())
    if (count != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.get<unsigned>(), state);
  return text + fmt::format("{}{} ready", text.empty() ? "" : ", ", fleet["ready"].get<unsigned>());
}

}  // namespace

std::string devices_table(const Json& devices) {
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<Row> rows{{"NAME", "STATE", "READY", "UP", "RESTARTS", "MAC", "ADDRESS", "PORTS", "LAST END"}};
  for (const Json& device : devices) {
    const bool runs = device["state"] == "running";
    rows.push_back({device["name"], device["state"], device["ready"].get<bool>() ? "yes" : "no",
                    runs ? duration_text(now - device["started"].get<double>()) : "-",
                    std::to_string(device["restarts"].get<unsigned>()), device["mac"],
                    text_of(device["address"]), ports_text(device["ports"]), text_of(device["exit_reason"])});
  }
  return table_of(rows);
}

std::string stats_table(const Json& stats, std::optional<std::size_t> most) {
  std::vector<const Json*> devices;
  for (const Json& device : stats["devices"]) devices.push_back(&device);
  std::size_t hidden = 0;
  if (most) {
    std::ranges::stable_sort(devices, std::greater(),
                             [](const Json* device) { return (*device)["cpu_share"].get<double>(); });
    if (devices.size() > *most) {
      hidden = devices.size() - *most;
      devices.resize(*most);
    }
  }
  std::string text = fmt::format(
      "{}; {:.1f} MIPS, {:.1f} s of processor time in {}, {} MiB, {} mappings; {} resets, {} panics, {} "
      "restarts\n",
      states_text(stats), stats["mips"].get<double>(), stats["cpu_seconds"].get<double>(),
      duration_text(stats["up_seconds"].get<double>()), stats["resident_bytes"].get<std::uint64_t>() >> 20,
      stats["mappings"].get<std::uint64_t>(), stats["resets"].get<std::uint64_t>(),
      stats["panics"].get<std::uint64_t>(), stats["restarts"].get<std::uint64_t>());
  std::vector<Row> rows{
      {"NAME", "STATE", "CPU %", "MIPS", "CPU s", "FRAMES IN", "OUT", "RESETS", "PANICS", "UP"}};
  for (const Json* device : devices) {
    const auto number = [&](const char* key) { return std::to_string((*device)[key].get<std::uint64_t>()); };
    rows.push_back({(*device)["name"], (*device)["state"],
                    fmt::format("{:.1f}", (*device)["cpu_share"].get<double>() * 100),
                    fmt::format("{:.1f}", (*device)["mips"].get<double>()),
                    fmt::format("{:.2f}", (*device)["cpu_seconds"].get<double>()), number("frames_in"),
                    number("frames_out"), number("resets"), number("panics"),
                    duration_text((*device)["up_seconds"].get<double>())});
  }
  text += table_of(rows);
  if (hidden != 0) text += fmt::format("and {} devices more\n", hidden);
  return text;
}

std::string fleets_table(const Json& fleets) {
  std::vector<Row> rows{{"NAME", "PROCESS", "DEVICES", "GROUPS"}};
  for (const Json& fleet : fleets) {
    std::string groups;
    for (const Json& group : fleet["groups"])
      groups += fmt::format("{}{}={} ({})", groups.empty() ? "" : ", ", group["name"].get<std::string>(),
                            group["count"].get<std::size_t>(), group["source"].get<std::string>());
    rows.push_back({fleet["name"], std::to_string(fleet["pid"].get<int>()), states_text(fleet), groups});
  }
  return table_of(rows);
}

}  // namespace espalier::cli::fleet
