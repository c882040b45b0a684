#include "fleet/json_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace espalier::fleet {
namespace {

class JsonLogTest : public ::testing::Test {
 protected:
  void console(std::string_view bytes) {
    log.console("demo-0", {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  static std::string of_console(std::string_view message) {
    return R"({"time":"2025-11-26T02:43:20.125Z","device":"demo-0","level":"info","area":"console","message":")" +
           std::string(message) + "\"}\n";
  }

  std::vector<std::string> lines;
  JsonLog log{[this](std::string_view line) { lines.emplace_back(line); }, [] { return 1764125000.125; }};
};

TEST_F(JsonLogTest, AMachinesMessagesAreLines) {
  const base::Logger logger(log.sink("demo-0"));
  logger.warn(base::LogArea::kNet, "no \"route\" to {}", "host\n");
  log.log("", "info", "general", "up");
  EXPECT_EQ(
      lines,
      (std::vector<std::string>{
          R"({"time":"2025-11-26T02:43:20.125Z","device":"demo-0","level":"warn","area":"net","message":"no \"route\" to host\n"})"
          "\n",
          R"({"time":"2025-11-26T02:43:20.125Z","level":"info","area":"general","message":"up"})"
          "\n"}));
}

TEST_F(JsonLogTest, AConsolesLineIsToldWhenItHasEnded) {
  console("Hello ");
  EXPECT_TRUE(lines.empty());
  console("world!\r\n\nmore");
  EXPECT_EQ(lines, (std::vector{of_console("Hello world!"), of_console("")}));
  lines.clear();
  log.end_console("demo-0");
  log.end_console("demo-0");
  EXPECT_EQ(lines, std::vector{of_console("more")});
}

TEST_F(JsonLogTest, LongLinesComeInPieces) {
  console(std::string(4097, 'x') + "\n");
  EXPECT_EQ(lines, (std::vector{of_console(std::string(4096, 'x')), of_console("x")}));
}

TEST_F(JsonLogTest, WhatIsNoUtf8IsReplaced) {
  console("a\xff\x1b[0m\n");
  EXPECT_EQ(lines, std::vector{of_console("a\xEF\xBF\xBD\\u001b[0m")});
}

TEST_F(JsonLogTest, EventsHaveTheirOwnTimeAndALevel) {
  log.event({.id = 1, .time = 0.5, .kind = Event::Kind::kPanic, .device = "a-1", .detail = "Guru"});
  log.event({.id = 2, .time = 86400, .kind = Event::Kind::kUp});
  EXPECT_EQ(
      lines,
      (std::vector<std::string>{
          R"({"time":"1970-01-01T00:00:00.500Z","device":"a-1","level":"error","area":"event","message":"panic: Guru"})"
          "\n",
          R"({"time":"1970-01-02T00:00:00.000Z","level":"info","area":"event","message":"up"})"
          "\n"}));
}

}  // namespace
}  // namespace espalier::fleet
