#include "host/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::host {
namespace {

// What is no file from flash offset 0 on cannot be kept in step with the flash: its bytes are elsewhere.
TEST(Session, ChangesAreKeptInWholeFlashImagesOnly) {
  base::EventLoop loop;
  SessionOptions options;
  options.demo = true;
  options.serial[0] = {};
  options.write_through = true;
  const auto opened = Session(loop, options).open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), testing::HasSubstr("not a whole flash image"));
}

}  // namespace
}  // namespace espalier::host
