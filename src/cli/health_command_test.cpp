#include "cli/health_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

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
  return outcome_of("health", arguments);
}

void expect_unwell(const std::vector<std::string>& arguments, std::string_view why,
                   int code = kExpectationFailed) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.code, code) << testing::PrintToString(arguments);
  EXPECT_THAT(outcome.errors, HasSubstr(why));
  EXPECT_THAT(outcome.output, IsEmpty());
  EXPECT_EQ(std::ranges::count(outcome.errors, '\n'), 1) << outcome.errors;
}

TEST(HealthCommand, AServerThatAnswersIsWell) {
  Server server(always(ok()));
  const Outcome outcome = run({server.url("/hello")});
  EXPECT_EQ(outcome.code, kDone) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("/hello answers"));
  EXPECT_THAT(server.first_request(), testing::StartsWith("GET /hello HTTP/1.1\r\n"));
}

TEST(HealthCommand, SoIsOneThatSendsElsewhere) {
  Server server(always("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(run({server.url()}).code, kDone);
}

TEST(HealthCommand, AnErrorOfTheServerIsNot) {
  Server server(always("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
  expect_unwell({server.url()}, "503");
}

TEST(HealthCommand, NobodyListensIsNot) {
  std::string url;
  {
    Server server(always(ok()));
    url = server.url();
  }
  expect_unwell({url}, "refused");
}

// A port whose owner never answers.
TEST(HealthCommand, SilenceIsNotAfterTheTimeout) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 4), 0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto before = std::chrono::steady_clock::now();
  expect_unwell({"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/", "--timeout", "0.2"},
                "answer");
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(200));
  close(fd);
}

TEST(HealthCommand, WithoutAFleetNothingIsWell) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "health-no-fleet";
  std::filesystem::create_directories(folder);
  const char* before = getenv("XDG_RUNTIME_DIR");
  const std::string kept = before ? before : "";
  setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  expect_unwell({}, "no fleet runs here");
  expect_unwell({"--name", "lab"}, "there is no fleet lab here");
  if (before)
    setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
  else
    unsetenv("XDG_RUNTIME_DIR");
}

// As the container image's check does.
TEST(HealthCommand, WithoutAFleetTheEnvironmentsUrlIsAsked) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "health-no-fleet";
  std::filesystem::create_directories(folder);
  const char* before = getenv("XDG_RUNTIME_DIR");
  const std::string kept = before ? before : "";
  setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
  {
    Server server(always(ok()));
    setenv("ESPALIER_HEALTH", server.url("/hello").c_str(), 1);
    const Outcome outcome = run({});
    EXPECT_EQ(outcome.code, kDone) << outcome.errors;
    EXPECT_THAT(server.first_request(), testing::StartsWith("GET /hello HTTP/1.1\r\n"));
    expect_unwell({"--name", "lab"}, "there is no fleet lab here");
  }
  expect_unwell({}, "refused");
  setenv("ESPALIER_HEALTH", "", 1);
  expect_unwell({}, "no fleet runs here");
  unsetenv("ESPALIER_HEALTH");
  if (before)
    setenv("XDG_RUNTIME_DIR", kept.c_str(), 1);
  else
    unsetenv("XDG_RUNTIME_DIR");
}

TEST(HealthCommand, BadUsageIsNoFinding) {
  expect_unwell({"--ready", "many"}, "'many' is neither a number of devices nor a share", kBadInput);
  expect_unwell({"--ready", "101%"}, "'101%'", kBadInput);
  expect_unwell({"--ready", "%"}, "'%'", kBadInput);
  expect_unwell({"ftp://host/"}, "does not begin with http://", kBadInput);
  expect_unwell({"http://127.0.0.1:1/", "--name", "lab"}, "URL excludes --name", kBadInput);
}

}  // namespace
}  // namespace espalier::cli
