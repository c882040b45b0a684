#include "host/qmp_schema.h"

#include <fmt/format.h>

#include <algorithm>

namespace espalier::host {

namespace {

bool is_type(std::string_view type, const Json& value) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

class Check {
 public:
  explicit Check(const Json& root) : root_(root) {}

  using Violation = std::optional<std::string>;

  Violation check(const Json& schema, const Json& value, const std::string& where) {
    for (const auto& [key, rule] : schema.items())
      if (auto violation = keyword(schema, key, rule, value, where)) return violation;
    return std::nullopt;
  }

 private:
  static Violation wrong(const std::string& where, std::string_view what) {
    return fmt::format("{}: {}", where, what);
  }

  Violation keyword(const Json& schema, const std::string& key, const Json& rule, const Json& value,
                    const std::string& where) {
    if (key == "title" || key == "description" || key == "$schema" || key == "$defs" || key == "$id" ||
        key == "arguments" || key == "returns" || key == "commands" || key == "events")
      return std::nullopt;
    if (key == "$ref") {
      const auto pointer = Json::json_pointer(rule.get<std::string>().substr(1));
      return root_.contains(pointer) ? check(root_[pointer], value, where) : wrong(where, "no such $ref");
    }
    if (key == "type")
      return is_type(rule.get<std::string>(), value) ? std::nullopt
                                                     : wrong(where, "is no " + rule.get<std::string>());
    if (key == "const") return value == rule ? std::nullopt : wrong(where, "is not " + rule.dump());
    if (key == "enum")
      return std::ranges::find(rule, value) != rule.end()
                 ? std::nullopt
                 : wrong(where, value.dump() + " is none of " + rule.dump());
    if (key == "minimum") return value >= rule ? std::nullopt : wrong(where, "is below " + rule.dump());
    if (key == "maximum") return value <= rule ? std::nullopt : wrong(where, "is above " + rule.dump());
    if (key == "required") {
      for (const Json& name : rule)
        if (!value.contains(name.get<std::string>())) return wrong(where, "has no " + name.dump());
      return std::nullopt;
    }
    if (key == "properties") {
      for (const auto& [name, sub] : rule.items())
        if (value.contains(name))
          if (auto violation = check(sub, value[name], where + "." + name)) return violation;
      return std::nullopt;
    }
    if (key == "additionalProperties") {
      if (rule == true || !value.is_object()) return std::nullopt;
      for (const auto& [name, member] : value.items())
        if (!schema.contains("properties") || !schema["properties"].contains(name))
          return wrong(where, "has a " + name + " that is not in the schema");
      return std::nullopt;
    }
    if (key == "items") {
      std::size_t n = 0;
      for (const Json& item : value)
        if (auto violation = check(rule, item, fmt::format("{}[{}]", where, n++))) return violation;
      return std::nullopt;
    }
    if (key == "oneOf") {
      std::string reasons;
      std::size_t matches = 0;
      for (const Json& sub : rule) {
        if (const auto violation = check(sub, value, where))
          reasons += "; " + *violation;
        else
          ++matches;
      }
      return matches == 1 ? std::nullopt : wrong(where, fmt::format("fits {} of oneOf{}", matches, reasons));
    }
    return wrong(where, "the schema has a keyword that is not understood: " + key);
  }

  const Json& root_;
};

}  // namespace

const Json& qmp_schema() {
  static const Json schema = Json::parse(qmp_schema_text());
  return schema;
}

std::optional<std::string> schema_violation(const Json& root, const Json& schema, const Json& value) {
  return Check(root).check(schema, value, "$");
}

std::optional<std::string> argument_error(const Json& root, const Json& schema, const Json& arguments) {
  if (schema.contains("$ref")) {
    const Json& there = root[Json::json_pointer(schema["$ref"].get<std::string>().substr(1))];
    return argument_error(root, there, arguments);
  }
  const Json& known = schema["properties"];
  if (schema.contains("required"))
    for (const Json& name : schema["required"])
      if (!arguments.contains(name.get<std::string>()))
        return fmt::format("Parameter '{}' is missing", name.get<std::string>());
  for (const auto& [name, value] : arguments.items()) {
    if (!known.contains(name)) return fmt::format("Parameter '{}' is unexpected", name);
    const Json& rule = known[name];
    if (rule.contains("type") && !is_type(rule["type"].get<std::string>(), value))
      return fmt::format("Invalid parameter type for '{}', expected: {}", name,
                         rule["type"].get<std::string>());
    if (rule.contains("enum") && std::ranges::find(rule["enum"], value) == rule["enum"].end())
      return fmt::format("Parameter '{}' does not accept value {}", name, value.dump());
  }
  return schema_violation(root, schema, arguments);
}

}  // namespace espalier::host
