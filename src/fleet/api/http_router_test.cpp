#include "fleet/api/http_router.h"

#include <gtest/gtest.h>

namespace espalier::fleet::api {
namespace {

Router router() {
  Router r;
  for (const auto& [method, pattern] :
       {std::pair{"GET", "/a"}, {"DELETE", "/a"}, {"GET", "/a/{name}"}, {"POST", "/a/{name}/start"}})
    r.add({.method = method, .pattern = pattern, .handler = {}});
  return r;
}

std::string found(std::string_view method, std::string_view path) {
  const Router r = router();
  const auto match = r.find(method, path);
  if (const auto* const wrong = std::get_if<Router::WrongMethod>(&match)) return "not " + wrong->allowed;
  const auto* const hit = std::get_if<Router::Found>(&match);
  if (!hit) return "none";
  std::string text = hit->route->method + " " + hit->route->pattern;
  for (const auto& [name, value] : hit->parameters) text += " " + name + "=" + value;
  return text;
}

TEST(Router, FindsByMethodAndPath) {
  EXPECT_EQ(found("GET", "/a"), "GET /a");
  EXPECT_EQ(found("HEAD", "/a"), "GET /a");
  EXPECT_EQ(found("DELETE", "/a"), "DELETE /a");
  EXPECT_EQ(found("GET", "/a/x"), "GET /a/{name} name=x");
  EXPECT_EQ(found("POST", "/a/x/start"), "POST /a/{name}/start name=x");
  EXPECT_EQ(found("GET", "/a/%2fb%20"), "GET /a/{name} name=/b ");
}

TEST(Router, WhatItDoesNotFind) {
  for (const char* path : {"/", "", "/b", "/a/", "/a/x/", "/a/x/stop", "/a//start", "a", "/a/%zz", "/a/%2"})
    EXPECT_EQ(found("GET", path), "none") << path;
  EXPECT_EQ(found("PUT", "/a"), "not GET, DELETE");
  EXPECT_EQ(found("GET", "/a/x/start"), "not POST");
}

TEST(Router, QueriesAreDecoded) {
  EXPECT_EQ(parse_query("a=1&b&&c=x%20y+z&d=%26"),
            (Fields{{"a", "1"}, {"b", ""}, {"c", "x y z"}, {"d", "&"}}));
  EXPECT_EQ(parse_query(""), Fields{});
  EXPECT_EQ(parse_query("a=%"), std::nullopt);
  EXPECT_EQ(parse_query("a=%g0"), std::nullopt);
  EXPECT_EQ(percent_decoded("+"), "+");
}

TEST(Router, EncodingIsUndoneByDecoding) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decoded(percent_encoded(all)), all);
  EXPECT_EQ(percent_encoded("a-1/é"), "a-1%2F%C3%A9");
}

}  // namespace
}  // namespace espalier::fleet::api
