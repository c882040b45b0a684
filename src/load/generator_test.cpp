#include "load/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "base/event_loop.h"
#include "load/load_test_support.h"

namespace espalier::load {
namespace {

using namespace std::chrono_literals;
using test::always;
using test::ok;
using test::options_for;
using test::outcome;
using test::Peer;
using test::Server;
using testing::HasSubstr;

constexpr std::uint64_t kMillisecond = 1'000'000;

LoadOptions open_loop(const std::vector<std::string>& urls, double rate, std::uint64_t milliseconds) {
  LoadOptions options = options_for(urls, 0);
  options.rate = rate;
  options.duration_ns = milliseconds * kMillisecond;
  return options;
}

TEST(LoadGenerator, CountsWhatIsAnswered) {
  Server server(always(ok("hello")));
  const LoadResult result = run_load(options_for({server.url()}, 20)).value();
  EXPECT_EQ(result.requests(), 20u);
  EXPECT_EQ(result.answered(), 20u) << result.first_failure;
  EXPECT_EQ(result.latency.count(), 20u);
  EXPECT_EQ(result.body_bytes, 100u);
  EXPECT_EQ(result.bytes, 20 * ok("hello").size());
  EXPECT_EQ(result.connections, 1u);
  EXPECT_EQ(result.closed_by_peer, 0u);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_GT(result.measured, 0u);
  EXPECT_THAT(server.first_request(), testing::StartsWith("GET /hello HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST(LoadGenerator, AClosedLoopOpensAllItsConnections) {
  Server server(always(ok()));
  LoadOptions options = options_for({server.url()}, 200);
  options.connections = 4;
  const LoadResult result = run_load(options).value();
  EXPECT_EQ(result.answered(), 200u) << result.first_failure;
  EXPECT_EQ(server.connections(), 4);
}

TEST(LoadGenerator, AClosedLoopStopsWhenItsTimeIsOver) {
  Server server(always(ok()));
  LoadOptions options = options_for({server.url()}, 0);
  options.duration_ns = 50 * kMillisecond;
  const LoadResult result = run_load(options).value();
  EXPECT_GT(result.answered(), 0u);
  EXPECT_EQ(result.measured, 50 * kMillisecond);
  EXPECT_NEAR(result.throughput(), static_cast<double>(result.answered()) * 20,
              static_cast<double>(result.answered()) * 2 + 40);
}

TEST(LoadGenerator, ARateIsKept) {
  Server server(always(ok()));
  LoadOptions options = open_loop({server.url()}, 500, 400);
  options.connections = 8;
  const std::uint64_t before = base::EventLoop::now_ns();
  const LoadResult result = run_load(options).value();
  const std::uint64_t took = base::EventLoop::now_ns() - before;
  EXPECT_EQ(result.requests(), 200u);  // however busy the host is
  EXPECT_EQ(result.answered(), 200u) << result.first_failure;
  EXPECT_GE(took, 398 * kMillisecond);  // the last is due at 398 ms
}

TEST(LoadGenerator, ARateBelowOneASecondIsKept) {
  Server server(always(ok()));
  const LoadResult result = run_load(open_loop({server.url()}, 0.5, 100)).value();
  EXPECT_EQ(result.answered(), 1u) << result.first_failure;
}

// What a client that waits for each answer before it asks again would not see: during a stall of 500 ms a
// hundred requests are due.
TEST(LoadGenerator, AStallIsChargedForAllThatWereDueMeanwhile) {
  const auto stall_once = [](const Peer& peer, int number) {
    if (number == 50) std::this_thread::sleep_for(500ms);
    peer.send(ok());
    return true;
  };
  Server server(stall_once);
  const LoadResult open = run_load(open_loop({server.url()}, 200, 2000)).value();
  ASSERT_EQ(open.answered(), 400u) << open.first_failure;
  EXPECT_GE(open.latency.percentile(99), 440 * kMillisecond);
  // A quarter of all requests was due during the stall, half of them in its first half.
  EXPECT_GE(open.latency.percentile(88), 200 * kMillisecond);
  EXPECT_LT(open.latency.percentile(40), 200 * kMillisecond);
  // From sending alone, one request was slow.
  EXPECT_GE(open.service.max(), 500 * kMillisecond);
  EXPECT_LT(open.service.percentile(99), 400 * kMillisecond);

  Server again(stall_once);
  const LoadResult closed = run_load(options_for({again.url()}, 400)).value();
  ASSERT_EQ(closed.answered(), 400u) << closed.first_failure;
  EXPECT_GE(closed.latency.max(), 500 * kMillisecond);
  EXPECT_LT(closed.latency.percentile(99), 400 * kMillisecond);
}

TEST(LoadGenerator, AWarmUpIsNotCounted) {
  Server server([](const Peer& peer, int number) {
    if (number < 20) std::this_thread::sleep_for(2ms);
    peer.send(number < 20 ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" : ok());
    return true;
  });
  LoadOptions options = open_loop({server.url()}, 100, 200);
  options.warm_up_ns = 200 * kMillisecond;
  const LoadResult result = run_load(options).value();
  EXPECT_EQ(result.warm_up_requests, 20u);
  EXPECT_EQ(result.warm_up_failures, 20u);
  EXPECT_EQ(result.requests(), 20u);
  EXPECT_EQ(result.failed(), 0u) << result.first_failure;
  EXPECT_EQ(result.measured, 200 * kMillisecond);
}

TEST(LoadGenerator, RequestsGoToAllTargetsInTurns) {
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<std::string> urls;
  for (int i = 0; i < 6; ++i)
    urls.push_back(servers.emplace_back(std::make_unique<Server>(always(ok())))->url());
  for (const double rate : {0.0, 2000.0}) {
    for (const std::size_t connections : {1u, 4u, 6u, 12u}) {
      const int before = servers[0]->requests();
      LoadOptions options = options_for(urls, 300);
      options.rate = rate;
      options.connections = connections;
      const LoadResult result = run_load(options).value();
      ASSERT_EQ(result.answered(), 300u) << result.first_failure;
      // In a closed loop fast ones are asked more often, as far as the connections let them.
      if (rate == 0 && connections >= 6) continue;
      for (const TargetResult& target : result.targets) EXPECT_NEAR(target.answered, 50, rate == 0 ? 25 : 0);
      EXPECT_NEAR(servers[0]->requests() - before, 50, rate == 0 ? 25 : 0);
    }
  }
}

TEST(LoadGenerator, ConnectionsAreReusedWhereTheyReach) {
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<std::string> urls;
  for (int i = 0; i < 3; ++i)
    urls.push_back(servers.emplace_back(std::make_unique<Server>(always(ok())))->url());
  LoadOptions options = options_for(urls, 60);
  options.connections = 3;
  options.rate = 1000;
  EXPECT_EQ(run_load(options)->connections, 3u);
  options.connections = 2;  // two of three: a request closes one and opens another
  EXPECT_GT(run_load(options)->connections, 30u);
}

TEST(LoadGenerator, WithoutKeepAliveEachRequestHasItsConnection) {
  Server server(always(ok()));
  LoadOptions options = options_for({server.url()}, 10);
  options.keep_alive = false;
  const LoadResult result = run_load(options).value();
  EXPECT_EQ(result.answered(), 10u) << result.first_failure;
  EXPECT_EQ(server.connections(), 10);
  EXPECT_THAT(server.first_request(), HasSubstr("\r\nConnection: close\r\n"));
}

TEST(LoadGenerator, ATargetThatHangsDoesNotHoldUpOthers) {
  Server good(always(ok()));
  Server hangs([](const Peer&, int) { return true; });
  for (const std::size_t connections : {2u, 4u}) {
    LoadOptions options = open_loop({good.url(), hangs.url()}, 200, 500);
    options.connections = connections;
    options.timeout_ns = 250 * kMillisecond;
    const LoadResult result = run_load(options).value();
    EXPECT_EQ(result.targets[0].answered, 50u);
    EXPECT_EQ(result.targets[1].failed, 50u);
    EXPECT_GT(outcome(result, Outcome::kTimeout), 0u);
    EXPECT_EQ(outcome(result, Outcome::kTimeout) + outcome(result, Outcome::kUnsent), 50u);
    EXPECT_EQ(result.worst_targets(1), std::vector<std::size_t>{1});
  }
}

TEST(LoadGenerator, AClosedLoopDoesNotGatherWhereOneTargetIsSlow) {
  std::vector<std::unique_ptr<Server>> servers;
  std::vector<std::string> urls;
  for (int i = 0; i < 4; ++i)
    urls.push_back(servers
                       .emplace_back(std::make_unique<Server>([i](const Peer& peer, int) {
                         if (i == 0) std::this_thread::sleep_for(100ms);
                         peer.send(ok());
                         return true;
                       }))
                       ->url());
  LoadOptions options = options_for(urls, 200);
  options.connections = 2;
  const LoadResult result = run_load(options).value();
  EXPECT_EQ(result.answered(), 200u) << result.first_failure;
  EXPECT_LT(result.targets[0].answered, 30u);
}

TEST(LoadGenerator, ATimeoutIsAFailure) {
  Server server([](const Peer& peer, int number) {
    if (number != 0) peer.send(ok());
    return true;
  });
  LoadOptions options = options_for({server.url()}, 3);
  options.timeout_ns = 50 * kMillisecond;
  const LoadResult result = run_load(options).value();
  EXPECT_EQ(outcome(result, Outcome::kTimeout), 1u);
  EXPECT_EQ(result.answered(), 2u);
  EXPECT_THAT(result.first_failure, HasSubstr("no answer in time"));
  EXPECT_EQ(server.connections(), 2);
}

TEST(LoadGenerator, RefusedConnectionsAreFailures) {
  std::string url;
  {
    Server server(always(ok()));
    url = server.url();
  }
  const LoadResult result = run_load(options_for({url}, 3)).value();
  EXPECT_EQ(outcome(result, Outcome::kRefused), 3u);
  EXPECT_THAT(result.first_failure, HasSubstr(url + ": cannot connect: Connection refused"));
  EXPECT_EQ(run_load(open_loop({url}, 100, 50))->failed(), 5u);
}

// Each row: what the server sends, how it ends, what is counted.
TEST(LoadGenerator, ErrorsAreCountedByTheirKind) {
  struct Case {
    const char* text;
    bool resets;
    bool goes_on;
    Outcome outcome;
  };
  const Case cases[] = {
      {"", false, false, Outcome::kClosed},
      {"", true, false, Outcome::kReset},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false, false, Outcome::kShortBody},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false, false,
       Outcome::kShortBody},
      {"HTTP/1.1 20", false, false, Outcome::kShortBody},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nlonger", false, true, Outcome::kMalformed},
      {"220 smtp.example ready\r\n", false, true, Outcome::kMalformed},
      {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", false, true, Outcome::kBadStatus},
      {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", false, true, Outcome::kBadStatus},
      {"HTTP/1.1 204 No Content\r\n\r\n", false, true, Outcome::kAnswered},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, true,
       Outcome::kAnswered},
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", false, false, Outcome::kAnswered},
  };
  for (const Case& row : cases) {
    Server server([&row](const Peer& peer, int) {
      peer.send(row.text);
      if (row.resets) peer.reset();
      return row.goes_on;
    });
    const LoadResult result = run_load(options_for({server.url()}, 3)).value();
    EXPECT_EQ(outcome(result, row.outcome), 3u) << row.text << ": " << result.first_failure;
    EXPECT_EQ(result.first_failure.empty(), row.outcome == Outcome::kAnswered);
    EXPECT_EQ(result.requests(), 3u);
  }
}

TEST(LoadGenerator, BadStatusesAreCountedByTheirCode) {
  Server server([](const Peer& peer, int number) {
    peer.send(number == 0   ? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
              : number == 1 ? ok()
                            : "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    return true;
  });
  const LoadResult result = run_load(options_for({server.url()}, 4)).value();
  EXPECT_THAT(result.bad_statuses, testing::ElementsAre(testing::Pair(404, 1), testing::Pair(500, 2)));
  EXPECT_THAT(result.first_failure, HasSubstr("status 404"));
  EXPECT_EQ(server.connections(), 1);
}

TEST(LoadGenerator, AnswersInPiecesAreWhole) {
  const std::string answer = ok(std::string(50, 'x'));
  Server server([answer](const Peer& peer, int) {
    for (const char c : answer) {
      peer.send({&c, 1});
      std::this_thread::sleep_for(100us);
    }
    return true;
  });
  const LoadResult result = run_load(options_for({server.url()}, 3)).value();
  EXPECT_EQ(result.answered(), 3u) << result.first_failure;
  EXPECT_EQ(result.body_bytes, 150u);
}

TEST(LoadGenerator, LargeAnswersAreWhole) {
  const std::string answer = ok(std::string(1'000'000, 'x'));
  Server server([answer](const Peer& peer, int) {
    peer.send(answer);
    return true;
  });
  const LoadResult result = run_load(options_for({server.url()}, 5)).value();
  EXPECT_EQ(result.answered(), 5u) << result.first_failure;
  EXPECT_EQ(result.body_bytes, 5'000'000u);
}

TEST(LoadGenerator, ConnectsAgainWhereTheServerSaysThatItCloses) {
  Server server(always(ok("ok", "Connection: close\r\n"), false));
  const LoadResult result = run_load(options_for({server.url()}, 5)).value();
  EXPECT_EQ(result.answered(), 5u) << result.first_failure;
  EXPECT_EQ(result.connections, 5u);
  EXPECT_EQ(result.closed_by_peer, 5u);
}

TEST(LoadGenerator, AnIdleConnectionMayBeClosed) {
  Server server(always(ok(), false));  // closes after each answer, without saying so
  const LoadResult result = run_load(open_loop({server.url()}, 20, 500)).value();
  EXPECT_EQ(result.answered(), 10u) << result.first_failure;
  EXPECT_EQ(result.connections, 10u);
  EXPECT_GE(result.closed_by_peer, 9u);  // the last may come too late
}

TEST(LoadGenerator, AnInterruptEndsItEarly) {
  Server server([](const Peer& peer, int number) {
    if (number < 10) peer.send(ok());  // then it hangs
    return true;
  });
  for (const double rate : {0.0, 1000.0}) {
    LoadOptions options = options_for({server.url()}, 0);
    options.rate = rate;
    options.connections = 2;
    const std::uint64_t begin = base::EventLoop::now_ns();
    options.interrupted = [begin] { return base::EventLoop::now_ns() - begin > 100 * kMillisecond; };
    const LoadResult result = run_load(options).value();
    EXPECT_TRUE(result.interrupted);
    EXPECT_LE(result.answered(), 10u);
    EXPECT_LT(result.measured, 5'000 * kMillisecond);
  }
}

TEST(LoadGenerator, TooManyConnectionsForTheHostAreRefused) {
  LoadOptions options = options_for({"http://127.0.0.1:1/"}, 1);
  options.connections = std::size_t{1} << 40;
  const auto result = run_load(options);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error(), HasSubstr("ulimit -n"));
}

}  // namespace
}  // namespace espalier::load
