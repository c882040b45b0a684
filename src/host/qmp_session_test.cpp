#include "host/qmp_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::host {
namespace {

using ::testing::HasSubstr;

// Every line that a session sends is checked against the schema.
class QmpSessionTest : public ::testing::Test {
 protected:
  void type(std::string_view text) {
    for (const char c : text) session.feed(static_cast<std::uint8_t>(c));
  }
  // What the text is answered with, one or more.
  std::vector<Json> ask(std::string_view text) {
    answers.clear();
    type(text);
    return answers;
  }
  std::string error(std::string_view text) {
    const auto all = ask(text);
    return all.size() == 1 && all[0].contains("error") ? all[0]["error"]["desc"].get<std::string>()
                                                       : "no single error: " + Json(all).dump();
  }
  void start() {
    session.greet();
    type(R"({"execute":"qmp_capabilities"})");
    answers.clear();
  }

  std::vector<Json> answers;
  std::vector<std::string> done;
  QmpSession session{
      {{"stop",
        [this](const Json&) -> std::expected<QmpAnswer, QmpError> {
          return QmpAnswer{.then = [this] { done.push_back("stop"); }};
        }},
       {"netdev_del",
        [](const Json& arguments) -> std::expected<QmpAnswer, QmpError> {
          return std::unexpected(QmpError{"DeviceNotFound", arguments["id"].get<std::string>()});
        }}},
      {{"qemu", {{"micro", 0}, {"minor", 2}, {"major", 7}}}, {"package", "test"}},
      [this](std::string_view line) {
        ASSERT_EQ(line.find('\n'), line.size() - 1);
        answers.push_back(Json::parse(line));
        EXPECT_EQ(qmp_schema().violation(qmp_schema().root(), answers.back()), std::nullopt) << line;
      }};
};

TEST_F(QmpSessionTest, GreetingThenNegotiationThenCommands) {
  session.greet();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0]["QMP"]["version"]["qemu"]["major"], 7);
  EXPECT_EQ(answers[0]["QMP"]["capabilities"], Json::array());
  EXPECT_THAT(error(R"({"execute":"stop"})"), HasSubstr("Expecting capabilities negotiation"));
  EXPECT_EQ(error(R"({"execute":"qmp_capabilities","arguments":{"enable":["oob"]}})"),
            "Capability oob is not available");
  answers.clear();
  session.event("STOP");
  EXPECT_TRUE(answers.empty()) << "no events before the negotiation is over";
  EXPECT_EQ(ask(R"({"execute":"qmp_capabilities","id":{"a":[1]}})"),
            (std::vector<Json>{Json::parse(R"({"return":{},"id":{"a":[1]}})")}));
  EXPECT_THAT(error(R"({"execute":"qmp_capabilities"})"), HasSubstr("already complete"));
  EXPECT_EQ(ask(R"({"execute":"stop"})").size(), 1u);
  EXPECT_EQ(done.size(), 1u);
  session.event("RESET", {{"guest", false}, {"reason", "host-qmp-system-reset"}});
  EXPECT_EQ(answers.back()["event"], "RESET");
  session.greet();
  EXPECT_THAT(error(R"({"execute":"stop"})"), HasSubstr("Expecting")) << "the next client negotiates anew";
}

TEST_F(QmpSessionTest, MistakesHaveQemusWords) {
  start();
  EXPECT_EQ(error("[]"), "QMP input must be a JSON object");
  EXPECT_EQ(error("1 "), "QMP input must be a JSON object");
  EXPECT_EQ(error("\"x\""), "QMP input must be a JSON object");
  EXPECT_EQ(error(R"({"exec":1})"), "QMP input member 'exec' is unexpected");
  EXPECT_EQ(error("{}"), "QMP input lacks member 'execute'");
  EXPECT_EQ(error(R"({"execute":5})"), "QMP input member 'execute' must be a string");
  EXPECT_EQ(error(R"({"execute":"stop","arguments":[]})"), "QMP input member 'arguments' must be an object");
  EXPECT_EQ(error(R"({"execute":"foo"})"), "The command foo has not been found");
  EXPECT_EQ(ask(R"({"execute":"foo","id":3})")[0]["error"]["class"], "CommandNotFound");
  EXPECT_EQ(answers[0]["id"], 3);
  EXPECT_EQ(error(R"({"execute":"stop","arguments":{"a":1}})"), "Parameter 'a' is unexpected");
  EXPECT_EQ(error(R"({"execute":"netdev_del"})"), "Parameter 'id' is missing");
  EXPECT_EQ(error(R"({"execute":"netdev_del","arguments":{"id":1}})"),
            "Invalid parameter type for 'id', expected: string");
  EXPECT_EQ(ask(R"({"execute":"netdev_del","arguments":{"id":"x"}})")[0]["error"]["class"], "DeviceNotFound");
  EXPECT_THAT(error("{bad}"), HasSubstr("JSON parse error"));
  EXPECT_THAT(error("}"), HasSubstr("JSON parse error"));
  EXPECT_THAT(error("{\"execute\":\"\xc3(\"}"), HasSubstr("JSON parse error")) << "no UTF-8";
}

TEST_F(QmpSessionTest, TextsMayComeInAnyPiecesAndSeveralInALine) {
  start();
  EXPECT_EQ(ask("{\"execute\":\"stop\"}{\"execute\":\"stop\"}\n\n{\"exec").size(), 2u);
  EXPECT_EQ(ask("ute\"\n:\n\"stop\", \"id\":\"}{\\\"\"}").size(), 1u);
  EXPECT_EQ(answers[0]["id"], "}{\"");
}

TEST_F(QmpSessionTest, WhatIsTooLongOrTooDeepIsSkippedToTheLinesEnd) {
  start();
  EXPECT_THAT(error(std::string(100'000, '[') + "{\"execute\":\"stop\"}\n"), HasSubstr("depth"));
  EXPECT_THAT(error("{\"" + std::string(2 << 20, 'x') + "\n"), HasSubstr("size"));
  EXPECT_EQ(ask(R"({"execute":"stop"})").size(), 1u);
}

TEST_F(QmpSessionTest, AByteThatNoJsonHasBeginsAfresh) {
  start();
  EXPECT_EQ(ask("{\"execute\": {\"\xff{\"execute\":\"stop\"}").size(), 1u);
  EXPECT_TRUE(answers[0].contains("return"));
}

TEST_F(QmpSessionTest, QueryCommandsListsWhatThereIs) {
  start();
  Json names = Json::array();
  const auto all = ask(R"({"execute":"query-commands"})");
  for (const Json& row : all[0]["return"]) names.push_back(row["name"]);
  EXPECT_EQ(names, Json({"netdev_del", "qmp_capabilities", "query-commands", "stop"}));
}

}  // namespace
}  // namespace espalier::host
