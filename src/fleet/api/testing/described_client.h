// A client whose answers are checked against openapi.json, each of them: status, type, headers and body.
#pragma once

#include <string>
#include <string_view>

#include "base/json_schema.h"
#include "fleet/api/http_client.h"

namespace espalier::fleet::api::testing {

class DescribedClient {
 public:
  explicit DescribedClient(Endpoint endpoint) : client_(std::move(endpoint)) {}

  // Reports a failure of the test where the answer is not what is described. An answer to what is not
  // described at all (another path or method) has to be a problem.
  Answer request(std::string_view method, std::string_view target, std::string body = {}) const;
  // The same, with what the body is.
  base::Json json(std::string_view method, std::string_view target, std::string body = {}) const;

 private:
  Client client_;
};

// The operation of openapi.json for a request; null where there is none.
const base::Json* described_operation(std::string_view method, std::string_view target);

}  // namespace espalier::fleet::api::testing
