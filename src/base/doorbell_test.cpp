#include "base/doorbell.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace espalier::base {
namespace {

TEST(Doorbell, IsAnsweredOnceForAllThatRangBefore) {
  EventLoop loop;
  int answers = 0;
  Doorbell bell(loop, [&] { ++answers; });
  bell.ring();
  bell.ring();
  EXPECT_TRUE(loop.poll(0));
  EXPECT_EQ(answers, 1);
  EXPECT_FALSE(loop.poll(0));
  bell.ring();
  loop.poll(0);
  EXPECT_EQ(answers, 2);
}

TEST(Doorbell, MayBeRungByItsAnswer) {
  EventLoop loop;
  int answers = 0;
  Doorbell* self = nullptr;
  Doorbell bell(loop, [&] {
    if (++answers == 1) self->ring();
  });
  self = &bell;
  bell.ring();
  loop.poll(0);
  EXPECT_EQ(answers, 1);
  loop.poll(0);
  EXPECT_EQ(answers, 2);
}

TEST(Doorbell, NoWordOfAnotherThreadIsLost) {
  constexpr int kWords = 20'000;
  EventLoop loop;
  std::mutex mutex;
  std::vector<int> left;
  std::vector<int> heard;
  Doorbell bell(loop, [&] {
    const std::lock_guard lock(mutex);
    heard.insert(heard.end(), left.begin(), left.end());
    left.clear();
  });
  std::thread other([&] {
    for (int word = 0; word < kWords; ++word) {
      {
        const std::lock_guard lock(mutex);
        left.push_back(word);
      }
      bell.ring();
    }
  });
  while (heard.size() < kWords) ASSERT_TRUE(loop.poll(5'000'000'000));
  other.join();
  for (int word = 0; word < kWords; ++word) ASSERT_EQ(heard[static_cast<std::size_t>(word)], word);
}

}  // namespace
}  // namespace espalier::base
