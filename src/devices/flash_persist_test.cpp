#include "devices/flash_persist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace espalier::devices {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class FlashPersist : public testing::Test {
 protected:
  FlashPersist() {
    std::string name = (fs::temp_directory_path() / "flash-persist-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    file_ = (folder_ / "flash.bin").string();
  }
  ~FlashPersist() override { fs::remove_all(folder_); }

  void make_file(const std::string& contents) { std::ofstream(file_, std::ios::binary) << contents; }
  std::string contents() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::unique_ptr<FlashStorage> flash_of(const std::string& image) {
    auto base =
        FlashImage::create({reinterpret_cast<const std::uint8_t*>(image.data()), image.size()}, 1 << 20);
    return std::move(*FlashStorage::create(*base));
  }
  static void program(FlashStorage& flash, std::uint32_t address, std::string_view text) {
    flash.program(address, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
  std::string file_;
};

TEST_F(FlashPersist, ChangedSectorsAndNothingElse) {
  const std::string image(0x8000, '\xff');
  const auto flash = flash_of(image);
  std::string other = image;
  other[0] = 'x';  // changed by somebody else meanwhile, in a sector that the machine left alone
  make_file(other);
  program(*flash, 0x3010, "hello");
  ASSERT_TRUE(write_back(*flash, file_));
  std::string wanted = other;
  wanted.replace(0x3010, 5, "hello");
  EXPECT_EQ(contents(), wanted);
  EXPECT_EQ(files(), 1u);
}

TEST_F(FlashPersist, LeavesAnUnchangedFileAlone) {
  make_file("abc");
  const auto flash = flash_of("abc");
  struct stat before {
  }, after{};
  ASSERT_EQ(stat(file_.c_str(), &before), 0);
  ASSERT_TRUE(write_back(*flash, file_));
  ASSERT_EQ(stat(file_.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(contents(), "abc");
}

TEST_F(FlashPersist, AShortFileGrowsNoFurtherThanItsData) {
  make_file("abc");
  const auto flash = flash_of("abc");
  program(*flash, 0x2000, "end");
  flash->program(0x9000, std::vector<std::uint8_t>{0});
  flash->erase(0x9000, 0x1000);  // changed and blank again
  ASSERT_TRUE(write_back(*flash, file_));
  EXPECT_EQ(contents(), "abc" + std::string(0x2000 - 3, '\xff') + "end");
}

TEST_F(FlashPersist, ErasedBytesWithinTheFileAreWritten) {
  make_file(std::string(0x1800, 'a'));
  const auto flash = flash_of(std::string(0x1800, 'a'));
  flash->erase(0x1000, 0x1000);
  ASSERT_TRUE(write_back(*flash, file_));
  EXPECT_EQ(contents(), std::string(0x1000, 'a') + std::string(0x800, '\xff'));
}

TEST_F(FlashPersist, KeepsModeAndLink) {
  make_file(std::string(0x1000, '\xff'));
  ASSERT_EQ(chmod(file_.c_str(), 0640), 0);
  const std::string link = (folder_ / "link.bin").string();
  fs::create_symlink(file_, link);
  const auto flash = flash_of({});
  program(*flash, 0, "new");
  ASSERT_TRUE(write_back(*flash, link));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(contents().substr(0, 3), "new");
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(FlashPersist, NamesTheFileThatIsMissing) {
  const auto flash = flash_of({});
  program(*flash, 0, "new");
  const auto result = write_back(*flash, file_);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error(), HasSubstr(file_));
  EXPECT_THAT(result.error(), HasSubstr("No such file"));
  EXPECT_EQ(files(), 0u);
}

TEST_F(FlashPersist, AMirrorFollowsInPlace) {
  make_file("abcdefgh");
  auto flash = flash_of("abcdefgh");
  auto mirror = FlashMirror::open(*flash, file_);
  ASSERT_TRUE(mirror);
  struct stat before {
  }, after{};
  stat(file_.c_str(), &before);
  flash->erase(0, kFlashSectorSize);
  program(*flash, 0, "new");
  ASSERT_TRUE((*mirror)->sync());
  EXPECT_EQ(contents(), "new\xff\xff\xff\xff\xff");
  EXPECT_FALSE(flash->has_changes());
  // Somebody else's bytes are left alone as long as the guest does not touch their sector.
  make_file("mine");
  ASSERT_TRUE((*mirror)->sync());
  EXPECT_EQ(contents(), "mine");
  program(*flash, 0x10000, "far");
  ASSERT_TRUE((*mirror)->sync());
  EXPECT_EQ(contents().size(), 0x10003u);
  EXPECT_EQ(contents().substr(0, 5), "mine\xff");
  stat(file_.c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino) << "no new file, which a bind mount could not take";
}

TEST_F(FlashPersist, AMirrorOfNothingIsNamed) {
  auto flash = flash_of("x");
  const auto mirror = FlashMirror::open(*flash, (folder_ / "absent.bin").string());
  ASSERT_FALSE(mirror);
  EXPECT_THAT(mirror.error(), HasSubstr("absent.bin"));
}

}  // namespace
}  // namespace espalier::devices
