// Bad input to the espalier program: one line that names the file and what is wrong, exit code 2, nothing
// written.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "image/image_test_support.h"
#include "run_espalier.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;
namespace test = image::test;
using image::Bytes;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

// Every file below a folder, with its contents.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path()].assign(std::istreambuf_iterator<char>(file), {});
  }
  return files;
}

class BadInput : public testing::Test {
 protected:
  // `arguments` are refused, with one line that says `name` and `what`.
  void expect_refused(const std::vector<std::string>& arguments, std::string_view name,
                      std::string_view what) {
    auto before = contents(folder.path());
    Outcome outcome = espalier(arguments);
    SCOPED_TRACE(testing::PrintToString(arguments));
    EXPECT_EQ(outcome.code, 2) << outcome.errors;
    EXPECT_THAT(outcome.output, IsEmpty());
    EXPECT_THAT(outcome.errors, AllOf(testing::StartsWith("espalier: "), HasSubstr(name), HasSubstr(what)));
    EXPECT_EQ(std::ranges::count(outcome.errors, '\n'), 1) << outcome.errors;
    EXPECT_EQ(contents(folder.path()), before) << "something was written";
  }

  // An image is refused by every command that reads it.
  void expect_image_refused(const Bytes& bytes, std::string_view what) {
    std::string file = folder.write("image.bin", bytes).string();
    expect_refused({"run", file, "--timeout", "10"}, file, what);
    expect_refused({"run", file, "--timeout", "10", "--persist"}, file, what);
  }

  test::TemporaryFolder folder;
};

TEST_F(BadInput, EmptyImage) {
  expect_image_refused({}, "is empty");
  expect_image_refused(Bytes(4u << 20, 0xff), "is empty flash");
}

TEST_F(BadInput, TruncatedImage) {
  Bytes flash = test::make_flash();
  for (std::size_t size :
       {std::size_t{1}, std::size_t{0x1000}, std::size_t{0x1010}, std::size_t{0x1060}, std::size_t{0x4000},
        std::size_t{0x8050}, std::size_t{0xa000}, std::size_t{0x10008}, flash.size() - 1}) {
    expect_image_refused(Bytes(flash.begin(), flash.begin() + static_cast<std::ptrdiff_t>(size)), "");
  }
}

TEST_F(BadInput, RandomImage) {
  std::mt19937 random(7);
  Bytes bytes(1u << 20);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  expect_image_refused(bytes, "has no bootloader");
  bytes[0] = image::kImageMagic;
  bytes[0x1000] = image::kImageMagic;
  expect_image_refused(bytes, "");
}

TEST_F(BadInput, ImageOfAnotherChip) {
  Bytes s3 = test::make_image({{0x3fc90000, Bytes(64, 1)}}, {.entry = 0x40378000, .chip_id = 9});
  expect_image_refused(s3, "ESP32-S3");
  Bytes merged(4u << 20, 0xff);
  test::put(merged, 0, s3);
  expect_image_refused(merged, "ESP32-S3");
}

TEST_F(BadInput, ApplicationWithoutBootloader) {
  expect_image_refused(test::make_app(), "application image alone");
}

TEST_F(BadInput, PartitionTablePastTheFlash) {
  image::PartitionTable table = test::make_table();
  table.partitions[2].size = 0x10000000;
  expect_image_refused(test::make_flash(test::make_idf_bootloader(), table), "points past the flash");
}

TEST_F(BadInput, FlashSmallerThanTheImage) {
  std::string file = folder.write("image.bin", Bytes(2u << 20, 0xff)).string();
  expect_refused({"run", file, "--flash-size", "1M"}, file, "more than the flash of 1 MiB");
}

TEST_F(BadInput, MissingImage) {
  std::string file = (folder.path() / "none.bin").string();
  expect_refused({"run", file}, file, "No such file");
}

TEST_F(BadInput, BuildFolderWithAMissingFile) {
  test::make_build_folder(folder);
  fs::remove(folder.path() / "bootloader" / "bootloader.bin");
  expect_refused({"run", folder.path().string()}, "bootloader.bin", "No such file");
  expect_refused({"image", "info", folder.path().string()}, "bootloader.bin", "No such file");
  expect_refused({"image", "merge", folder.path().string(), "-o", (folder.path() / "out.bin").string()},
                 "bootloader.bin", "No such file");
}

TEST_F(BadInput, FolderThatIsNoBuildFolder) {
  expect_refused({"run", folder.path().string()}, folder.path().string(), "no flasher_args.json");
}

TEST_F(BadInput, PortInUse) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::string port = std::to_string(ntohs(address.sin_port));
  std::string pcap = (folder.path() / "out.pcap").string();
  expect_refused({"run", "--demo", "-p", port + ":80", "--timeout", "10"}, port, "use");
  expect_refused({"run", "--demo", "-p", port + ":80", "--pcap", pcap, "--timeout", "10"}, port, "use");
  expect_refused({"run", "--demo", "--serial", "tcp:127.0.0.1:" + port, "--timeout", "10"}, port, "use");
  ::close(listener);
}

TEST_F(BadInput, FilesThatCannotBeWritten) {
  std::string file = (folder.path() / "no" / "such" / "folder").string();
  expect_refused({"run", "--demo", "--pcap", file, "--timeout", "10"}, file, "No such file");
  expect_refused({"run", "--demo", "--serial1", "file:" + file, "--timeout", "10"}, file, "No such file");
}

TEST_F(BadInput, FilesThatAreNotWhatTheyShouldBe) {
  std::string file = folder.write("short", "hello").string();
  expect_refused({"run", "--demo", "--efuse", file, "--timeout", "10"}, file, "124");
  expect_refused({"run", "--demo", "--rom", file, "--timeout", "10"}, file, "");
}

TEST_F(BadInput, Usage) {
  expect_refused({"run", "--demo", "--frobnicate"}, "--frobnicate", "");
  expect_refused({"frobnicate"}, "frobnicate", "");
  expect_refused({}, "", "no command");
}

}  // namespace
}  // namespace espalier
