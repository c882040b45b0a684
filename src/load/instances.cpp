#include "load/instances.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/event_loop.h"

namespace espalier::load {
namespace {

std::string filled(std::string text, std::string_view placeholder, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(placeholder, at)) != std::string::npos; at += value.size())
    text.replace(at, placeholder.size(), value);
  return text;
}

std::vector<std::string> filled_command(const std::vector<std::string>& command, std::size_t port,
                                        std::size_t count) {
  std::vector<std::string> words;
  for (const std::string& word : command)
    words.push_back(filled(filled(word, "{port}", std::to_string(port)), "{n}", std::to_string(count)));
  return words;
}

bool port_is_free(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return free;
}

// The pipe closes when the new program has begun, or brings the errno of why it could not.
std::expected<pid_t, int> start_process(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int verdict[2];
  if (::pipe2(verdict, O_CLOEXEC) != 0) return std::unexpected(errno);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nothing = ::open("/dev/null", O_RDWR);
    const int messages = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(messages >= 0 ? messages : nothing, STDERR_FILENO);
    ::signal(SIGINT, SIG_IGN);  // a terminal's Ctrl-C is for the parent, who stops its children
    if (::getppid() == parent) ::execvp(arguments[0], arguments.data());
    const int error = errno;
    [[maybe_unused]] const ssize_t count = ::write(verdict[1], &error, sizeof error);
    ::_exit(127);
  }
  const int fork_error = errno;
  ::close(verdict[1]);
  int error = child < 0 ? fork_error : 0;
  if (child > 0 && ::read(verdict[0], &error, sizeof error) != sizeof error) error = 0;
  ::close(verdict[0]);
  if (error == 0) return child;
  if (child > 0) ::waitpid(child, nullptr, 0);
  return std::unexpected(error);
}

// User and system time in seconds; 0 if the process is gone.
double cpu_seconds(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');  // a process may call itself anything
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  std::uint64_t user = 0, system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t memory_bytes(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", process));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("Pss:")) continue;
    return std::strtoull(line.c_str() + 4, nullptr, 10) * 1024;
  }
  return 0;
}

// Whether the devices from `first` on find their ports free.
std::expected<void, std::string> check_ports(std::uint16_t base_port, std::size_t first, std::size_t count) {
  if (base_port + count > 65536)
    return std::unexpected(
        fmt::format("{} devices from port {} up: there is no port above 65535", count, base_port));
  for (std::size_t i = first; i < count; ++i) {
    const auto port = static_cast<std::uint16_t>(base_port + i);
    if (!port_is_free(port))
      return std::unexpected(fmt::format("port {} is in use: choose another --base-port", port));
  }
  return {};
}

// A process and its children: what was started may be a script that starts the emulator.
void add_tree(pid_t process, Usage& usage) {
  usage.memory_bytes += memory_bytes(process);
  usage.cpu_seconds += cpu_seconds(process);
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", process));
  for (pid_t child = 0; children >> child;) add_tree(child, usage);
}

}  // namespace

std::expected<Instances, std::string> Instances::start(const Launch& launch, std::size_t count,
                                                       std::uint16_t base_port, const std::string& log) {
  if (auto ok = check_ports(base_port, 0, count); !ok) return std::unexpected(ok.error());
  Instances instances;
  instances.count_ = count;
  instances.base_port_ = base_port;
  for (std::size_t i = 0; i < (launch.one_process ? 1 : count); ++i) {
    const auto command = filled_command(launch.command, base_port + i, count);
    const auto process = start_process(command, log);
    if (!process)
      return std::unexpected(fmt::format("cannot start {}: {}", command[0], std::strerror(process.error())));
    instances.processes_.push_back(*process);
  }
  return instances;
}

std::expected<void, std::string> Instances::grow(const Launch& launch, std::size_t count,
                                                 const std::string& log) {
  if (auto ok = check_ports(base_port_, count_, count); !ok) return ok;
  const auto command = filled_command(launch.scale, base_port_, count);
  const auto process = start_process(command, log);
  if (!process)
    return std::unexpected(fmt::format("cannot start {}: {}", command[0], std::strerror(process.error())));
  int status = 0;
  while (::waitpid(*process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return std::unexpected(fmt::format("{} has not made it {} devices; {} says why", command[0], count, log));
  count_ = count;
  return {};
}

Instances::Instances(Instances&& other) noexcept
    : processes_(std::exchange(other.processes_, {})), count_(other.count_), base_port_(other.base_port_) {}

Instances::~Instances() {
  stop();
}

std::vector<Target> Instances::targets(const std::string& path) const {
  std::vector<Target> targets;
  for (std::size_t i = 0; i < count_; ++i)
    targets.push_back(parse_url(fmt::format("http://127.0.0.1:{}{}", base_port_ + i, path))->front());
  return targets;
}

Usage Instances::usage() const {
  Usage usage;
  for (const pid_t process : processes_) add_tree(process, usage);
  return usage;
}

std::size_t Instances::ended() {
  std::size_t count = 0;
  for (const pid_t process : processes_) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid != 0)
      ++count;
  }
  return count;
}

void Instances::stop() {
  constexpr std::uint64_t kPatience = 10'000'000'000;
  for (const pid_t process : processes_) ::kill(process, SIGTERM);
  const std::uint64_t deadline = base::EventLoop::now_ns() + kPatience;
  for (const pid_t process : processes_) {
    while (::waitpid(process, nullptr, WNOHANG) == 0) {
      if (base::EventLoop::now_ns() > deadline) {
        ::kill(process, SIGKILL);
        ::waitpid(process, nullptr, 0);
        break;
      }
      ::usleep(2000);
    }
  }
  processes_.clear();
}

}  // namespace espalier::load
