#include "fleet/api/testing/described_client.h"

#include <gtest/gtest.h>

#include "fleet/api/http_router.h"
#include "fleet/api/openapi.h"

namespace espalier::fleet::api::testing {

using base::Json;

const Json* described_operation(std::string_view method, std::string_view target) {
  static const Router paths = [] {
    Router router;
    for (const auto& [pattern, item] : openapi().root().at("paths").items())
      router.add({.method = "ANY", .pattern = pattern, .handler = {}});
    return router;
  }();
  const auto match = paths.find("ANY", target.substr(0, target.find('?')));
  const auto* const found = std::get_if<Router::Found>(&match);
  if (!found) return nullptr;
  std::string key(method == "HEAD" ? "GET" : method);
  for (char& c : key) c = static_cast<char>(c - 'A' + 'a');
  const Json& item = openapi().root().at("paths").at(found->route->pattern);
  return item.contains(key) ? &item.at(key) : nullptr;
}

Answer DescribedClient::request(std::string_view method, std::string_view target, std::string body) const {
  const std::string what = std::string(method) + " " + std::string(target);
  const auto answer = client_.request(method, target, std::move(body));
  if (!answer) {
    ADD_FAILURE() << what << ": " << answer.error();
    return {};
  }
  const auto type_field = answer->headers.find("content-type");
  const std::string type = type_field == answer->headers.end() ? "" : type_field->second;
  const Json* const operation = described_operation(method, target);
  if (!operation) {
    EXPECT_GE(answer->status, 400u) << what;
    EXPECT_EQ(type, "application/problem+json") << what;
    EXPECT_EQ(openapi().violation(openapi_schema("Problem"), Json::parse(answer->body, nullptr, false)),
              std::nullopt)
        << what << ": " << answer->body;
    return *answer;
  }
  const Json& responses = operation->at("responses");
  const std::string status = std::to_string(answer->status);
  if (!responses.contains(status)) {
    ADD_FAILURE() << what << ": a status that is not described: " << status << " " << answer->body;
    return *answer;
  }
  const Json& response = openapi().resolve(responses.at(status));
  if (response.contains("headers"))
    for (const auto& [name, header] : response.at("headers").items()) {
      std::string key = name;
      for (char& c : key)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      const auto field = answer->headers.find(key);
      if (field == answer->headers.end())
        ADD_FAILURE() << what << ": there is no " << name;
      else
        EXPECT_EQ(openapi().violation(header.at("schema"), field->second), std::nullopt)
            << what << ": " << name;
    }
  if (!response.contains("content")) {
    EXPECT_EQ(answer->body, "") << what;
    EXPECT_EQ(type, "") << what;
    return *answer;
  }
  const Json& content = response.at("content");
  if (!content.contains(type)) {
    ADD_FAILURE() << what << ": " << status << " with a type that is not described: " << type;
    return *answer;
  }
  const bool is_json = type.ends_with("json");
  const Json value = is_json ? Json::parse(answer->body, nullptr, false) : Json(answer->body);
  EXPECT_FALSE(value.is_discarded()) << what << ": is no JSON: " << answer->body;
  EXPECT_EQ(openapi().violation(content.at(type).at("schema"), value), std::nullopt)
      << what << ": " << answer->body;
  return *answer;
}

Json DescribedClient::json(std::string_view method, std::string_view target, std::string body) const {
  return Json::parse(request(method, target, std::move(body)).body, nullptr, false);
}

}  // namespace espalier::fleet::api::testing
