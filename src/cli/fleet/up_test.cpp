#include "cli/fleet/up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace espalier::cli {
namespace {

class FleetUpFromFile : public testing::Test {
 protected:
  void SetUp() override {
    file = testing::TempDir() + "up_test.toml";
    std::ofstream(file) << "[fleet]\nname = \"lab\"\nnet = \"none\"\n[[device]]\ndemo = true\ncount = 3\n";
  }
  // What `fleet up --from FILE` and these would start.
  std::expected<espalier::fleet::FleetSpec, std::string> spec_with(std::vector<std::string> arguments) {
    CLI::App command;
    fleet::UpOptions options;
    fleet::add_up_options(command, options);
    arguments.insert(arguments.begin(), {"--from", file});
    std::ranges::reverse(arguments);  // as CLI11 takes them
    command.parse(std::move(arguments));
    return fleet::spec_of(options);
  }

  std::string file;
};

// What describes devices would not be heeded, so it is not taken.
TEST_F(FleetUpFromFile, RefusesWhatDescribesDevices) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> refused = {
      {{"image.bin"}, "IMAGE beside --from: " + file + " describes the devices, by image in a [[device]]"},
      {{"--demo"}, "--demo beside --from"},
      {{"-n", "2"}, "-n beside --from"},
      {{"-p", "9000+:80"}, "-p beside --from"},
      {{"--net", "lan"}, "--net beside --from: " + file + " describes the devices, by net in [fleet]"},
      {{"--restart", "always"}, "--restart beside --from"},
      {{"--ready", "up"}, "--ready beside --from"},
      {{"--persist", "state"}, "--persist beside --from"},
      {{"--cpu", "0.5"}, "--cpu beside --from"},
      {{"--clock", "warp"}, "--clock beside --from"},
      {{"--psram", "2M"}, "--psram beside --from"},
      {{"--flash-size", "4M"}, "--flash-size beside --from"},
  };
  for (const auto& [options, what] : refused) {
    const auto spec = spec_with(options);
    ASSERT_FALSE(spec) << what;
    EXPECT_THAT(spec.error(), testing::StartsWith(what));
  }
}

TEST_F(FleetUpFromFile, TakesWhatDescribesTheFleet) {
  const auto spec = spec_with({"--name", "other", "--workers", "3"});
  ASSERT_TRUE(spec) << spec.error();
  EXPECT_EQ(spec->name, "other");
  EXPECT_EQ(spec->workers, 3u);
  EXPECT_EQ(spec->groups.at(0).count, 3u);
  EXPECT_EQ(spec->net, espalier::fleet::FleetNet::kNone);
}

}  // namespace
}  // namespace espalier::cli
