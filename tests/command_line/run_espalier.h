// The espalier program as a script runs it: exit code and both streams.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace espalier {

inline constexpr int kNotRun = 127;

struct Outcome {
  int code = -1;
  pid_t pid = 0;
  std::string output, errors;
};

// Runs the program with nothing on its standard input. A signal's number comes back as 128 + the number.
// `before` runs in the new process, ahead of the program; false there means exit code kNotRun.
inline Outcome espalier(std::vector<std::string> arguments, bool (*before)() = nullptr) {
  arguments.insert(arguments.begin(), ESPALIER_PROGRAM);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  int output[2], errors[2];
  if (::pipe(output) != 0 || ::pipe(errors) != 0) return {};
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(output[1], 1);
    ::dup2(errors[1], 2);
    for (int fd : {output[0], output[1], errors[0], errors[1]}) ::close(fd);
    if (before == nullptr || before()) ::execv(argv[0], argv.data());
    ::_exit(kNotRun);
  }
  ::close(output[1]);
  ::close(errors[1]);
  Outcome outcome;
  outcome.pid = child;
  std::array<pollfd, 2> streams{{{output[0], POLLIN, 0}, {errors[0], POLLIN, 0}}};
  for (int open = 2; open > 0;) {
    // What runs this long has not refused anything.
    if (::poll(streams.data(), streams.size(), 20'000) <= 0) ::kill(child, SIGKILL);
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (streams[i].fd < 0 || streams[i].revents == 0) continue;
      char buffer[4096];
      ssize_t count = ::read(streams[i].fd, buffer, sizeof buffer);
      if (count > 0) {
        (i == 0 ? outcome.output : outcome.errors).append(buffer, static_cast<std::size_t>(count));
      } else {
        ::close(streams[i].fd);
        streams[i].fd = -1;
        --open;
      }
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace espalier
