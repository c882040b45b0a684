// A check of JSON values against a JSON Schema, for the protocols that the program describes by one.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace espalier::base {

using Json = nlohmann::ordered_json;

// Whether `value` is of a type by the schema's name for it: object, array, string, integer, number, boolean,
// null.
bool is_json_type(std::string_view type, const Json& value);

// A schema, or a document that holds some. Understood are type (one or several), const, enum, properties,
// required, additionalProperties, items, minItems, maxItems, minLength, maxLength (in bytes), pattern
// (anywhere in the text), minimum, maximum, oneOf, anyOf, allOf, and $ref to places of the document;
// annotations (title, description, default, examples, format, deprecated) say nothing of a value. Any other
// keyword is reported, so that no rule is passed over unnoticed.
class JsonSchema {
 public:
  // `own_keywords` are the document's own, beside its schemas, and no rules.
  explicit JsonSchema(Json root, std::initializer_list<std::string> own_keywords = {});

  const Json& root() const { return root_; }
  // What a schema of the document is, behind its $refs.
  const Json& resolve(const Json& schema) const;
  // Where `value` is not what `schema` says, in a line; nothing where it is.
  std::optional<std::string> violation(const Json& schema, const Json& value) const;

 private:
  Json root_;
  std::set<std::string, std::less<>> no_rules_;
};

}  // namespace espalier::base
