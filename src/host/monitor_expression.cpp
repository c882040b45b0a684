#include "host/monitor_expression.h"

#include <cctype>
#include <charconv>

namespace espalier::host {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const RegisterLookup& registers) : rest_(text), registers_(registers) {}

  std::expected<std::int64_t, std::string> run() {
    const std::int64_t value = sum();
    if (error_.empty() && peek() != '\0') fail("extraneous characters at the end of line");
    if (!error_.empty()) return std::unexpected(error_);
    return value;
  }

 private:
  static constexpr int kDeepest = 64;  // parentheses and signs

  // As unsigned numbers: an overflow is no reason for anything but a wrong result.
  static std::int64_t apply(char op, std::uint64_t a, std::uint64_t b) {
    switch (op) {
      case '+':
        return static_cast<std::int64_t>(a + b);
      case '-':
        return static_cast<std::int64_t>(a - b);
      case '&':
        return static_cast<std::int64_t>(a & b);
      case '|':
        return static_cast<std::int64_t>(a | b);
      case '^':
        return static_cast<std::int64_t>(a ^ b);
      default:
        return static_cast<std::int64_t>(a * b);
    }
  }

  char peek() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
    return rest_.empty() ? '\0' : rest_.front();
  }
  void take() { rest_.remove_prefix(1); }
  std::int64_t fail(std::string_view what) {
    if (error_.empty()) error_ = what;
    rest_ = {};
    return 0;
  }

  std::int64_t sum() {
    std::int64_t value = logic();
    for (char op = peek(); op == '+' || op == '-'; op = peek()) {
      take();
      value = apply(op, static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(logic()));
    }
    return value;
  }
  std::int64_t logic() {
    std::int64_t value = product();
    for (char op = peek(); op == '&' || op == '|' || op == '^'; op = peek()) {
      take();
      value = apply(op, static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(product()));
    }
    return value;
  }
  std::int64_t product() {
    std::int64_t value = sign();
    for (char op = peek(); op == '*' || op == '/' || op == '%'; op = peek()) {
      take();
      const std::int64_t by = sign();
      if (op == '*') {
        value = apply(op, static_cast<std::uint64_t>(value), static_cast<std::uint64_t>(by));
        continue;
      }
      if (by == 0) return fail("division by zero");
      // The one quotient that has no room.
      if (by == -1)
        value = op == '/' ? apply('-', 0, static_cast<std::uint64_t>(value)) : 0;
      else
        value = op == '/' ? value / by : value % by;
    }
    return value;
  }
  std::int64_t sign() {
    if (++depth_ > kDeepest) return fail("expression is nested too deeply");
    std::int64_t value = 0;
    switch (const char c = peek()) {
      case '+':
        take();
        value = sign();
        break;
      case '-':
        take();
        value = apply('-', 0, static_cast<std::uint64_t>(sign()));
        break;
      case '~':
        take();
        value = ~sign();
        break;
      case '(':
        take();
        value = sum();
        if (peek() != ')') return fail("')' expected");
        take();
        break;
      case '\'':
        if (rest_.size() < 3 || rest_[2] != '\'') return fail("missing terminating ' character");
        value = static_cast<unsigned char>(rest_[1]);
        rest_.remove_prefix(3);
        break;
      case '$':
        take();
        value = register_value();
        break;
      case '\0':
        return fail("unexpected end of expression");
      default:
        value = number(c);
    }
    --depth_;
    return value;
  }
  std::int64_t register_value() {
    std::size_t size = 0;
    while (size < rest_.size() &&
           (std::isalnum(static_cast<unsigned char>(rest_[size])) || rest_[size] == '_'))
      ++size;
    const auto value = registers_(rest_.substr(0, size));
    if (!value) return fail("unknown register");
    rest_.remove_prefix(size);
    return *value;
  }
  std::int64_t number(char first) {
    int base = 10;
    if (first == '0' && rest_.size() > 1) {
      base = rest_[1] == 'x' || rest_[1] == 'X' ? 16 : 8;
      if (base == 16) rest_.remove_prefix(2);
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, base);
    if (error == std::errc::result_out_of_range) return fail("number too large");
    if (error != std::errc{}) return fail("invalid char in expression");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return static_cast<std::int64_t>(value);
  }

  std::string_view rest_;
  const RegisterLookup& registers_;
  std::string error_;
  int depth_ = 0;
};

}  // namespace

std::expected<std::int64_t, std::string> evaluate(std::string_view text, const RegisterLookup& registers) {
  return Parser(text, registers).run();
}

}  // namespace espalier::host
