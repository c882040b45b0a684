#include "fleet/api/http_stream.h"

#include <gtest/gtest.h>

#include <memory>

namespace espalier::fleet::api {
namespace {

TEST(Stream, WhatIsSentIsTakenInOrderAndInPieces) {
  Stream stream;
  EXPECT_TRUE(stream.send("abc"));
  EXPECT_TRUE(stream.send("def"));
  EXPECT_EQ(stream.take(4).bytes, "abcd");
  stream.send("g");
  EXPECT_EQ(stream.take(4).bytes, "efg");
  EXPECT_EQ(stream.take(4).bytes, "");
}

TEST(Stream, WakesOnceForEachTimeThatThereWasNothing) {
  Stream stream;
  int wakes = 0;
  stream.attach([&] { ++wakes; });
  stream.send("a");
  EXPECT_EQ(wakes, 0);  // nobody has looked yet
  stream.take(10);
  stream.take(10);
  stream.send("b");
  stream.send("c");
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(stream.take(10).bytes, "bc");
  stream.finish();
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(stream.take(10).state, Stream::State::kFinished);
}

TEST(Stream, TheEndComesBehindTheLastByte) {
  Stream stream;
  stream.send("abc");
  stream.finish();
  EXPECT_FALSE(stream.open());
  EXPECT_FALSE(stream.send("more"));
  auto taken = stream.take(2);
  EXPECT_EQ(taken.bytes, "ab");
  EXPECT_EQ(taken.state, Stream::State::kOpen);
  taken = stream.take(2);
  EXPECT_EQ(taken.bytes, "c");
  EXPECT_EQ(stream.take(2).state, Stream::State::kFinished);
}

TEST(Stream, WhoFallsBehindIsDroppedAtTheLimitAndNotBefore) {
  Stream stream(10);
  int wakes = 0;
  stream.attach([&] { ++wakes; });
  EXPECT_TRUE(stream.send("0123456789"));
  EXPECT_EQ(stream.take(4).bytes, "0123");
  EXPECT_TRUE(stream.send("abcd"));
  EXPECT_FALSE(stream.overrun());
  EXPECT_EQ(wakes, 0);
  EXPECT_FALSE(stream.send("e"));
  EXPECT_TRUE(stream.overrun());
  EXPECT_EQ(wakes, 1);  // in the middle of a write
  EXPECT_FALSE(stream.open());
  const auto taken = stream.take(100);
  EXPECT_EQ(taken.bytes, "");
  EXPECT_EQ(taken.state, Stream::State::kOverrun);
}

TEST(Stream, KeepsASubscriptionUntilNobodyReads) {
  auto subscription = std::make_shared<int>(1);
  const std::weak_ptr<int> there = subscription;
  Stream stream;
  stream.keep(std::move(subscription));
  EXPECT_FALSE(there.expired());
  stream.detach();
  EXPECT_TRUE(there.expired());
  EXPECT_FALSE(stream.send("a"));
  auto late = std::make_shared<int>(2);
  const std::weak_ptr<int> late_there = late;
  stream.keep(std::move(late));
  EXPECT_TRUE(late_there.expired());
}

TEST(Stream, ASubscriptionThatSendsWhileItEndsDoesNotHang) {
  auto stream = std::make_shared<Stream>();
  stream->keep(std::shared_ptr<void>(nullptr, [&](void*) { EXPECT_FALSE(stream->send("last words")); }));
  stream->detach();
}

}  // namespace
}  // namespace espalier::fleet::api
