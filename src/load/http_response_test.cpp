#include "load/http_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace espalier::load {
namespace {

using State = HttpResponse::State;

// One whole answer, fed at once, and once more byte by byte: the same has to come of it.
State state_of(const std::string& text, HttpResponse& response) {
  const State at_once = response.feed(text);
  HttpResponse slowly;
  State state = State::kIncomplete;
  for (const char c : text) {
    state = slowly.feed({&c, 1});
    if (state == State::kMalformed) break;
  }
  EXPECT_EQ(at_once, state) << text;
  EXPECT_EQ(response.status(), slowly.status()) << text;
  EXPECT_EQ(response.body_bytes(), slowly.body_bytes()) << text;
  return at_once;
}
State state_of(const std::string& text) {
  HttpResponse response;
  return state_of(text, response);
}

TEST(HttpResponse, EndsWhereContentLengthSays) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nContent-Le"), State::kIncomplete);
  EXPECT_EQ(response.feed("ngth: 5\r\n\r"), State::kIncomplete);
  EXPECT_EQ(response.feed("\nhell"), State::kIncomplete);
  EXPECT_EQ(response.feed("o"), State::kComplete);
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body_bytes(), 5u);
  EXPECT_FALSE(response.closes());
}

TEST(HttpResponse, EndsWithTheLastChunk) {
  HttpResponse response;
  EXPECT_EQ(
      response.feed("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=1\r\n01234"),
      State::kIncomplete);
  EXPECT_EQ(response.feed("56789\r\n0\r\n"), State::kIncomplete);
  EXPECT_EQ(response.feed("\r\n"), State::kComplete);
  EXPECT_EQ(response.body_bytes(), 15u);
}

TEST(HttpResponse, ChunksMayHaveTrailers) {
  HttpResponse response;
  EXPECT_EQ(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 7\r\n\r\n"
                     "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
                     response),
            State::kComplete);
  EXPECT_EQ(response.body_bytes(), 3u);
}

TEST(HttpResponse, AnEncodingThatIsNotChunkedEndsWithTheConnection) {
  HttpResponse response;
  EXPECT_EQ(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nabc", response),
            State::kIncomplete);
  EXPECT_EQ(response.end(), State::kComplete);
  EXPECT_EQ(response.body_bytes(), 3u);
}

TEST(HttpResponse, LinesMayEndWithoutACarriageReturn) {
  EXPECT_EQ(state_of("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), State::kComplete);
}

TEST(HttpResponse, AReasonIsNotNeeded) {
  EXPECT_EQ(state_of("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), State::kComplete);
}

TEST(HttpResponse, InterimResponsesArePassedOver) {
  HttpResponse response;
  EXPECT_EQ(state_of("HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: "
                     "x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                     response),
            State::kComplete);
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body_bytes(), 1u);
  EXPECT_EQ(state_of("HTTP/1.1 101 Switching Protocols\r\n\r\n"), State::kMalformed);
}

TEST(HttpResponse, ALongerAnswerThanItSaysIsMalformed) {
  HttpResponse response;
  EXPECT_EQ(state_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", response), State::kMalformed);
  EXPECT_STREQ(response.problem(), "more than was asked for");
  EXPECT_EQ(state_of("HTTP/1.1 204 No Content\r\n\r\nx"), State::kMalformed);
  EXPECT_EQ(state_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"),
            State::kMalformed);
}

TEST(HttpResponse, WithoutALengthItEndsWithTheConnection) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.0 404 Not Found\r\n\r\nno"), State::kIncomplete);
  EXPECT_EQ(response.end(), State::kComplete);
  EXPECT_EQ(response.status(), 404);
  EXPECT_TRUE(response.closes());
}

TEST(HttpResponse, AConnectionThatEndsTooEarlyCutsItOff) {
  for (const char* text :
       {"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    HttpResponse response;
    EXPECT_EQ(response.feed(text), State::kIncomplete) << text;
    EXPECT_EQ(response.started(), *text != 0);
    EXPECT_EQ(response.end(), State::kIncomplete) << text;
  }
}

TEST(HttpResponse, IsHttp) {
  for (const char* text : {
           "SSH-2.0-x\r\n\r\n",
           "\r\n",
           "HTTP/1.1 2x0 OK\r\n\r\n",
           "HTTP/1.1 -20 OK\r\n\r\n",
           "HTTP/1.1 099 OK\r\n\r\n",
           "HTTP/1.1 2000 OK\r\n\r\n",
           "HTTP/2.0 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
           "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
       })
    EXPECT_EQ(state_of(text), State::kMalformed) << text;
}

TEST(HttpResponse, ARepeatedLengthIsOneLength) {
  EXPECT_EQ(state_of("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok"),
            State::kComplete);
}

TEST(HttpResponse, HeadsAreLimited) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nX: "), State::kIncomplete);
  const std::string much(1000, 'x');
  State state = State::kIncomplete;
  int pieces = 0;
  for (; state == State::kIncomplete && pieces < 1000; ++pieces) state = response.feed(much);
  EXPECT_EQ(state, State::kMalformed);
  EXPECT_EQ(pieces, 66);
}

TEST(HttpResponse, ConnectionSaysWhetherItGoesOn) {
  const auto closes = [](const std::string& version, const std::string& fields) {
    HttpResponse response;
    EXPECT_EQ(response.feed("HTTP/1." + version + " 200 OK\r\n" + fields + "Content-Length: 0\r\n\r\n"),
              State::kComplete);
    return response.closes();
  };
  EXPECT_FALSE(closes("1", ""));
  EXPECT_TRUE(closes("1", "Connection: Close\r\n"));
  EXPECT_TRUE(closes("1", "Connection: x, close\r\n"));
  EXPECT_TRUE(closes("0", ""));
  EXPECT_FALSE(closes("0", "Connection: Keep-Alive\r\n"));
}

TEST(HttpResponse, IsReadyForTheNextAfterAReset) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n"),
            State::kComplete);
  EXPECT_TRUE(response.closes());
  response.reset();
  EXPECT_FALSE(response.started());
  EXPECT_EQ(response.feed("HTTP/1.1 204 No Content\r\n\r\n"), State::kComplete);
  EXPECT_EQ(response.status(), 204);
  EXPECT_FALSE(response.closes());
}

}  // namespace
}  // namespace espalier::load
