// Checks of option values that several commands share. Each error is one line that says what would be right.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "image/flash_settings.h"

namespace espalier::cli {

// From a function that returns what is wrong, or nothing.
inline CLI::Validator validator(std::function<std::string(std::string&)> problem) {
  return CLI::Validator(std::move(problem), "");
}

inline CLI::Validator flash_size_validator() {
  return validator([](std::string& text) {
    auto size = image::parse_flash_size(text);
    return size ? std::string() : size.error();
  });
}

template <std::size_t kCount>
CLI::Validator code_name_validator(const std::array<image::NamedCode, kCount>& table) {
  return validator([&table](std::string& text) {
    auto code = image::code_of_name(table, text);
    return code ? std::string() : code.error();
  });
}

}  // namespace espalier::cli
