#include "fleet/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::fleet {
namespace {

TEST(EventLog, FollowersGetWhatIsKeptAndWhatComes) {
  EventLog log;
  log.add(Event::Kind::kAdded, "a-0", "");
  log.add(Event::Kind::kStarted, "a-0", "127.0.0.1:8000->80");
  std::vector<std::uint64_t> seen;
  Subscription subscription = log.follow(1, [&](const Event& event) { seen.push_back(event.id); });
  log.add(Event::Kind::kReady, "a-0", "");
  EXPECT_THAT(seen, testing::ElementsAre(2, 3));
  subscription.reset();
  log.add(Event::Kind::kStopped, "a-0", "");
  EXPECT_EQ(seen.size(), 2u);
}

TEST(EventLog, KeepsTheLastThousand) {
  EventLog log;
  for (int i = 0; i < 1500; ++i) log.add(Event::Kind::kReset, "a-0", "");
  std::vector<std::uint64_t> seen;
  const Subscription subscription = log.follow(0, [&](const Event& event) { seen.push_back(event.id); });
  ASSERT_EQ(seen.size(), EventLog::kKept);
  EXPECT_EQ(seen.front(), 501u);
  EXPECT_EQ(seen.back(), 1500u);
}

}  // namespace
}  // namespace espalier::fleet
