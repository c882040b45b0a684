#include "load/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::load {
namespace {

std::string name_of(const std::string& url) {
  auto targets = parse_url(url);
  if (!targets) return targets.error();
  EXPECT_EQ(targets->size(), 1u);
  return targets->front().name();
}

TEST(LoadTarget, AUrlHasAnAddressAPortAndAPath) {
  EXPECT_EQ(name_of("http://127.0.0.1:8000/a/b?c=d"), "http://127.0.0.1:8000/a/b?c=d");
  EXPECT_EQ(name_of("http://127.0.0.1"), "http://127.0.0.1:80/");
  EXPECT_EQ(name_of("http://127.0.0.1:81?x#y"), "http://127.0.0.1:81/?x");
  EXPECT_EQ(name_of("http://localhost:8000/hello"), "http://127.0.0.1:8000/hello");
  EXPECT_EQ(name_of("http://[::1]:8000/hello"), "http://[::1]:8000/hello");
  EXPECT_EQ(name_of("http://[::1]/"), "http://[::1]:80/");
}

TEST(LoadTarget, TheHostHeaderIsAsWritten) {
  EXPECT_EQ(parse_url("http://localhost:8000/x")->front().host, "localhost:8000");
}

TEST(LoadTarget, WhatIsNoUrlIsToldInOneLine) {
  for (const char* wrong : {"", "127.0.0.1:80", "https://127.0.0.1/", "http://", "http://:80/", "http://[]/",
                            "http://127.0.0.1:0/", "http://127.0.0.1:70000/", "http://127.0.0.1:/",
                            "http://127.0.0.1:80x/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y"}) {
    const auto targets = parse_url(wrong);
    ASSERT_FALSE(targets) << wrong;
    EXPECT_THAT(targets.error(), testing::HasSubstr("it should look like http://127.0.0.1:8000/hello"));
  }
  const auto unknown = parse_url("http://no-such-host.invalid/");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error(), testing::HasSubstr("no-such-host.invalid is not known"));
}

}  // namespace
}  // namespace espalier::load
