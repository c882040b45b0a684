// libFuzzer target: what a web server answers, in any pieces. The first byte says how it is cut up.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "load/http_response.h"

using espalier::load::HttpResponse;
using State = HttpResponse::State;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16u + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  HttpResponse whole, pieces;
  const State at_once = whole.feed(bytes);
  State slowly = State::kIncomplete;
  for (std::size_t at = 0; at < bytes.size() && slowly != State::kMalformed; at += piece)
    slowly = pieces.feed(bytes.substr(at, piece));
  CHECK(at_once == slowly);
  CHECK(whole.status() == pieces.status());
  CHECK(whole.body_bytes() == pieces.body_bytes() && whole.body_bytes() <= bytes.size());
  CHECK(whole.started() == !bytes.empty());
  if (at_once == State::kMalformed) {
    CHECK(*whole.problem() != 0);
    return 0;
  }
  CHECK(whole.closes() == pieces.closes());
  const State at_end = whole.end();
  CHECK(at_end == pieces.end() && at_end != State::kMalformed);
  CHECK(at_once != State::kComplete || at_end == State::kComplete);
  CHECK(at_end != State::kComplete || (whole.status() >= 200 && whole.status() < 1000));
  // What more comes of a whole response is one byte too many.
  if (at_once == State::kComplete) CHECK(whole.feed("x") == State::kMalformed);
  whole.reset();
  CHECK(whole.feed("HTTP/1.1 204 No Content\r\n\r\n") == State::kComplete);
  return 0;
}
