// Saves and loads a machine's state with one description for both directions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <expected>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace espalier::base {

// A byte stream that either collects values (saving) or hands them back (loading). A class describes its
// state once, in `void archive(Archive& ar) { ar(a_, b_, c_); }`. Loading from a stream that is too short,
// whose section names differ or that has a bool other than 0 and 1 sets failed() and leaves the remaining
// values as they were; it never throws. Integers are stored little-endian at their own width.
class Archive {
 public:
  static Archive saving() { return Archive(true, {}); }
  static Archive loading(std::span<const std::uint8_t> bytes) { return Archive(false, bytes); }

  bool is_saving() const { return saving_; }
  bool failed() const { return failed_; }
  // True when loading has consumed every byte.
  bool at_end() const { return at_ == in_.size(); }
  const std::vector<std::uint8_t>& bytes() const { return out_; }
  // Loading: the section that was to come, or that was being read, when it failed.
  const std::string& failed_in() const { return section_; }
  // Saving: where in bytes() sections begin.
  const std::vector<std::size_t>& sections() const { return sections_; }

  // Writes a name, or checks that the same name comes next.
  void section(std::string_view name);

  // Bytes in a row, whose number both sides know.
  void bytes(std::span<std::uint8_t> data) { raw(data.data(), data.size()); }

  template <class... T>
  void operator()(T&... values) {
    (value(values), ...);
  }

 private:
  Archive(bool saving, std::span<const std::uint8_t> in) : saving_(saving), in_(in) {}
  void raw(void* data, std::size_t size);

  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) void value(T& v) { raw(&v, sizeof v); }
  // What lies in memory as it is stored: a row of it goes in one piece. (Not bools, see below.)
  template <class T>
  static constexpr bool kAsStored = (std::is_arithmetic_v<T> || std::is_enum_v<T>)&&!std::is_same_v<T, bool>;
  template <class Row>
  void row(Row& v) {
    if constexpr (kAsStored<std::remove_cvref_t<decltype(*std::begin(v))>> && requires { std::data(v); })
      raw(std::data(v), std::size(v) * sizeof *std::data(v));
    else
      for (auto& x : v) value(x);
  }
  // A byte of its own: any other value than 0 and 1 in a bool is undefined behaviour, and fails here.
  void value(bool& v);
  template <class T, std::size_t N>
  void value(std::array<T, N>& v) {
    row(v);
  }
  template <class T, std::size_t N>
  void value(T (&v)[N]) {
    row(v);
  }
  template <class T>
  void value(std::vector<T>& v) {
    sequence(v);
  }
  template <class T>
  void value(std::deque<T>& v) {
    sequence(v);
  }
  void value(std::string& v) { sequence(v); }
  void value(std::vector<bool>& v);
  template <class T>
  requires requires(T& t, Archive& ar) { t.archive(ar); }
  void value(T& v) { v.archive(*this); }
  template <class A, class B>
  void value(std::pair<A, B>& v) {
    value(v.first);
    value(v.second);
  }
  template <class S>
  void sequence(S& v) {
    std::uint64_t n = v.size();
    value(n);
    if (!saving_) {
      if (failed_ || n > in_.size() - at_) {  // every element takes at least a byte
        failed_ = true;
        return;
      }
      v.resize(n);
    }
    row(v);
  }

  bool saving_;
  bool failed_ = false;
  std::span<const std::uint8_t> in_;
  std::size_t at_ = 0;
  std::vector<std::uint8_t> out_;
  std::string section_;
  std::vector<std::size_t> sections_;
};

// The form in which a saved state leaves the process: 8 bytes that name it, the version of the form (32
// bits), the state's size (64 bits) and its checksum (64 bits, FNV-1a), all little-endian; then the state.
inline constexpr std::size_t kSealSize = 8 + 4 + 8 + 8;
std::vector<std::uint8_t> seal(std::span<const std::uint8_t> state, std::uint32_t version);
// Whether something that begins with these bytes may be what seal() made.
bool is_sealed(std::span<const std::uint8_t> begin);
// The state in what seal() made; a part of `sealed`. Anything else is refused with the rest of a sentence
// that begins with what was read: "is damaged: ...".
std::expected<std::span<const std::uint8_t>, std::string> unseal(std::span<const std::uint8_t> sealed,
                                                                 std::uint32_t version);

}  // namespace espalier::base
