// What the control API is, as an OpenAPI 3.1 document (openapi.json).
#pragma once

#include <string_view>

#include "base/json_schema.h"

namespace espalier::fleet::api {

using base::Json;

// openapi.json, as it was built in.
std::string_view openapi_text();
// The same, parsed once.
const base::JsonSchema& openapi();
// One of its components/schemas.
const Json& openapi_schema(std::string_view name);

}  // namespace espalier::fleet::api
