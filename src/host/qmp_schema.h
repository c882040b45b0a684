// What QMP understands and answers, as a JSON Schema (qmp.schema.json), and a check against it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::host {

using Json = nlohmann::ordered_json;

// qmp.schema.json, as it was built in.
std::string_view qmp_schema_text();
// The same, parsed once.
const Json& qmp_schema();

// Where `value` is not what `schema` says, in a line; nothing where it is. Understood are type, const, enum,
// properties, required, additionalProperties (true, false), items, minimum, maximum, oneOf, and $ref to
// places of `root`; that is all that qmp.schema.json uses, and anything else is reported.
std::optional<std::string> schema_violation(const Json& root, const Json& schema, const Json& value);

// What is wrong with an object of arguments by a command's schema (its "arguments"), in QEMU's words where it
// has any.
std::optional<std::string> argument_error(const Json& root, const Json& schema, const Json& arguments);

}  // namespace espalier::host
