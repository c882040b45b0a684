#include "host/demo_image.h"

#include <gtest/gtest.h>

#include "image/esp_image.h"
#include "image/flash_image.h"

namespace espalier::host {
namespace {

TEST(DemoImage, IsABootloaderAndAProgramBehindIt) {
  const auto bytes = demo_image();
  const auto flash = image::flash_image_from_bytes(image::Bytes(bytes.begin(), bytes.end()), "demo");
  ASSERT_TRUE(flash) << flash.error();
  EXPECT_EQ(flash->file_offset, image::kBootloaderOffset);
  const auto boot = image::parse_image(image::ByteView(flash->bytes).subspan(image::kBootloaderOffset));
  ASSERT_TRUE(boot) << boot.error();
  EXPECT_FALSE(boot->has_mapped_segment());
  const auto program = image::parse_image(image::ByteView(flash->bytes).subspan(0x10000));
  ASSERT_TRUE(program) << program.error();
  EXPECT_TRUE(program->has_mapped_segment());
}

}  // namespace
}  // namespace espalier::host
