#include "host/qmp_schema.h"

#include <fmt/format.h>

#include <algorithm>

namespace espalier::host {

const base::JsonSchema& qmp_schema() {
  static const base::JsonSchema schema(Json::parse(qmp_schema_text()),
                                       {"arguments", "returns", "commands", "events"});
  return schema;
}

std::optional<std::string> argument_error(const Json& schema, const Json& arguments) {
  const Json& rules = qmp_schema().resolve(schema);
  const Json& known = rules["properties"];
  if (rules.contains("required"))
    for (const Json& name : rules["required"])
      if (!arguments.contains(name.get<std::string>()))
        return fmt::format("Parameter '{}' is missing", name.get<std::string>());
  for (const auto& [name, value] : arguments.items()) {
    if (!known.contains(name)) return fmt::format("Parameter '{}' is unexpected", name);
    const Json& rule = known[name];
    if (rule.contains("type") && !base::is_json_type(rule["type"].get<std::string>(), value))
      return fmt::format("Invalid parameter type for '{}', expected: {}", name,
                         rule["type"].get<std::string>());
    if (rule.contains("enum") && std::ranges::find(rule["enum"], value) == rule["enum"].end())
      return fmt::format("Parameter '{}' does not accept value {}", name, value.dump());
  }
  return qmp_schema().violation(rules, arguments);
}

}  // namespace espalier::host
