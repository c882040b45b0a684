// Takes an HTTP/1.x response apart as it comes in: its status, and where it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace espalier::load {

// The answer to one GET request, fed in pieces of any size; whatever the bytes, it keeps at most kLongestHead
// of them and counts the rest. A response ends by Content-Length, by its last chunk, with its head (204,
// 304), or with the connection (RFC 9112, section 6.3). Interim responses (1xx) are passed over.
class HttpResponse {
 public:
  enum class State : std::uint8_t { kIncomplete, kComplete, kMalformed };
  static constexpr std::size_t kLongestHead = 65536;

  // More bytes of the stream. What follows a complete response is malformed: nothing else has been asked for.
  State feed(std::string_view bytes);
  // The peer has closed the connection: kComplete if that ends the response, else it is cut off and
  // kIncomplete.
  State end();
  // Ready for the next response.
  void reset();

  // 100 to 999 once the head is there.
  int status() const { return status_; }
  // The connection cannot be used again after this response.
  bool closes() const { return closes_; }
  // Something of a response has come.
  bool started() const { return started_; }
  // Bytes of the body so far, without what chunks add.
  std::uint64_t body_bytes() const { return body_; }
  // What is wrong with it, after kMalformed.
  const char* problem() const { return problem_; }

 private:
  enum class Phase : std::uint8_t {
    kStatusLine,
    kField,
    kLength,
    kUntilClose,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailer,
    kDone,
    kBroken
  };
  bool in_body() const { return phase_ == Phase::kLength || phase_ == Phase::kChunk; }
  void take_line(std::string_view line);
  void take_status(std::string_view line);
  void take_field(std::string_view line);
  void take_connection(std::string_view options);
  void take_head_end();
  void take_chunk_size(std::string_view line);
  void broken(const char* problem);

  Phase phase_ = Phase::kStatusLine;
  std::string line_;  // the part of a line that has come
  std::size_t head_ = 0;
  std::uint64_t left_ = 0;  // of the body or chunk
  std::uint64_t length_ = 0;
  std::uint64_t body_ = 0;
  const char* problem_ = "";
  int status_ = 0;
  bool has_length_ = false;
  bool has_encoding_ = false;
  bool chunked_ = false;
  bool closes_ = false;
  bool started_ = false;
};

}  // namespace espalier::load
