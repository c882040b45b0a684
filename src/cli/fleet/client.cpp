#include "cli/fleet/client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "cli/cli.h"
#include "cli/exit_code.h"
#include "cli/fleet/tables.h"
#include "fleet/api/http_router.h"

namespace espalier::cli::fleet {
namespace {

using namespace espalier::fleet;
using Wrong = std::unexpected<std::string>;
using Json = Running::Json;

// How long a fleet may take to stop all its devices.
constexpr auto kDownTime = std::chrono::seconds(60);

std::expected<std::vector<FleetFiles>, std::string> running_fleets() {
  auto all = all_fleet_files();
  if (!all) return all;
  std::erase_if(*all, [](const FleetFiles& files) { return look_up(files) != FleetLife::kRunning; });
  return all;
}

// What most commands are: a question, and what to print of the answer.
template <class Show>
int ask_and_show(const std::string& fleet, const std::string& target, Show show) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  const auto answer = running->ask("GET", target);
  if (!answer) return fail(answer.error());
  const std::string text = show(*answer);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? kDone : kEmulatorFault;
}

// What a device's console shows in answer, as it comes.
class Answer {
 public:
  explicit Answer(std::string until) : until_(std::move(until)) {}

  void take(std::string_view bytes) {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    std::fflush(stdout);
    const std::lock_guard lock(mutex_);
    shown_ += bytes;
    changed_.notify_all();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  // False if the text that was to appear has not.
  bool wait(std::chrono::duration<double> timeout) {
    std::unique_lock lock(mutex_);
    const auto latest = std::chrono::steady_clock::now() + timeout;
    if (!until_.empty())
      return changed_.wait_until(lock, latest, [&] {
        return ended_ || shown_.find(until_) != std::string::npos;
      }) && shown_.find(until_) != std::string::npos;
    // Something, and then nothing for a while: that was it.
    changed_.wait_for(lock, std::min<std::chrono::duration<double>>(timeout, std::chrono::seconds(1)),
                      [&] { return ended_ || !shown_.empty(); });
    for (std::size_t before = 0;
         !ended_ && before != shown_.size() && std::chrono::steady_clock::now() < latest;) {
      before = shown_.size();
      changed_.wait_for(lock, std::chrono::milliseconds(200),
                        [&] { return ended_ || shown_.size() != before; });
    }
    return true;
  }

 private:
  const std::string until_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string shown_;
  bool ended_ = false;
};

}  // namespace

std::expected<Running, std::string> Running::find(const std::string& name) {
  if (!name.empty()) {
    auto files = fleet_files(name);
    if (!files) return Wrong(files.error());
    switch (look_up(*files)) {
      case FleetLife::kRunning:
        return Running(std::move(*files));
      case FleetLife::kCleared:
        return Wrong(
            fmt::format("the fleet {} runs no longer: its process was killed; what it had left is "
                        "removed now",
                        name));
      case FleetLife::kNone:
        break;
    }
    return Wrong(fmt::format("there is no fleet {} here; `espalier fleet ls` lists those that run", name));
  }
  auto all = running_fleets();
  if (!all) return Wrong(all.error());
  if (all->empty()) return Wrong("no fleet runs here; `espalier fleet up` starts one");
  if (all->size() == 1) return Running(std::move(all->front()));
  std::string names;
  for (const FleetFiles& files : *all) names += (names.empty() ? "" : ", ") + files.name;
  return Wrong(fmt::format("which fleet? --name NAME is one of {}", names));
}

bool Running::any() {
  const auto all = running_fleets();
  return all && !all->empty();
}

std::expected<Json, std::string> Running::ask(std::string_view method, const std::string& target,
                                              const std::string& body) const {
  const auto answer = client_.request(method, target, body);
  if (!answer) return Wrong(answer.error());
  if (!answer->ok()) return Wrong(answer->error());
  if (answer->body.empty()) return Json();
  Json json = Json::parse(answer->body, nullptr, false);
  if (json.is_discarded()) return Wrong(fmt::format("{}: the answer is no JSON", files_.socket));
  return json;
}

std::expected<std::vector<std::string>, std::string> Running::devices(
    const std::vector<std::string>& who) const {
  const auto all = ask("GET", "/v1/devices");
  if (!all) return Wrong(all.error());
  const auto is = [](const Json& device, const std::string& name) {
    return device["name"] == name || device["group"] == name;
  };
  std::vector<std::string> names;
  for (const Json& device : *all)
    if (who.empty() || std::ranges::any_of(who, [&](const std::string& name) { return is(device, name); }))
      names.push_back(device["name"]);
  for (const std::string& name : who)
    if (std::ranges::none_of(*all, [&](const Json& device) { return is(device, name); }))
      return Wrong(fmt::format("there is no device and no group '{}' in the fleet {}", name, files_.name));
  return names;
}

std::string Running::device_target(const std::string& device, std::string_view rest) {
  return fmt::format("/v1/devices/{}{}", api::percent_encoded(device), rest);
}

int list_devices(const std::string& fleet, bool json) {
  return ask_and_show(fleet, "/v1/devices", [&](const Json& devices) {
    return json ? devices.dump(2) + "\n" : devices_table(devices);
  });
}

int show_stats(const std::string& fleet, bool json) {
  return ask_and_show(fleet, "/v1/stats", [&](const Json& stats) {
    return json ? stats.dump(2) + "\n" : stats_table(stats, {});
  });
}

int show_top(const std::string& fleet, double seconds) {
  constexpr std::size_t kRows = 40;
  constexpr const char* kHomeAndClear = "\033[H\033[J";
  const bool terminal = isatty(1) != 0;
  for (;;) {
    const int code = ask_and_show(fleet, "/v1/stats", [&](const Json& stats) {
      return (terminal ? kHomeAndClear : "") + stats_table(stats, kRows);
    });
    if (code != kDone) return code;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
}

int show_logs(const std::string& fleet, const std::string& device, bool follow,
              std::optional<unsigned> tail) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  std::string target = Running::device_target(device, follow ? "/logs?follow=true" : "/logs?follow=false");
  if (tail) target += fmt::format("&tail={}", *tail);
  const auto answer = running->client().stream(target, [](std::string_view bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size() && std::fflush(stdout) == 0;
  });
  if (!answer) return fail(answer.error());
  return answer->ok() ? kDone : fail(answer->error());
}

int execute(const std::string& fleet, const ExecOptions& options) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  Answer answer(options.until);
  auto console = api::SocketClient::connect(
      running->endpoint(), Running::device_target(options.device, "/console?tail=0"),
      {.on_bytes = [&](std::string_view bytes) { answer.take(bytes); }, .on_end = [&] { answer.end(); }});
  if (!console) return fail(console.error());
  const auto typed = running->client().request("POST", Running::device_target(options.device, "/input"),
                                               options.text + "\n");
  if (!typed) return fail(typed.error());
  if (!typed->ok()) return fail(typed->error());
  if (answer.wait(std::chrono::duration<double>(options.timeout))) return kDone;
  fail(fmt::format("'{}' has not appeared within {} s", options.until, options.timeout));
  return kTimedOut;
}

