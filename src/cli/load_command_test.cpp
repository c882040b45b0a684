#include "cli/load_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/cli_test_support.h"
#include "cli/exit_code.h"
#include "load/load_test_support.h"

namespace espalier::cli {
namespace {

using load::test::always;
using load::test::ok;
using load::test::Server;
using testing::HasSubstr;
using testing::IsEmpty;

Outcome run(const std::vector<std::string>& arguments) {
  return outcome_of("load", arguments);
}

void expect_refused(const std::vector<std::string>& arguments, std::string_view what) {
  expect_refusal("load", arguments, what);
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(LoadCommand, ReportsAndSucceedsWithoutErrors) {
  Server server(always(ok()));
  const Outcome outcome = run({server.url("/"), "-n", "20", "-c", "2", "--path", "/hello"});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("closed loop"));
  EXPECT_THAT(outcome.output, HasSubstr("20 answered, 0 failed"));
  EXPECT_THAT(outcome.errors, IsEmpty());
  EXPECT_THAT(server.first_request(), testing::StartsWith("GET /hello HTTP/1.1\r\n"));
}

TEST(LoadCommand, ErrorsAreExitCodeOneUnlessTheyAreAllowed) {
  Server server(always("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
  const Outcome outcome = run({server.url(), "-n", "3", "-c", "1"});
  EXPECT_EQ(outcome.code, kExpectationFailed);
  EXPECT_THAT(outcome.output, HasSubstr("errors       status 503 3"));
  EXPECT_EQ(run({server.url(), "-n", "3", "-c", "1", "--allow-errors"}).code, kDone);
}

TEST(LoadCommand, WritesJsonAndPercentiles) {
  Server server(always(ok()));
  const auto folder = std::filesystem::path(testing::TempDir());
  const auto json = folder / "load.json", hdr = folder / "load.hgrm";
  const Outcome outcome = run({server.url(), "-d", "0.1", "--rate", "100", "--json", json, "--hdr", hdr});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  const auto report = nlohmann::json::parse(contents(json));
  EXPECT_EQ(report["loop"], "open");
  EXPECT_EQ(report["answered"], 10);
  EXPECT_THAT(contents(hdr), HasSubstr("Total count    =           10]"));
  const Outcome piped = run({server.url(), "-n", "1", "--json", "-"});
  EXPECT_EQ(nlohmann::json::parse(piped.output)["answered"], 1);
  EXPECT_THAT(piped.errors, HasSubstr("1 answered"));
}

TEST(LoadCommand, BadUsageIsOneLine) {
  expect_refused({}, "which server?");
  expect_refused({"127.0.0.1:80"}, "does not begin with http://");
  expect_refused({"http://127.0.0.1:80/", "-c", "0"}, "connections");
  expect_refused({"http://127.0.0.1:80/", "-d", "0"}, "duration");
  expect_refused({"http://127.0.0.1:80/", "--rate", "-1"}, "rate");
  expect_refused({"http://127.0.0.1:80/", "--path", "hello"}, "does not begin with /");
  expect_refused({"http://127.0.0.1:80/", "-c", "900000", "-n", "1"}, "ulimit -n");
  expect_refused({"sweep"}, "give an image, or --demo");
  expect_refused({"sweep", "x", "--demo"}, "give an image, or --demo");
  expect_refused({"sweep", "--demo", "-n", "1,x"}, "x");
  expect_refused({"sweep", "--demo", "--compare", "renode"}, "renode");
  expect_refused({"sweep", "/no/such/image", "--out", testing::TempDir()}, "/no/such/image: not found");
}

}  // namespace
}  // namespace espalier::cli
