#include "fleet/api/openapi.h"

#include <string>

namespace espalier::fleet::api {

const base::JsonSchema& openapi() {
  static const base::JsonSchema document(Json::parse(openapi_text()));
  return document;
}

const Json& openapi_schema(std::string_view name) {
  return openapi().root().at("components").at("schemas").at(std::string(name));
}

}  // namespace espalier::fleet::api
