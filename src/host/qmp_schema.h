// What QMP understands and answers, as a JSON Schema (qmp.schema.json), and what is wrong with arguments by
// it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_schema.h"

namespace espalier::host {

using base::Json;

// qmp.schema.json, as it was built in.
std::string_view qmp_schema_text();
// The same, parsed once.
const base::JsonSchema& qmp_schema();

// What is wrong with an object of arguments by a command's schema (its "arguments"), in QEMU's words where it
// has any.
std::optional<std::string> argument_error(const Json& schema, const Json& arguments);

}  // namespace espalier::host
