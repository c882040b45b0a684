// The command line as the tests of its commands call it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli.h"
#include "cli/exit_code.h"

namespace espalier::cli {

struct Outcome {
  int code = -1;
  std::string output, errors;
};

// Of `command` with these arguments; of the arguments alone where it is empty.
inline Outcome outcome_of(std::string_view command, std::vector<std::string> arguments) {
  if (!command.empty()) arguments.insert(arguments.begin(), std::string(command));
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_cli(arguments, {});
  const std::string output = testing::internal::GetCapturedStdout();
  return {code, output, testing::internal::GetCapturedStderr()};
}

// The same is refused, with one line that says `what`.
inline void expect_refusal(std::string_view command, const std::vector<std::string>& arguments,
                           std::string_view what) {
  const Outcome outcome = outcome_of(command, arguments);
  EXPECT_EQ(outcome.code, kBadInput) << testing::PrintToString(arguments);
  EXPECT_THAT(outcome.errors, testing::HasSubstr(what));
  EXPECT_EQ(std::ranges::count(outcome.errors, '\n'), 1) << outcome.errors;
}

}  // namespace espalier::cli
