#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace espalier::load {

/// Takes an HTTP/1.x response apart as it comes in: status, and where it ends, by Content-Length, by chunks,
/// or by the connection's end.
class HttpResponse {
 public:
  enum class State : std::uint8_t { kIncomplete, kComplete, kMalformed };

  /// More bytes of the stream. What follows a complete response is malformed: nothing else has been asked
  /// for.
  State feed(std::string_view bytes);
  /// The peer has closed the connection.
  State end();
  /// Ready for the next one.
  void reset();

  int status() const { return status_; }
  /// The server will close the connection after this response.
  bool closes() const { return closes_; }
  bool started() const { return !text_.empty(); }

 private:
  State parse_head(std::size_t end);
  State parse_chunks();

  static constexpr std::size_t kLongestHead = 65536;
  static constexpr std::size_t kUntilClose = SIZE_MAX;

  std::string text_;
  std::size_t body_ = 0;    // where it begins; 0: the head is not complete
  std::size_t length_ = 0;  // of the body
  std::size_t chunk_ = 0;   // where the next chunk's size is
  bool chunked_ = false;
  bool closes_ = false;
  int status_ = 0;
};

}  // namespace espalier::load
