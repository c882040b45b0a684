#include "load/http_response.h"

#include <gtest/gtest.h>

namespace espalier::load {
namespace {

using State = HttpResponse::State;

TEST(HttpResponse, EndsWhereContentLengthSays) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nContent-Le"), State::kIncomplete);
  EXPECT_EQ(response.feed("ngth: 5\r\n\r"), State::kIncomplete);
  EXPECT_EQ(response.feed("\nhell"), State::kIncomplete);
  EXPECT_EQ(response.feed("o"), State::kComplete);
  EXPECT_EQ(response.status(), 200);
  EXPECT_FALSE(response.closes());
}

TEST(HttpResponse, EndsWithTheLastChunk) {
  HttpResponse response;
  EXPECT_EQ(
      response.feed("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=1\r\n01234"),
      State::kIncomplete);
  EXPECT_EQ(response.feed("56789\r\n0\r\n"), State::kIncomplete);
  EXPECT_EQ(response.feed("\r\n"), State::kComplete);
}

TEST(HttpResponse, ALongerAnswerThanItSaysIsMalformed) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"), State::kMalformed);
}

TEST(HttpResponse, WithoutALengthItEndsWithTheConnection) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.0 404 Not Found\r\n\r\nno"), State::kIncomplete);
  EXPECT_EQ(response.end(), State::kComplete);
  EXPECT_EQ(response.status(), 404);
  EXPECT_TRUE(response.closes());
}

TEST(HttpResponse, AConnectionThatEndsTooEarlyIsMalformed) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), State::kIncomplete);
  EXPECT_EQ(response.end(), State::kMalformed);
  response.reset();
  EXPECT_EQ(response.end(), State::kMalformed);
}

TEST(HttpResponse, IsHttp) {
  EXPECT_EQ(HttpResponse().feed("SSH-2.0-x\r\n\r\n"), State::kMalformed);
  EXPECT_EQ(HttpResponse().feed("HTTP/1.1 2x0 OK\r\n\r\n"), State::kMalformed);
  EXPECT_EQ(HttpResponse().feed("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), State::kMalformed);
  EXPECT_EQ(HttpResponse().feed("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), State::kMalformed);
}

TEST(HttpResponse, IsReadyForTheNextAfterAReset) {
  HttpResponse response;
  EXPECT_EQ(response.feed("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n"),
            State::kComplete);
  EXPECT_TRUE(response.closes());
  response.reset();
  EXPECT_EQ(response.feed("HTTP/1.1 204 No Content\r\n\r\n"), State::kComplete);
  EXPECT_EQ(response.status(), 204);
  EXPECT_FALSE(response.closes());
}

}  // namespace
}  // namespace espalier::load
