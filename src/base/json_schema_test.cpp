#include "base/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::base {
namespace {

using ::testing::HasSubstr;

std::string violation(std::string_view schema, std::string_view value) {
  const JsonSchema s(Json::parse(schema), {"own"});
  return s.violation(s.root(), Json::parse(value)).value_or("");
}

TEST(JsonSchema, RulesForOneValue) {
  EXPECT_EQ(violation(R"({"type":"integer","minimum":0})", "3"), "");
  EXPECT_EQ(violation(R"({"type":"integer"})", "\"3\""), "$: is no integer");
  EXPECT_EQ(violation(R"({"type":["integer","null"]})", "null"), "");
  EXPECT_EQ(violation(R"({"type":["integer","null"]})", "true"), R"($: is none of ["integer","null"])");
  EXPECT_EQ(violation(R"({"minimum":0,"maximum":9})", "-1"), "$: is below 0");
  EXPECT_EQ(violation(R"({"minimum":0,"maximum":9})", "10"), "$: is above 9");
  EXPECT_EQ(violation(R"({"minimum":0})", "\"text\""), "");
  EXPECT_EQ(violation(R"({"enum":["a"]})", "\"b\""), "$: \"b\" is none of [\"a\"]");
  EXPECT_EQ(violation(R"({"const":1})", "2"), "$: is not 1");
  EXPECT_EQ(violation(R"({"minLength":1,"maxLength":2})", "\"\""), "$: is shorter than 1");
  EXPECT_EQ(violation(R"({"minLength":1,"maxLength":2})", "\"abc\""), "$: is longer than 2");
  EXPECT_EQ(violation(R"({"pattern":"^x+$"})", "\"xx\""), "");
  EXPECT_EQ(violation(R"({"pattern":"^x+$"})", "\"xy\""), R"($: does not match "^x+$")");
}

TEST(JsonSchema, RulesForObjectsAndArrays) {
  EXPECT_EQ(violation(R"({"required":["a"]})", "{}"), "$: has no \"a\"");
  EXPECT_EQ(violation(R"({"properties":{"a":{"type":"string"}}})", R"({"a":1})"), "$.a: is no string");
  EXPECT_EQ(violation(R"({"properties":{},"additionalProperties":false})", R"({"a":1})"),
            "$: has a a that is not in the schema");
  EXPECT_EQ(
      violation(R"({"properties":{"a":true},"additionalProperties":{"type":"null"}})", R"({"a":1,"b":2})"),
      "$.b: is no null");
  EXPECT_EQ(violation(R"({"items":{"type":"string"}})", R"(["a",1])"), "$[1]: is no string");
  EXPECT_EQ(violation(R"({"minItems":1,"maxItems":2})", "[]"), "$: has fewer items than 1");
  EXPECT_EQ(violation(R"({"minItems":1,"maxItems":2})", "[1,2,3]"), "$: has more items than 2");
}

TEST(JsonSchema, SchemasOfSchemas) {
  EXPECT_THAT(violation(R"({"oneOf":[{"type":"string"},{"const":2}]})", "3"), HasSubstr("fits 0 of oneOf"));
  EXPECT_THAT(violation(R"({"oneOf":[{"type":"integer"},{"const":2}]})", "2"), HasSubstr("fits 2 of oneOf"));
  EXPECT_EQ(violation(R"({"anyOf":[{"type":"integer"},{"const":2}]})", "2"), "");
  EXPECT_THAT(violation(R"({"anyOf":[{"type":"string"},{"const":2}]})", "3"),
              HasSubstr("fits none of anyOf"));
  EXPECT_EQ(violation(R"({"allOf":[{"type":"integer"},{"minimum":2}]})", "1"), "$: is below 2");
  EXPECT_EQ(violation(R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"null"}}})", "1"), "$: is no null");
  EXPECT_EQ(violation(R"({"$ref":"#/$defs/b"})", "1"), "$: no such $ref");
  EXPECT_EQ(violation("false", "1"), "$: is not in the schema");
}

TEST(JsonSchema, UnknownKeywordsAreReportedOwnOnesAreNot) {
  EXPECT_THAT(violation(R"({"uniqueItems":true})", "[1]"), HasSubstr("not understood: uniqueItems"));
  EXPECT_EQ(violation(R"({"own":1,"title":"x","description":"y"})", "1"), "");
}

}  // namespace
}  // namespace espalier::base
