// A fleet as a TOML file. Every table is read by a Reader, which knows where each key stands and in the end
// which keys nobody has asked for.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>

#include "fleet/spec.h"
#include "host/mac_address.h"
#include "image/file.h"
#include "image/flash_settings.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

namespace espalier::fleet {
namespace {

namespace fs = std::filesystem;

// Ends the parse; caught in parse_fleet_spec().
struct Problem {
  std::string line;
};

// Where things stand in the file.
class Place {
 public:
  explicit Place(std::string file) : file_(std::move(file)) {}
  std::string of(const toml::source_region& source) const {
    return fmt::format("{}:{}: ", file_, source.begin.line);
  }
  [[noreturn]] void fail(const toml::source_region& source, std::string_view key,
                         std::string_view what) const {
    throw Problem{fmt::format("{}{}: {}", of(source), key, what)};
  }
  // Relative names count from the file's folder.
  std::string path(const std::string& name) const {
    if (fs::path(name).is_absolute()) return name;
    return (fs::path(file_).parent_path() / name).string();
  }

 private:
  std::string file_;
};

// What people call the types of TOML's values.
std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

class Reader {
 public:
  Reader(const Place& place, const toml::table& table, std::string prefix = {})
      : place_(place), table_(table), prefix_(std::move(prefix)) {}

  // Reads `key`, if it is there.
  void text(std::string_view key, const std::function<void(const std::string&)>& take) {
    with(key, [&](const toml::node& node) {
      const auto* value = node.as_string();
      if (!value) wrong_type(node, key, "a text");
      take(value->get());
    });
  }
  void text(std::string_view key, std::string& target) {
    text(key, [&](const std::string& value) { target = value; });
  }
  void path(std::string_view key, std::string& target) {
    text(key, [&](const std::string& value) { target = place_.path(value); });
  }
  // A text that `parse` makes a value or one line of.
  template <class T, class Parse>
  void parsed(std::string_view key, T& target, Parse parse) {
    with(key, [&](const toml::node& node) {
      const auto* value = node.as_string();
      if (!value) wrong_type(node, key, "a text");
      auto made = parse(value->get());
      if (!made) place_.fail(node.source(), prefix_ + std::string(key), made.error());
      target = std::move(*made);
    });
  }
  template <class T>
  void whole(std::string_view key, T& target, std::int64_t lowest, std::int64_t highest) {
    with(key, [&](const toml::node& node) {
      const auto* value = node.as_integer();
      if (!value) wrong_type(node, key, "a whole number");
      if (value->get() < lowest || value->get() > highest)
        place_.fail(node.source(), prefix_ + std::string(key),
                    fmt::format("{} is not from {} to {}", value->get(), lowest, highest));
      target = static_cast<T>(value->get());
    });
  }
  void share(std::string_view key, double& target) {
    with(key, [&](const toml::node& node) {
      const auto value = node.value<double>();
      if (!value || !node.is_number()) wrong_type(node, key, "a number");
      if (!(*value > 0 && *value <= 1))
        place_.fail(node.source(), prefix_ + std::string(key),
                    fmt::format("{} is no share of a core, more than 0 and at most 1", *value));
      target = *value;
    });
  }
  void flag(std::string_view key, bool& target) {
    with(key, [&](const toml::node& node) {
      const auto* value = node.as_boolean();
      if (!value) wrong_type(node, key, "true or false");
      target = value->get();
    });
  }
  // Each text of an array, or one text.
  void texts(std::string_view key,
             const std::function<std::expected<void, std::string>(const std::string&)>& take) {
    with(key, [&](const toml::node& node) {
      const auto one = [&](const toml::node& item) {
        const auto* value = item.as_string();
        if (!value) wrong_type(item, key, "a text or an array of texts");
        if (auto ok = take(value->get()); !ok)
          place_.fail(item.source(), prefix_ + std::string(key), ok.error());
      };
      if (const auto* array = node.as_array())
        for (const toml::node& item : *array) one(item);
      else
        one(node);
    });
  }
  void table(std::string_view key, const std::function<void(const toml::table&)>& take) {
    with(key, [&](const toml::node& node) {
      const auto* value = node.as_table();
      if (!value) wrong_type(node, key, "a table");
      take(*value);
    });
  }
  // `key` is read by others.
  void know(std::string_view key) { asked_.insert(std::string(key)); }
  // Whatever has not been asked for is a mistake.
  void end() {
    for (const auto& [key, node] : table_)
      if (!asked_.contains(std::string(key.str())))
        place_.fail(key.source(), prefix_ + std::string(key.str()),
                    fmt::format("there is no such key; there are {}", known()));
  }

 private:
  void with(std::string_view key, const std::function<void(const toml::node&)>& read) {
    asked_.insert(std::string(key));
    if (const toml::node* node = table_.get(key)) read(*node);
  }
  [[noreturn]] void wrong_type(const toml::node& node, std::string_view key, std::string_view wanted) const {
    place_.fail(node.source(), prefix_ + std::string(key),
                fmt::format("{} is wanted, not {}", wanted, type_name(node)));
  }
  std::string known() const {
    std::string names;
    for (const std::string& key : asked_) names += (names.empty() ? "" : ", ") + key;
    return names;
  }

