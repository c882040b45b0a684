#include "load/fleet_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::load {
namespace {

nlohmann::json port(unsigned host, unsigned guest, const char* protocol = "tcp",
                    const char* address = "127.0.0.1") {
  return {{"address", address}, {"host_port", host}, {"guest_port", guest}, {"protocol", protocol}};
}
nlohmann::json device(std::vector<nlohmann::json> ports, const char* state = "running") {
  return {{"name", "demo-0"}, {"state", state}, {"ports", std::move(ports)}};
}
std::vector<std::string> names_of(const nlohmann::json& devices) {
  const auto targets = targets_of_devices(devices, "/hello");
  if (!targets) return {targets.error()};
  std::vector<std::string> names;
  for (const Target& target : *targets) names.push_back(target.name());
  return names;
}

TEST(FleetTargets, ThePortOfTheWebServerIsTaken) {
  EXPECT_THAT(names_of({device({port(9007, 7), port(9080, 80), port(9443, 443)}),
                        device({port(9143, 443), port(9122, 22)}),
                        device({port(9053, 80, "udp"), port(9081, 8080)})}),
              testing::ElementsAre("http://127.0.0.1:9080/hello", "http://127.0.0.1:9122/hello",
                                   "http://127.0.0.1:9081/hello"));
}

TEST(FleetTargets, WhatListensEverywhereIsReachedHere) {
  EXPECT_THAT(names_of({device({port(1, 80, "tcp", "0.0.0.0")}), device({port(2, 80, "tcp", "::")}),
                        device({port(3, 80, "tcp", "::1")}), device({port(4, 80, "tcp", "")})}),
              testing::ElementsAre("http://127.0.0.1:1/hello", "http://[::1]:2/hello", "http://[::1]:3/hello",
                                   "http://127.0.0.1:4/hello"));
}

TEST(FleetTargets, DevicesThatDoNotRunOrPublishNothingAreLeftOut) {
  EXPECT_THAT(names_of({device({port(1, 80)}, "stopped"), device({}), device({port(2, 80)})}),
              testing::ElementsAre("http://127.0.0.1:2/hello"));
  EXPECT_THAT(names_of(nlohmann::json::array({device({})})),
              testing::ElementsAre(testing::HasSubstr("-p BASE+:80")));
}

TEST(FleetTargets, AnotherAnswerIsToldInOneLine) {
  for (const char* text : {"[1]", "[{}]", R"([{"state":"running","ports":[{"protocol":"tcp"}]}])"})
    EXPECT_THAT(names_of(nlohmann::json::parse(text)),
                testing::ElementsAre(testing::HasSubstr("not understood")));
}

}  // namespace
}  // namespace espalier::load
