#include "host/monitor_expression.h"

#include <gtest/gtest.h>

namespace espalier::host {
namespace {

std::optional<std::uint32_t> registers(std::string_view name) {
  if (name == "pc") return 0x40080000;
  return std::nullopt;
}
std::int64_t value(std::string_view text) {
  return evaluate(text, registers).value();
}
std::string error(std::string_view text) {
  return evaluate(text, registers).error();
}

TEST(MonitorExpression, NumbersAndOperators) {
  EXPECT_EQ(value("12"), 12);
  EXPECT_EQ(value("0x3ffb0000"), 0x3ffb0000);
  EXPECT_EQ(value("010"), 8);
  EXPECT_EQ(value("0"), 0);
  EXPECT_EQ(value(" 1 + 2 * 3 "), 7);
  EXPECT_EQ(value("(1+2)*3"), 9);
  EXPECT_EQ(value("10-2-3"), 5);
  EXPECT_EQ(value("0xff & 0x0f | 0x30"), 0x3f);
  EXPECT_EQ(value("1 + 6 & 3"), 3) << "& binds closer than +, as in QEMU";
  EXPECT_EQ(value("-7 % 4"), -3);
  EXPECT_EQ(value("~0"), -1);
  EXPECT_EQ(value("'a'"), 97);
  EXPECT_EQ(value("$pc+4"), 0x40080004);
  EXPECT_EQ(value("0x8000000000000000 / -1"), INT64_MIN);
}

TEST(MonitorExpression, MistakesAreNamed) {
  EXPECT_EQ(error(""), "unexpected end of expression");
  EXPECT_EQ(error("1+"), "unexpected end of expression");
  EXPECT_EQ(error("(1"), "')' expected");
  EXPECT_EQ(error("1 2"), "extraneous characters at the end of line");
  EXPECT_EQ(error("x"), "invalid char in expression");
  EXPECT_EQ(error("1/0"), "division by zero");
  EXPECT_EQ(error("1%(2-2)"), "division by zero");
  EXPECT_EQ(error("$nothing"), "unknown register");
  EXPECT_EQ(error("'a"), "missing terminating ' character");
  EXPECT_EQ(error("0x10000000000000000"), "number too large");
  EXPECT_EQ(error(std::string(10'000, '(')), "expression is nested too deeply");
}

}  // namespace
}  // namespace espalier::host
