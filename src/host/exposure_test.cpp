#include "host/exposure.h"

#include <gtest/gtest.h>

namespace espalier::host {
namespace {

TEST(ExposureWarning, OnlyWhatOthersReach) {
  using Kind = base::SerialSpec::Kind;
  EXPECT_EQ(exposure_warning({.kind = Kind::kTcp, .address = "127.0.0.1", .port = 4444}, "QMP"), "");
  EXPECT_EQ(exposure_warning({.kind = Kind::kTcp, .address = "::1", .port = 4444}, "QMP"), "");
  EXPECT_EQ(exposure_warning({.kind = Kind::kUnix, .path = "/tmp/x"}, "QMP"), "");
  EXPECT_EQ(
      exposure_warning({.kind = Kind::kTcp, .address = "0.0.0.0", .port = 4444, .connect = true}, "QMP"), "");
  EXPECT_EQ(exposure_warning({.kind = Kind::kTcp, .address = "0.0.0.0", .port = 4444}, "QMP"),
            "QMP is open to other machines at 0.0.0.0:4444; whoever reaches it rules this one");
  EXPECT_EQ(exposure_warning("127.0.0.1", 1234, "GDB"), "");
  EXPECT_EQ(exposure_warning("::", 1234, "GDB"),
            "GDB is open to other machines at [::]:1234; whoever reaches it rules this one");
}

}  // namespace
}  // namespace espalier::host
