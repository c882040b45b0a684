#include "base/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>
#include <utility>

namespace espalier::base {

namespace {

using Violation = std::optional<std::string>;

class Check {
 public:
  Check(const Json& root, const std::set<std::string, std::less<>>& no_rules)
      : root_(root), no_rules_(no_rules) {}

  Violation check(const Json& schema, const Json& value, const std::string& where) {
    if (schema.is_boolean()) return schema.get<bool>() ? std::nullopt : wrong(where, "is not in the schema");
    for (const auto& [key, rule] : schema.items())
      if (auto violation = keyword(schema, key, rule, value, where)) return violation;
    return std::nullopt;
  }

 private:
  // One keyword's rule; `schema` is what it stands in.
  struct Site {
    const Json& schema;
    const Json& rule;
    const Json& value;
    const std::string& where;
  };
  using Rule = Violation (Check::*)(const Site&);

  static Violation wrong(const std::string& where, std::string_view what) {
    return fmt::format("{}: {}", where, what);
  }
  static Violation wrong_unless(bool fine, const Site& at, std::string_view what) {
    return fine ? std::nullopt : wrong(at.where, fmt::format("{} {}", what, at.rule.dump()));
  }

  Violation keyword(const Json& schema, const std::string& key, const Json& rule, const Json& value,
                    const std::string& where) {
    static const std::map<std::string, Rule, std::less<>> rules = {
        {"$ref", &Check::ref},
        {"type", &Check::type},
        {"const", &Check::constant},
        {"enum", &Check::enumeration},
        {"minimum", &Check::minimum},
        {"maximum", &Check::maximum},
        {"minLength", &Check::min_length},
        {"maxLength", &Check::max_length},
        {"pattern", &Check::pattern},
        {"minItems", &Check::min_items},
        {"maxItems", &Check::max_items},
        {"required", &Check::required},
        {"properties", &Check::properties},
        {"additionalProperties", &Check::additional_properties},
        {"items", &Check::items},
        {"oneOf", &Check::one_of},
        {"anyOf", &Check::any_of},
        {"allOf", &Check::all_of},
    };
    if (const auto found = rules.find(key); found != rules.end())
      return (this->*found->second)({schema, rule, value, where});
    if (no_rules_.contains(key)) return std::nullopt;
    return wrong(where, "the schema has a keyword that is not understood: " + key);
  }

  Violation ref(const Site& at) {
    const auto pointer = Json::json_pointer(at.rule.get<std::string>().substr(1));
    return root_.contains(pointer) ? check(root_[pointer], at.value, at.where)
                                   : wrong(at.where, "no such $ref");
  }
  Violation type(const Site& at) {
    if (at.rule.is_string())
      return is_json_type(at.rule.get<std::string>(), at.value)
                 ? std::nullopt
                 : wrong(at.where, "is no " + at.rule.get<std::string>());
    return wrong_unless(
        std::ranges::any_of(at.rule,
                            [&](const Json& one) { return is_json_type(one.get<std::string>(), at.value); }),
        at, "is none of");
  }
  Violation constant(const Site& at) { return wrong_unless(at.value == at.rule, at, "is not"); }
  Violation enumeration(const Site& at) {
    return wrong_unless(std::ranges::find(at.rule, at.value) != at.rule.end(), at,
                        at.value.dump() + " is none of");
  }
  Violation minimum(const Site& at) {
    return wrong_unless(!at.value.is_number() || at.value >= at.rule, at, "is below");
  }
  Violation maximum(const Site& at) {
    return wrong_unless(!at.value.is_number() || at.value <= at.rule, at, "is above");
  }
  Violation min_length(const Site& at) {
    return wrong_unless(!at.value.is_string() || at.value.get_ref<const std::string&>().size() >= at.rule, at,
                        "is shorter than");
  }
  Violation max_length(const Site& at) {
    return wrong_unless(!at.value.is_string() || at.value.get_ref<const std::string&>().size() <= at.rule, at,
                        "is longer than");
  }
  Violation pattern(const Site& at) {
    return wrong_unless(!at.value.is_string() || std::regex_search(at.value.get<std::string>(),
                                                                   std::regex(at.rule.get<std::string>())),
                        at, "does not match");
  }
  Violation min_items(const Site& at) {
    return wrong_unless(!at.value.is_array() || at.value.size() >= at.rule, at, "has fewer items than");
  }
  Violation max_items(const Site& at) {
    return wrong_unless(!at.value.is_array() || at.value.size() <= at.rule, at, "has more items than");
  }
  Violation required(const Site& at) {
    if (!at.value.is_object()) return std::nullopt;
    for (const Json& name : at.rule)
      if (!at.value.contains(name.get<std::string>())) return wrong(at.where, "has no " + name.dump());
    return std::nullopt;
  }
  Violation properties(const Site& at) {
    for (const auto& [name, sub] : at.rule.items())
      if (at.value.contains(name))
        if (auto violation = check(sub, at.value[name], at.where + "." + name)) return violation;
    return std::nullopt;
  }
  Violation additional_properties(const Site& at) {
    if (at.rule == true || !at.value.is_object()) return std::nullopt;
    for (const auto& [name, member] : at.value.items()) {
      if (at.schema.contains("properties") && at.schema["properties"].contains(name)) continue;
      if (at.rule == false) return wrong(at.where, "has a " + name + " that is not in the schema");
      if (auto violation = check(at.rule, member, at.where + "." + name)) return violation;
    }
    return std::nullopt;
  }
  Violation items(const Site& at) {
    if (!at.value.is_array()) return std::nullopt;
    std::size_t n = 0;
    for (const Json& item : at.value)
      if (auto violation = check(at.rule, item, fmt::format("{}[{}]", at.where, n++))) return violation;
    return std::nullopt;
  }

  // How many of the rule's schemas fit, and why the others do not.
  std::pair<std::size_t, std::string> fitting(const Site& at) {
    std::pair<std::size_t, std::string> result;
    for (const Json& sub : at.rule) {
      if (const auto violation = check(sub, at.value, at.where))
        result.second += "; " + *violation;
      else
        ++result.first;
    }
    return result;
  }
  Violation one_of(const Site& at) {
    const auto [matches, reasons] = fitting(at);
    return matches == 1 ? std::nullopt : wrong(at.where, fmt::format("fits {} of oneOf{}", matches, reasons));
  }
  Violation any_of(const Site& at) {
    const auto [matches, reasons] = fitting(at);
    return matches != 0 ? std::nullopt : wrong(at.where, "fits none of anyOf" + reasons);
  }
  Violation all_of(const Site& at) {
    for (const Json& sub : at.rule)
      if (auto violation = check(sub, at.value, at.where)) return violation;
    return std::nullopt;
  }

  const Json& root_;
  const std::set<std::string, std::less<>>& no_rules_;
};

}  // namespace

bool is_json_type(std::string_view type, const Json& value) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

JsonSchema::JsonSchema(Json root, std::initializer_list<std::string> own_keywords)
    : root_(std::move(root)), no_rules_{"title",   "description", "$schema",  "$defs",  "$id",
                                        "default", "example",     "examples", "format", "deprecated"} {
  no_rules_.insert(own_keywords.begin(), own_keywords.end());
}

const Json& JsonSchema::resolve(const Json& schema) const {
  if (!schema.contains("$ref")) return schema;
  return resolve(root_.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))));
}

std::optional<std::string> JsonSchema::violation(const Json& schema, const Json& value) const {
  return Check(root_, no_rules_).check(schema, value, "$");
}

}  // namespace espalier::base
