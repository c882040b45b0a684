// QEMU's option syntax: a first value, then key=value pairs, separated by commas.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace espalier::cli::qemu {

// "user,model=open_eth,hostfwd=...". A doubled comma stands for one in a value; a key without a value is
// "on", one that begins with "no" and has no value is "off" without the "no" (QEMU's manual, "-drive",
// "-nic").
class KeyVal {
 public:
  // `first_key` is the key of a first part that has no '='; empty: it is a key like all others.
  static KeyVal parse(std::string_view text, std::string_view first_key = {});

  // The last value of a key that is given more than once; taken out, so that unused() knows.
  std::optional<std::string> take(std::string_view key);
  // All values of a key, in order.
  std::vector<std::string> take_all(std::string_view key);
  // The first key that nobody has taken.
  std::optional<std::string> unused() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// on, yes, true, y; off, no, false, n. Nothing otherwise.
std::optional<bool> parse_switch(std::string_view text);

}  // namespace espalier::cli::qemu
