#include "fleet/api/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace espalier::fleet::api {
namespace {

using ::testing::HasSubstr;

std::string name_of(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  return endpoint ? endpoint->name() : endpoint.error();
}

TEST(Endpoint, SpellingsAndTheirNames) {
  EXPECT_EQ(name_of("unix:/run/x.sock"), "unix:/run/x.sock");
  EXPECT_EQ(name_of("./x.sock"), "unix:./x.sock");
  EXPECT_EQ(name_of("unix:x.sock"), "unix:x.sock");
  EXPECT_EQ(name_of("8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(name_of("tcp:8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(name_of("0.0.0.0:8080"), "http://0.0.0.0:8080");
  EXPECT_EQ(name_of("tcp:[::1]:8080"), "http://[::1]:8080");
  EXPECT_EQ(name_of("localhost:1"), "http://127.0.0.1:1");
}

TEST(Endpoint, WrongOnesAreNamed) {
  for (const char* text : {"", "unix:", "x", "1.2.3.4", "example.com:80", "70000", "1.2.3.4:x", "tcp:"})
    EXPECT_THAT(name_of(text), HasSubstr("API address \"" + std::string(text) + "\": ")) << text;
}

TEST(Endpoint, WarnsOfWhatOthersReachAndOfThatOnly) {
  EXPECT_EQ(exposure_warning(*parse_endpoint("8080")), "");
  EXPECT_EQ(exposure_warning(*parse_endpoint("/tmp/x")), "");
  EXPECT_EQ(
      exposure_warning(*parse_endpoint("0.0.0.0:8080")),
      "the control API, whose token travels unencrypted, is open to other machines at 0.0.0.0:8080; whoever "
      "reaches it rules this one");
}

TEST(Endpoint, TokensAreTheFirstLineOfAFile) {
  std::string pattern = (std::filesystem::temp_directory_path() / "espalier.XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const std::string file = folder / "token";
  EXPECT_THAT(read_token_file(file).error(), HasSubstr(file + ": No such file"));
  std::ofstream(file) << "\nx";
  EXPECT_THAT(read_token_file(file).error(), HasSubstr("no token in its first line"));
  std::ofstream(file) << "secret \r\nmore\n";
  EXPECT_EQ(read_token_file(file), "secret");
  chmod(file.c_str(), 0666);
  EXPECT_THAT(read_token_file(file).error(), HasSubstr("chmod o-w"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace espalier::fleet::api