int command_devices(const std::string& fleet, const std::string& command,
                    const std::vector<std::string>& devices) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  for (const std::string& device : devices) {
    const auto done = command == "rm" ? running->ask("DELETE", Running::device_target(device))
                                      : running->ask("POST", Running::device_target(device, "/" + command));
    if (!done) return fail(done.error());
  }
  return kDone;
}

int scale(const std::string& fleet, const std::vector<std::string>& counts) {
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  Json wanted = Json::object();
  for (const std::string& text : counts) {
    const std::size_t equals = text.find('=');
    std::string group = equals == std::string::npos ? "" : text.substr(0, equals);
    const std::string number = equals == std::string::npos ? text : text.substr(equals + 1);
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (number.empty() || error != std::errc() || end != number.data() + number.size())
      return fail(fmt::format("scale: '{}' is neither N nor GROUP=N", text));
    if (group.empty()) {
      const auto info = running->ask("GET", "/v1/fleet");
      if (!info) return fail(info.error());
      const Json& groups = (*info)["groups"];
      if (groups.size() != 1) return fail("scale: which group? Say GROUP=N; `espalier fleet ls` lists them");
      group = groups[0]["name"];
    }
    wanted[group] = count;
  }
  const auto done = running->ask("PATCH", "/v1/fleet", Json{{"scale", wanted}}.dump());
  return done ? kDone : fail(done.error());
}

int down(const std::string& fleet) {
  if (!fleet.empty()) {
    // Of one that was killed nothing is left after this, which is what was asked for.
    const auto files = fleet_files(fleet);
    if (!files) return fail(files.error());
    if (look_up(*files) == FleetLife::kCleared) return kDone;
  }
  const auto running = Running::find(fleet);
  if (!running) return fail(running.error());
  const auto info = running->ask("DELETE", "/v1/fleet");
  if (!info) return fail(info.error());
  const auto latest = std::chrono::steady_clock::now() + kDownTime;
  while (look_up(running->files()) == FleetLife::kRunning) {
    if (std::chrono::steady_clock::now() > latest)
      return fail(
          fmt::format("the fleet's process ({}) does not end; `kill -9` ends it", (*info)["pid"].dump()));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return kDone;
}

int list_fleets() {
  const auto all = running_fleets();
  if (!all) return fail(all.error());
  Json infos = Json::array();
  for (const FleetFiles& files : *all) {
    const auto running = Running::find(files.name);
    if (!running) continue;  // it has just ended
    if (auto info = running->ask("GET", "/v1/fleet")) infos.push_back(std::move(*info));
  }
  fmt::print("{}", fleets_table(infos));
  return kDone;
}

}  // namespace espalier::cli::fleet