  const Place& place_;
  const toml::table& table_;
  std::string prefix_;
  std::set<std::string> asked_;
};

// A number is an i32, as most firmware has it, true and false a u8, a text a string; a table says what it is.
image::NvsRow read_nvs_value(const Place& place, const std::string& prefix, std::string_view space,
                             std::string_view key, const toml::node& node) {
  image::NvsRow row{.space = std::string(space), .key = std::string(key)};
  const std::string name = fmt::format("{}.{}", prefix, key);
  if (const auto* text = node.as_string()) {
    row.encoding = "string";
    row.value = text->get();
  } else if (const auto* number = node.as_integer()) {
    row.encoding = "i32";
    row.value = std::to_string(number->get());
  } else if (const auto* flag = node.as_boolean()) {
    row.encoding = "u8";
    row.value = flag->get() ? "1" : "0";
  } else if (const auto* table = node.as_table()) {
    Reader reader(place, *table, name + ".");
    reader.text("type", row.encoding);
    reader.path("file", row.value);
    row.file = table->contains("file");
    if (const toml::node* value = table->get("value"); value != nullptr && value->is_integer())
      row.value = std::to_string(value->as_integer()->get());
    else if (value != nullptr)
      reader.text("value", row.value);
    reader.know("value");
    reader.end();
    if (row.encoding.empty() || table->contains("file") == table->contains("value"))
      place.fail(node.source(), name, "expected { type = ..., value = ... } or { type = ..., file = ... }");
  } else {
    place.fail(node.source(), name, "a text, a whole number, true, false or a table is wanted");
  }
  return row;
}

// A text: a file. A table: a file with `file`, a CSV file with `nvs-csv`, else NVS, each namespace a table of
// its own.
PartitionSpec read_partition(const Place& place, std::string_view name, const toml::node& node) {
  PartitionSpec partition;
  partition.name = name;
  const std::string key = fmt::format("partitions.{}", name);
  if (const auto* file = node.as_string()) {
    partition.file = place.path(file->get());
    return partition;
  }
  const auto* table = node.as_table();
  if (!table) place.fail(node.source(), key, "a file's name or a table of NVS namespaces is wanted");
  const auto is_text = [&](std::string_view word) {
    const toml::node* value = table->get(word);
    return value != nullptr && value->is_string();
  };
  Reader reader(place, *table, key + ".");
  if (is_text("file")) {
    reader.path("file", partition.file);
    reader.flag("template", partition.is_template);
    reader.end();
    return partition;
  }
  if (is_text("nvs-csv")) {
    std::string file;
    reader.path("nvs-csv", file);
    reader.end();
    const auto fail = [&](std::string_view what) { place.fail(node.source(), key, what); };
    const auto text = image::read_text_file(file);
    if (!text) fail(text.error());
    auto rows = image::parse_nvs_csv(*text);
    if (!rows) fail(fmt::format("{}:{}", file, rows.error()));
    for (image::NvsRow& row : *rows)
      if (row.file) row.value = Place(file).path(row.value);
    partition.nvs = std::move(*rows);
  } else {
    for (const auto& [space, values] : *table) {
      const std::string inner = fmt::format("{}.{}", key, space.str());
      const auto* entries = values.as_table();
      if (!entries) place.fail(values.source(), inner, "a table of keys and values is wanted");
      for (const auto& [entry, value] : *entries)
        partition.nvs.push_back(read_nvs_value(place, inner, space.str(), entry.str(), value));
    }
  }
  if (partition.nvs.empty()) place.fail(node.source(), key, "there is nothing to put into it");
  return partition;
}

// Each key is as on the command line (`espalier fleet net`), but for probabilities and rates, which may be
// numbers; what stands in tables named `in` and `out` is of that direction.
void read_impairment(const Place& place, const toml::table& table, const std::string& prefix,
                     net::ImpairmentPatch patch, net::LinkImpairment& link) {
  const auto one_way = [&](std::string_view key) { return key == "in" || key == "out"; };
  const bool both = patch.direction == net::Direction::kBoth;
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (both && one_way(key.str())) continue;
    std::string value;
    if (const auto* text = node.as_string())
      value = text->get();
    else if (const auto* whole = node.as_integer())
      value = fmt::format("{}", whole->get());
    else if (const auto* number = node.as_floating_point())
      value = fmt::format("{}", number->get());
    else if (const auto* flag = node.as_boolean())
      value = flag->get() ? "true" : "false";
    else
      place.fail(node.source(), name, fmt::format("a text or a number is wanted, not {}", type_name(node)));
    if (auto ok = net::set_impairment(patch, key.str(), value); !ok)
      place.fail(node.source(), name, ok.error());
  }
  patch.apply(link);
  if (!both) return;
  for (const auto& [key, node] : table) {
    if (!one_way(key.str())) continue;
    const std::string name = prefix + std::string(key.str());
    const auto* inner = node.as_table();
    if (!inner) place.fail(node.source(), name, fmt::format("a table is wanted, not {}", type_name(node)));
    read_impairment(place, *inner, name + ".",
                    {.direction = key.str() == "in" ? net::Direction::kIn : net::Direction::kOut}, link);
  }
}

GroupSpec read_group(const Place& place, const toml::table& table) {
  GroupSpec group;
  group.where = place.of(table.source());
  Reader reader(place, table);
  reader.text("name", group.name);
  reader.path("image", group.machine.image);
  reader.flag("demo", group.machine.demo);
  reader.whole("count", group.count, 0, kMostOrdinals);
  reader.texts("ports", [&](const std::string& text) -> std::expected<void, std::string> {
    auto port = parse_port(text);
    if (!port) return std::unexpected(port.error());
    group.ports.push_back(std::move(*port));
    return {};
  });
  reader.parsed("mac", group.mac, host::parse_mac);
  reader.text("hostname", group.hostname);
  reader.text("ready", group.ready);
  reader.parsed("restart", group.restart, parse_restart_policy);
  reader.share("cpu", group.cpu);
  reader.path("persist", group.persist);
  reader.parsed("clock", group.machine.clock, parse_clock);
  reader.parsed("psram", group.machine.psram_size, parse_psram);
  reader.parsed("flash-size", group.machine.flash_size, image::parse_flash_size);
  reader.path("efuse", group.machine.efuse);
  reader.path("rom", group.machine.rom);
  reader.whole("cpus", group.machine.cpus, 1, 2);
  reader.whole("reset-limit", group.machine.reset_limit, 0, std::numeric_limits<std::uint32_t>::max());
  reader.table("impair", [&](const toml::table& impair) {
    read_impairment(place, impair, "impair.", {}, group.machine.impair);
  });
  reader.table("environment", [&](const toml::table& words) {
    Reader each(place, words, "environment.");
    for (const auto& [key, node] : words) each.text(key.str(), group.environment[std::string(key.str())]);
  });
  reader.table("partitions", [&](const toml::table& partitions) {
    for (const auto& [key, node] : partitions)
      group.partitions.push_back(read_partition(place, key.str(), node));
  });
  reader.end();
  return group;
}

FleetSpec read_fleet(const Place& place, const toml::table& root) {
  FleetSpec spec;
  Reader top(place, root);
  top.table("fleet", [&](const toml::table& table) {
    Reader reader(place, table, "fleet.");
    reader.text("name", spec.name);
    reader.parsed("net", spec.net, parse_fleet_net);
    reader.whole("workers", spec.workers, 0, 1024);
    reader.end();
  });
  top.table("lan", [&](const toml::table& table) {
    if (spec.net != FleetNet::kLan)
      place.fail(table.source(), "lan", "there is no such network without net = \"lan\" in [fleet]");
    Reader reader(place, table, "lan.");
    reader.parsed("network", spec.lan.network, net::parse_lan_network);
    reader.parsed("first", spec.lan.first, net::parse_ipv4);
    reader.flag("restrict", spec.lan.restricted);
    reader.texts("uplink", [&](const std::string& text) -> std::expected<void, std::string> {
      auto uplink = net::parse_uplink(text);
      if (!uplink) return std::unexpected(uplink.error());
      spec.lan.uplinks.push_back(std::move(*uplink));
      return {};
    });
    reader.end();
    if (auto ok = check_lan(spec.lan); !ok)
      throw Problem{fmt::format("{}lan.{}", place.of(table.source()), ok.error())};
  });
  const toml::node* groups = root.get("device");
  if (groups != nullptr) {
    const auto* array = groups->as_array();
    if (!array || !array->is_homogeneous(toml::node_type::table))
      place.fail(groups->source(), "device", "groups of devices are written [[device]]");
    for (const toml::node& node : *array) spec.groups.push_back(read_group(place, *node.as_table()));
  }
  top.know("device");
  top.end();
  // The only group may be nameless: its devices have the fleet's name.
  if (spec.groups.size() == 1 && spec.groups.front().name.empty()) spec.groups.front().name = spec.name;
  return spec;
}

}  // namespace

std::expected<FleetSpec, std::string> parse_fleet_spec(std::string_view text, const std::string& path) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed)
    return std::unexpected(
        fmt::format("{}:{}: {}", path, parsed.error().source().begin.line, parsed.error().description()));
  const Place place(path);
  try {
    FleetSpec spec = read_fleet(place, parsed.table());
    if (auto ok = check_spec(spec); !ok)
      return std::unexpected(ok.error().starts_with(path + ":") ? ok.error()
                                                                : fmt::format("{}: {}", path, ok.error()));
    return spec;
  } catch (const Problem& problem) {
    return std::unexpected(problem.line);
  }
}

std::expected<FleetSpec, std::string> load_fleet_spec(const std::string& path) {
  const auto bytes = image::read_file(path);
  if (!bytes) return std::unexpected(bytes.error());
  return parse_fleet_spec({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, path);
}

}  // namespace espalier::fleet
